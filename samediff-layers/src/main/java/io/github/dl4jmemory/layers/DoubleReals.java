package io.github.dl4jmemory.layers;

import java.lang.ref.Reference;
import java.util.Arrays;
import org.bytedeco.javacpp.DoublePointer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The inner loops in double. */
final class DoubleReals extends Reals<double[]> {

  @Override
  double[] allocate(int size) {
    return new double[size];
  }

  @Override
  int size(double[] a) {
    return a.length;
  }

  @Override
  double get(double[] a, int at) {
    return a[at];
  }

  @Override
  void set(double[] a, int at, double value) {
    a[at] = value;
  }

  @Override
  void fill(double[] a, int from, int to, double value) {
    Arrays.fill(a, from, to, value);
  }

  @Override
  void copy(double[] from, int fromAt, double[] to, int toAt, int n) {
    System.arraycopy(from, fromAt, to, toAt, n);
  }

  @Override
  void read(INDArray from, double[] to) {
    INDArray c = Matrices.contiguous(from);
    new DoublePointer(c.data().addressPointer()).get(to, 0, Math.toIntExact(c.length()));
    Reference.reachabilityFence(c); // a copy of ours is not freed while it is read
  }

  @Override
  void read(INDArray from, long at, double[] to, int n) {
    new DoublePointer(from.data().addressPointer()).position(at).get(to, 0, n);
    Reference.reachabilityFence(from);
  }

  @Override
  void write(double[] from, INDArray to) {
    new DoublePointer(to.data().addressPointer()).put(from, 0, Math.toIntExact(to.length()));
    Reference.reachabilityFence(to);
  }

  @Override
  void write(double[] from, INDArray to, long at, int n) {
    new DoublePointer(to.data().addressPointer()).position(at).put(from, 0, n);
    Reference.reachabilityFence(to);
  }

  @Override
  void combine(
      double[] a,
      int aAt,
      int aStep,
      int m,
      double[] x,
      int xAt,
      int xStep,
      double[] y,
      int yAt,
      int n) {
    int k = 0;
    for (; k + 4 <= m; k += 4) {
      int first = aAt + k * aStep;
      combine4(
          a[first],
          a[first + aStep],
          a[first + 2 * aStep],
          a[first + 3 * aStep],
          x,
          xAt + k * xStep,
          xStep,
          y,
          yAt,
          n);
    }
    for (; k < m; k++) {
      double factor = a[aAt + k * aStep];
      int row = xAt + k * xStep;
      for (int i = 0; i < n; i++) {
        y[yAt + i] += factor * x[row + i];
      }
    }
  }

  private static void combine4(
      double a0,
      double a1,
      double a2,
      double a3,
      double[] x,
      int x0,
      int xStep,
      double[] y,
      int yAt,
      int n) {
    int x1 = x0 + xStep;
    int x2 = x1 + xStep;
    int x3 = x2 + xStep;
    for (int i = 0; i < n; i++) {
      y[yAt + i] += a0 * x[x0 + i] + a1 * x[x1 + i] + (a2 * x[x2 + i] + a3 * x[x3 + i]);
    }
  }

  @Override
  double dot(double[] x, int xAt, double[] y, int yAt, int n) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i + 4 <= n; i += 4) {
      s0 += x[xAt + i] * y[yAt + i];
      s1 += x[xAt + i + 1] * y[yAt + i + 1];
      s2 += x[xAt + i + 2] * y[yAt + i + 2];
      s3 += x[xAt + i + 3] * y[yAt + i + 3];
    }
    for (; i < n; i++) {
      s0 += x[xAt + i] * y[yAt + i];
    }
    return (s0 + s1) + (s2 + s3);
  }

  @Override
  void scale(double[] y, int yAt, int n, double factor) {
    double f = factor;
    for (int i = yAt; i < yAt + n; i++) {
      y[i] *= f;
    }
  }

  @Override
  void transpose(
      double[] x, int xAt, int xStep, int rows, int columns, double[] out, int outAt, int outStep) {
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        out[outAt + column * outStep + row] = x[xAt + row * xStep + column];
      }
    }
  }

  @Override
  void rotate(double[] x, int xAt, int half, double[] cos, double[] sin, int tableAt, double sign) {
    double direction = sign;
    for (int i = 0; i < half; i++) {
      double c = cos[tableAt + i];
      double s = sin[tableAt + i] * direction;
      double first = x[xAt + i];
      double second = x[xAt + half + i];
      x[xAt + i] = first * c - second * s;
      x[xAt + half + i] = second * c + first * s;
    }
  }

  @Override
  double softmax(double[] s, int at, int n) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = at; i < at + n; i++) {
      max = Math.max(max, s[i]);
    }
    double sum = 0;
    for (int i = at; i < at + n; i++) {
      double e = Math.exp(s[i] - max);
      s[i] = e;
      sum += e;
    }
    scale(s, at, n, 1 / sum);
    return max + Math.log(sum);
  }

  @Override
  void softmaxBackward(double[] p, int pAt, double[] d, int dAt, int n, double factor) {
    double mean = dot(p, pAt, d, dAt, n);
    double f = factor;
    for (int i = 0; i < n; i++) {
      d[dAt + i] = p[pAt + i] * (d[dAt + i] - mean) * f;
    }
  }

  @Override
  void rmsNorm(
      double[] x,
      double[] gain,
      double epsilon,
      double[] y,
      double[] inverse,
      int from,
      int to,
      int n) {
    for (int row = from; row < to; row++) {
      int at = row * n;
      double inv = (1 / Math.sqrt(dot(x, at, x, at, n) / n + epsilon));
      inverse[row] = inv;
      for (int i = 0; i < n; i++) {
        y[at + i] = gain[i] * x[at + i] * inv;
      }
    }
  }

  @Override
  void rmsNormBackward(
      double[] x,
      double[] gain,
      double[] inverse,
      double[] dy,
      double[] dx,
      double[] dgain,
      int dgainAt,
      int from,
      int to,
      int n) {
    for (int row = from; row < to; row++) {
      int at = row * n;
      double inv = inverse[row];
      for (int i = 0; i < n; i++) {
        dx[at + i] = gain[i] * dy[at + i];
      }
      double pull = (dot(dx, at, x, at, n) * inv * inv * inv / n);
      for (int i = 0; i < n; i++) {
        dx[at + i] = inv * dx[at + i] - pull * x[at + i];
      }
      for (int i = 0; i < n; i++) {
        dgain[dgainAt + i] += inv * (dy[at + i] * x[at + i]);
      }
    }
  }

  @Override
  void swiGlu(double[] a, double[] b, double[] h, int from, int to) {
    for (int i = from; i < to; i++) {
      h[i] = a[i] / (1 + Math.exp(-a[i])) * b[i];
    }
  }

  @Override
  void swiGluBackward(double[] a, double[] b, double[] dh, int from, int to) {
    for (int i = from; i < to; i++) {
      double d = dh[i];
      double x = a[i];
      double sigmoid = 1 / (1 + Math.exp(-x));
      double silu = x * sigmoid;
      dh[i] = silu * b[i];
      a[i] = d * b[i] * sigmoid * (1 + x * (1 - sigmoid));
      b[i] = d * silu;
    }
  }
}
