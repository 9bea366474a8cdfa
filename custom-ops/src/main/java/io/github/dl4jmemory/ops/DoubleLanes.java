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
  double get(double[] array, int index) {
    return array[index];
  }

  @Override
  void set(double[] array, int index, double value) {
    array[index] = value;
  }

  @Override
  void zero(double[] array, int offset, int length) {
    Arrays.fill(array, offset, offset + length, 0d);
  }

  @Override
  double round(double value) {
    return value;
  }

  @Override
  void addRows(double[] y, int y0, double[] w, int w0, double[] x, int count, int length) {
    int r = 0;
    for (; r + 8 <= count; r += 8) {
      addEight(y, y0, w, w0 + r, x, r * length, length);
    }
    for (; r < count; r++) {
      addRow(y, y0, w[w0 + r], x, r * length, length);
    }
  }

  private static void addEight(
      double[] y, int y0, double[] w, int w0, double[] x, int x0, int length) {
    double a = w[w0];
    double b = w[w0 + 1];
    double c = w[w0 + 2];
    double d = w[w0 + 3];
    double e = w[w0 + 4];
    double f = w[w0 + 5];
    double g = w[w0 + 6];
    double h = w[w0 + 7];
    int x1 = x0 + length;
    int x2 = x1 + length;
    int x3 = x2 + length;
    int x4 = x3 + length;
    int x5 = x4 + length;
    int x6 = x5 + length;
    int x7 = x6 + length;
    for (int j = 0; j < length; j++) {
      double low = (a * x[x0 + j] + b * x[x1 + j]) + (c * x[x2 + j] + d * x[x3 + j]);
      double high = (e * x[x4 + j] + f * x[x5 + j]) + (g * x[x6 + j] + h * x[x7 + j]);
      y[y0 + j] += low + high;
    }
  }

  @Override
  void addRow(double[] y, int y0, double w, double[] x, int x0, int length) {
    double a = w;
    for (int j = 0; j < length; j++) {
      y[y0 + j] += a * x[x0 + j];
    }
  }

  @Override
  double dot(double[] a, int a0, double[] b, int b0, int length, double[] partial) {
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
    double sum = sum(partial, quarter);
    for (int j = 4 * quarter; j < length; j++) {
      sum += a[a0 + j] * b[b0 + j];
    }
    return sum;
  }

  private static double sum(double[] x, int length) {
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
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
  void transpose(double[] from, int rows, int columns, double[] to) {
    for (int c = 0; c < columns; c++) {
      for (int r = 0; r < rows; r++) {
        to[c * rows + r] = from[r * columns + c];
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
      double g = scale * gradient[j];
      m[j] = keepM * m[j] + addM * g;
      v[j] = keepV * v[j] + addV * (g * g);
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
  void subtract(double[] y, double[] x, int length) {
    for (int j = 0; j < length; j++) {
      y[j] -= x[j];
    }
  }
}
