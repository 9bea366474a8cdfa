package io.github.dl4jmemory.layers;

import java.lang.ref.Reference;
import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The inner loops in float. */
final class FloatReals extends Reals<float[]> {

  @Override
  float[] allocate(int size) {
    return new float[size];
  }

  @Override
  int size(float[] a) {
    return a.length;
  }

  @Override
  double get(float[] a, int at) {
    return a[at];
  }

  @Override
  void set(float[] a, int at, double value) {
    a[at] = (float) value;
  }

  @Override
  void fill(float[] a, int from, int to, double value) {
    Arrays.fill(a, from, to, (float) value);
  }

  @Override
  void copy(float[] from, int fromAt, float[] to, int toAt, int n) {
    System.arraycopy(from, fromAt, to, toAt, n);
  }

  @Override
  void read(INDArray from, float[] to) {
    INDArray c = Matrices.contiguous(from);
    new FloatPointer(c.data().addressPointer()).get(to, 0, Math.toIntExact(c.length()));
    Reference.reachabilityFence(c); // a copy of ours is not freed while it is read
  }

  @Override
  void read(INDArray from, long at, float[] to, int n) {
    new FloatPointer(from.data().addressPointer()).position(at).get(to, 0, n);
    Reference.reachabilityFence(from);
  }

  @Override
  void write(float[] from, INDArray to) {
    new FloatPointer(to.data().addressPointer()).put(from, 0, Math.toIntExact(to.length()));
    Reference.reachabilityFence(to);
  }

  @Override
  void write(float[] from, INDArray to, long at, int n) {
    new FloatPointer(to.data().addressPointer()).position(at).put(from, 0, n);
    Reference.reachabilityFence(to);
  }

