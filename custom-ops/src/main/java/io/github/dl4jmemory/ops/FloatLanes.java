package io.github.dl4jmemory.ops;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Arithmetic on float runs. */
final class FloatLanes extends Lanes<float[]> {
  @Override
  Slab<float[]> slab(INDArray array) {
    return Slab.floats(array);
  }

  @Override
  float[] array(int length) {
    return new float[length];
  }

  @Override
  float[][] arrays(int count, int length) {
    return new float[count][length];
  }

  @Override
  double get(float[] array, int index) {
    return array[index];
  }

  @Override
  void set(float[] array, int index, double value) {
    array[index] = (float) value;
  }

  @Override
  void zero(float[] array, int length) {
    Arrays.fill(array, 0, length, 0f);
  }

  @Override
  double round(double value) {
    return (float) value;
  }

  @Override
  void addRows(float[] y, float[] w, int w0, float[][] x, int count, int length) {
    int r = 0;
    for (; r + 4 <= count; r += 4) {
      addFour(y, w, w0 + r, x, r, length);
    }
    for (; r < count; r++) {
      addRow(y, w[w0 + r], x[r], length);
    }
  }

  private static void addFour(float[] y, float[] w, int w0, float[][] x, int r, int length) {
    float a = w[w0];
    float b = w[w0 + 1];
    float c = w[w0 + 2];
    float d = w[w0 + 3];
    float[] first = x[r];
    float[] second = x[r + 1];
    float[] third = x[r + 2];
    float[] fourth = x[r + 3];
    for (int j = 0; j < length; j++) {
      y[j] += (a * first[j] + b * second[j]) + (c * third[j] + d * fourth[j]);
    }
  }

  @Override
  void addRow(float[] y, double w, float[] x, int length) {
    float a = (float) w;
    for (int j = 0; j < length; j++) {
      y[j] += a * x[j];
    }
  }

  @Override
  void addSquares(float[] y, float[] x, int length) {
    for (int j = 0; j < length; j++) {
      y[j] += x[j] * x[j];
    }
  }

  @Override
  void multiply(float[] y, float[] x, int length) {
    for (int j = 0; j < length; j++) {
      y[j] *= x[j];
    }
  }

  @Override
  double dot(float[] a, float[] b, int length, float[] products) {
    for (int j = 0; j < length; j++) {
      products[j] = a[j] * b[j];
    }
    return sum(products, length);
  }

  private static float sum(float[] x, int length) {
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    float e = 0;
    float f = 0;
    float g = 0;
    float h = 0;
    int j = 0;
    for (; j + 8 <= length; j += 8) {
      a += x[j];
      b += x[j + 1];
      c += x[j + 2];
      d += x[j + 3];
      e += x[j + 4];
      f += x[j + 5];
      g += x[j + 6];
      h += x[j + 7];
    }
    for (; j < length; j++) {
      a += x[j];
    }
    return ((a + b) + (c + d)) + ((e + f) + (g + h));
  }

  @Override
  void transpose(float[] from, int rows, int columns, float[][] to) {
    for (int c = 0; c < columns; c++) {
      float[] column = to[c];
      for (int r = 0; r < rows; r++) {
        column[r] = from[r * columns + c];
      }
    }
  }

  @Override
  void adam(float[] gradient, float[] m, float[] v, int length, AdamStep step) {
    float scale = (float) step.gradientScale();
    float keepM = (float) step.beta1();
    float addM = (float) (1 - step.beta1());
    float keepV = (float) step.beta2();
    float addV = (float) (1 - step.beta2());
    float size = (float) step.stepSize();
    float epsilon = (float) step.epsilon();
    for (int j = 0; j < length; j++) {
      gradient[j] *= scale;
    }
    for (int j = 0; j < length; j++) {
      m[j] = keepM * m[j] + addM * gradient[j];
    }
    for (int j = 0; j < length; j++) {
      v[j] = keepV * v[j] + addV * gradient[j] * gradient[j];
    }
    for (int j = 0; j < length; j++) {
      gradient[j] = size * m[j] / ((float) Math.sqrt(v[j]) + epsilon);
    }
  }

  @Override
  void scale(float[] x, int length, double factor) {
    float a = (float) factor;
    for (int j = 0; j < length; j++) {
      x[j] *= a;
    }
  }

  @Override
  void turn(float[] x, float[] cosines, float[] sines, int half) {
    for (int i = 0; i < half; i++) {
      float a = x[i];
      float b = x[i + half];
      x[i] = a * cosines[i] - b * sines[i];
      x[i + half] = b * cosines[i] + a * sines[i];
    }
  }

  @Override
  void subtract(float[] y, float[] x, int length) {
    for (int j = 0; j < length; j++) {
      y[j] -= x[j];
    }
  }
}
