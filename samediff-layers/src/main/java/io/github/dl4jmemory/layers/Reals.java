package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Inner loops of the language-model blocks on heap arrays, written once for float and once for
 * double, in forms that the JIT compiler turns into vector code: sums of scaled rows, no
 * single-element reductions.
 *
 * <p>{@code xAt} is where a row of {@code x} begins, {@code xStep} the distance between two rows.
 * An output is added to where the method says "+=", else assigned. No method keeps state: they may
 * run in parallel on ranges that do not overlap.
 *
 * @param <A> float[] or double[]
 */
abstract class Reals<A> {

  static Reals<?> of(DataType dataType) {
    return dataType == DataType.DOUBLE ? new DoubleReals() : new FloatReals();
  }

  abstract A allocate(int size);

  abstract int size(A a);

  abstract double get(A a, int at);

  abstract void set(A a, int at, double value);

  abstract void fill(A a, int from, int to, double value);

  abstract void copy(A from, int fromAt, A to, int toAt, int n);

  /** Copies an array of any order or stride, in 'c' order. */
  abstract void read(INDArray from, A to);

  /** Copies n elements of a contiguous 'c' array, from this one on, to the beginning. */
  abstract void read(INDArray from, long at, A to, int n);

  /** Copies the first elements into a contiguous 'c' array. */
  abstract void write(A from, INDArray to);

  /** Copies the first n elements into a contiguous 'c' array, from this one on. */
  abstract void write(A from, INDArray to, long at, int n);

  /** The array itself if it is large enough, else a new one; contents are not kept. */
  final A atLeast(A array, long size) {
    return array != null && size(array) >= size ? array : allocate(Math.toIntExact(size));
  }

  /** y[0..n) += sum over k &lt; m of a[k] x_k[0..n), where a has a step as well. */
  abstract void combine(
      A a, int aAt, int aStep, int m, A x, int xAt, int xStep, A y, int yAt, int n);

  /** sum x[i] y[i]. */
  abstract double dot(A x, int xAt, A y, int yAt, int n);

  /** y[i] *= factor. */
  abstract void scale(A y, int yAt, int n, double factor);

  /** out[column, row] = x[row, column]; out rows have outStep elements. */
  abstract void transpose(
      A x, int xAt, int xStep, int rows, int columns, A out, int outAt, int outStep);

  /** Rotates the pairs (x[i], x[i + half]) by angles with these cosines and sines. */
  abstract void rotate(A x, int xAt, int half, A cos, A sin, int tableAt, double sign);

  /** s = softmax(s), in place; returns log sum exp of the old s. */
  abstract double softmax(A s, int at, int n);

  /** d[i] = p[i] (d[i] - sum p d) factor: backward of a scaled softmax. */
  abstract void softmaxBackward(A p, int pAt, A d, int dAt, int n, double factor);

  /** y = gain x inverse with inverse = 1 / sqrt(mean(x^2) + epsilon), for rows [from, to). */
  abstract void rmsNorm(A x, A gain, double epsilon, A y, A inverse, int from, int to, int n);

  /** dx of {@link #rmsNorm}, and dgain[0..n) += its gradient over the rows [from, to). */
  abstract void rmsNormBackward(
      A x, A gain, A inverse, A dy, A dx, A dgain, int dgainAt, int from, int to, int n);

  /** h = a / (1 + exp(-a)) b. */
  abstract void swiGlu(A a, A b, A h, int from, int to);

  /** h as in {@link #swiGlu}, and dh, a, b become h, da, db in place. */
  abstract void swiGluBackward(A a, A b, A dh, int from, int to);
}