  @Override
  void combine(
      float[] a,
      int aAt,
      int aStep,
      int m,
      float[] x,
      int xAt,
      int xStep,
      float[] y,
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
      float factor = a[aAt + k * aStep];
      int row = xAt + k * xStep;
      for (int i = 0; i < n; i++) {
        y[yAt + i] += factor * x[row + i];
      }
    }
  }

  private static void combine4(
      float a0,
      float a1,
      float a2,
      float a3,
      float[] x,
      int x0,
      int xStep,
      float[] y,
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
  double dot(float[] x, int xAt, float[] y, int yAt, int n) {
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
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
  void scale(float[] y, int yAt, int n, double factor) {
    float f = (float) factor;
    for (int i = yAt; i < yAt + n; i++) {
      y[i] *= f;
    }
  }

  @Override
  void transpose(
      float[] x, int xAt, int xStep, int rows, int columns, float[] out, int outAt, int outStep) {
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        out[outAt + column * outStep + row] = x[xAt + row * xStep + column];
      }
    }
  }

  @Override
  void rotate(float[] x, int xAt, int half, float[] cos, float[] sin, int tableAt, double sign) {
    float direction = (float) sign;
    for (int i = 0; i < half; i++) {
      float c = cos[tableAt + i];
      float s = sin[tableAt + i] * direction;
      float first = x[xAt + i];
      float second = x[xAt + half + i];
      x[xAt + i] = first * c - second * s;
      x[xAt + half + i] = second * c + first * s;
    }
  }

  @Override
  double softmax(float[] s, int at, int n) {
    float max = max(s, at, n);
    double sum = expMinusSummed(s, at, n, max);
    scale(s, at, n, 1 / sum);
    return max + Math.log(sum);
  }

  // Four chains each: a single one waits for its last maximum, or sum, at every element.

  /** The largest; what it is if one is NaN does not matter, the sum is NaN then. */
  private static float max(float[] s, int at, int n) {
    float m0 = Float.NEGATIVE_INFINITY;
    float m1 = m0;
    float m2 = m0;
    float m3 = m0;
    int i = at;
    for (; i + 4 <= at + n; i += 4) {
      m0 = s[i] > m0 ? s[i] : m0;
      m1 = s[i + 1] > m1 ? s[i + 1] : m1;
      m2 = s[i + 2] > m2 ? s[i + 2] : m2;
      m3 = s[i + 3] > m3 ? s[i + 3] : m3;
    }
    for (; i < at + n; i++) {
      m0 = s[i] > m0 ? s[i] : m0;
    }
    return Math.max(Math.max(m0, m1), Math.max(m2, m3));
  }

  /** s = exp(s - shift); returns their sum. */
  private static double expMinusSummed(float[] s, int at, int n, float shift) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = at;
    for (; i + 4 <= at + n; i += 4) {
      s0 += s[i] = exp(s[i] - shift);
      s1 += s[i + 1] = exp(s[i + 1] - shift);
      s2 += s[i + 2] = exp(s[i + 2] - shift);
      s3 += s[i + 3] = exp(s[i + 3] - shift);
    }
    for (; i < at + n; i++) {
      s0 += s[i] = exp(s[i] - shift);
    }
    return (s0 + s1) + (s2 + s3);
  }

  @Override
  void softmaxBackward(float[] p, int pAt, float[] d, int dAt, int n, double factor) {
    float mean = (float) dot(p, pAt, d, dAt, n);
    float f = (float) factor;
    for (int i = 0; i < n; i++) {
      d[dAt + i] = p[pAt + i] * (d[dAt + i] - mean) * f;
    }
  }

  @Override
  void rmsNorm(
      float[] x,
      float[] gain,
      double epsilon,
      float[] y,
      float[] inverse,
      int from,
      int to,
      int n) {
    for (int row = from; row < to; row++) {
      int at = row * n;
      float inv = (float) (1 / Math.sqrt(dot(x, at, x, at, n) / n + epsilon));
      inverse[row] = inv;
      for (int i = 0; i < n; i++) {
        y[at + i] = gain[i] * x[at + i] * inv;
      }
    }
  }

  @Override
  void rmsNormBackward(
      float[] x,
      float[] gain,
      float[] inverse,
      float[] dy,
      float[] dx,
      float[] dgain,
      int dgainAt,
      int from,
      int to,
      int n) {
    for (int row = from; row < to; row++) {
      int at = row * n;
      float inv = inverse[row];
      for (int i = 0; i < n; i++) {
        dx[at + i] = gain[i] * dy[at + i];
      }
      float pull = (float) (dot(dx, at, x, at, n) * inv * inv * inv / n);
      for (int i = 0; i < n; i++) {
        dx[at + i] = inv * dx[at + i] - pull * x[at + i];
      }
      for (int i = 0; i < n; i++) {
        dgain[dgainAt + i] += inv * (dy[at + i] * x[at + i]);
      }
    }
  }

  @Override
  void swiGlu(float[] a, float[] b, float[] h, int from, int to) {
    for (int i = from; i < to; i++) {
      h[i] = a[i] / (1 + exp(-a[i])) * b[i];
    }
  }

  @Override
  void swiGluBackward(float[] a, float[] b, float[] dh, int from, int to) {
    for (int i = from; i < to; i++) {
      float d = dh[i];
      float x = a[i];
      float sigmoid = 1 / (1 + exp(-x));
      float silu = x * sigmoid;
      dh[i] = silu * b[i];
      a[i] = d * b[i] * sigmoid * (1 + x * (1 - sigmoid));
      b[i] = d * silu;
    }
  }

  // exp(x) = 2^k exp(r), |r| <= ln(2)/2: k by rounding in the mantissa, exp(r) by the polynomial of
  // Cephes' expf. Relative error below 1.2e-7 (BlocksForwardTest); outside of [-87.3, 88.02]
  // Math.exp answers.

  private static final float ROUND = 12582912f; // 1.5 * 2^23
  private static final float LOG2_E = 1.44269504f;
  private static final float LN2_HIGH = 0.693359375f;
  private static final float LN2_LOW = -2.12194440e-4f;

  static float exp(float x) {
    if (!(x > -87.3f && x < 88.02f)) {
      return (float) Math.exp(x);
    }
    float k = x * LOG2_E + ROUND - ROUND;
    float r = x - k * LN2_HIGH - k * LN2_LOW;
    float p = 1.9875691500E-4f;
    p = p * r + 1.3981999507E-3f;
    p = p * r + 8.3334519073E-3f;
    p = p * r + 4.1665795894E-2f;
    p = p * r + 1.6666665459E-1f;
    p = p * r + 5.0000001201E-1f;
    p = p * r * r + r + 1f;
    return p * Float.intBitsToFloat((int) k + 127 << 23);
  }
}
