package io.github.dl4jmemory.ops;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Arithmetic on double runs. */
final class DoubleLanes extends Lanes<double[]> {
  @Override
  Slab<double[]> slab(INDArray array) {
    return Slab.doubles(array);
  }

  @Override
  double[] array(int length) {
    return new double[length];
  }

  @Override
  double[][] arrays(int count, int length) {
    return new double[count][length];
  }

  @Override
  double get(double[] array, int index) {
    return array[index];
  }

  @Override
  void set(double[] array, int index, double value) {
    array[index] = value;
  }

  @Override
  void zero(double[] array, int length) {
    Arrays.fill(array, 0, length, 0d);
  }

  @Override
  double round(double value) {
    return value;
  }

  @Override
  void addRows(double[] y, double[] w, int w0, double[][] x, int count, int length) {
    int r = 0;
    for (; r + 4 <= count; r += 4) {
      addFour(y, w, w0 + r, x, r, length);
    }
    for (; r < count; r++) {
      addRow(y, w[w0 + r], x[r], length);
    }
  }

  private static void addFour(double[] y, double[] w, int w0, double[][] x, int r, int length) {
    double a = w[w0];
    double b = w[w0 + 1];
    double c = w[w0 + 2];
    double d = w[w0 + 3];
    double[] first = x[r];
    double[] second = x[r + 1];
    double[] third = x[r + 2];
    double[] fourth = x[r + 3];
    for (int j = 0; j < length; j++) {
      y[j] += (a * first[j] + b * second[j]) + (c * third[j] + d * fourth[j]);
    }
  }

  @Override
  void addRow(double[] y, double w, double[] x, int length) {
    double a = w;
    for (int j = 0; j < length; j++) {
      y[j] += a * x[j];
    }
  }

  @Override
  void addSquares(double[] y, double[] x, int length) {
    for (int j = 0; j < length; j++) {
      y[j] += x[j] * x[j];
    }
  }

  @Override
  void multiply(double[] y, double[] x, int length) {
    for (int j = 0; j < length; j++) {
      y[j] *= x[j];
    }
  }

  @Override
  double dot(double[] a, double[] b, int length, double[] products) {
    for (int j = 0; j < length; j++) {
      products[j] = a[j] * b[j];
    }
    return sum(products, length);
  }

  private static double sum(double[] x, int length) {
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
    double e = 0;
    double f = 0;
    double g = 0;
    double h = 0;
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
  void transpose(double[] from, int rows, int columns, double[][] to) {
    for (int c = 0; c < columns; c++) {
      double[] column = to[c];
      for (int r = 0; r < rows; r++) {
        column[r] = from[r * columns + c];
      }
    }
  }

  @Override
  void adam(double[] gradient, double[] m, double[] v, int length, AdamStep step) {
    double scale = step.gradientScale();
    double keepM = step.beta1();
    double addM = (1 - step.beta1());
    double keepV = step.beta2();
    double addV = (1 - step.beta2());
    double size = step.stepSize();
    double epsilon = step.epsilon();
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
      gradient[j] = size * m[j] / (Math.sqrt(v[j]) + epsilon);
    }
  }

  @Override
  void scale(double[] x, int length, double factor) {
    double a = factor;
    for (int j = 0; j < length; j++) {
      x[j] *= a;
    }
  }

  @Override
  void turn(double[] x, double[] cosines, double[] sines, int half) {
    for (int i = 0; i < half; i++) {
      double a = x[i];
      double b = x[i + half];
      x[i] = a * cosines[i] - b * sines[i];
      x[i + half] = b * cosines[i] + a * sines[i];
    }
  }

  @Override
  void subtract(double[] y, double[] x, int length) {
    for (int j = 0; j < length; j++) {
      y[j] -= x[j];
    }
  }
}
