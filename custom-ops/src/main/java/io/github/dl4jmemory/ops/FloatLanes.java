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
  double get(float[] array, int index) {
    return array[index];
  }

  @Override
  void set(float[] array, int index, double value) {
    array[index] = (float) value;
  }

  @Override
  void zero(float[] array, int offset, int length) {
    Arrays.fill(array, offset, offset + length, 0f);
  }

  @Override
  double round(double value) {
    return (float) value;
  }

  @Override
  void addRows(float[] y, int y0, float[] w, int w0, float[] x, int count, int length) {
    int r = 0;
    for (; r + 8 <= count; r += 8) {
      addEight(y, y0, w, w0 + r, x, r * length, length);
    }
    for (; r < count; r++) {
      addRow(y, y0, w[w0 + r], x, r * length, length);
    }
  }

  private static void addEight(
      float[] y, int y0, float[] w, int w0, float[] x, int x0, int length) {
    float a = w[w0];
    float b = w[w0 + 1];
    float c = w[w0 + 2];
    float d = w[w0 + 3];
    float e = w[w0 + 4];
    float f = w[w0 + 5];
    float g = w[w0 + 6];
    float h = w[w0 + 7];
    int x1 = x0 + length;
    int x2 = x1 + length;
    int x3 = x2 + length;
    int x4 = x3 + length;
    int x5 = x4 + length;
    int x6 = x5 + length;
    int x7 = x6 + length;
    for (int j = 0; j < length; j++) {
      float low = (a * x[x0 + j] + b * x[x1 + j]) + (c * x[x2 + j] + d * x[x3 + j]);
      float high = (e * x[x4 + j] + f * x[x5 + j]) + (g * x[x6 + j] + h * x[x7 + j]);
      y[y0 + j] += low + high;
    }
  }

  @Override
  void addRow(float[] y, int y0, double w, float[] x, int x0, int length) {
    float a = (float) w;
    for (int j = 0; j < length; j++) {
      y[y0 + j] += a * x[x0 + j];
    }
  }

  @Override
  double dot(float[] a, int a0, float[] b, int b0, int length, float[] partial) {
    int quarter = length / 4;
    int a1 = a0 + quarter;
    int a2 = a1 + quarter;
    int a3 = a2 + quarter;
    int b1 = b0 + quarter;
    int b2 = b1 + quarter;
    int b3 = b2 + quarter;
    for (int j = 0; j < quarter; j++) {
      partial[j] =
          (a[a0 + j] * b[b0 + j] + a[a1 + j] * b[b1 + j])
              + (a[a2 + j] * b[b2 + j] + a[a3 + j] * b[b3 + j]);
    }
    float sum = sum(partial, quarter);
    for (int j = 4 * quarter; j < length; j++) {
      sum += a[a0 + j] * b[b0 + j];
    }
    return sum;
  }

  private static float sum(float[] x, int length) {
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    int j = 0;
    for (; j + 4 <= length; j += 4) {
      a += x[j];
      b += x[j + 1];
      c += x[j + 2];
      d += x[j + 3];
    }
    for (; j < length; j++) {
      a += x[j];
    }
    return (a + b) + (c + d);
  }

  @Override
  void transpose(float[] from, int rows, int columns, float[] to) {
    for (int c = 0; c < columns; c++) {
      for (int r = 0; r < rows; r++) {
        to[c * rows + r] = from[r * columns + c];
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
      float g = scale * gradient[j];
      m[j] = keepM * m[j] + addM * g;
      v[j] = keepV * v[j] + addV * (g * g);
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
  void subtract(float[] y, float[] x, int length) {
    for (int j = 0; j < length; j++) {
      y[j] -= x[j];
    }
  }
}
