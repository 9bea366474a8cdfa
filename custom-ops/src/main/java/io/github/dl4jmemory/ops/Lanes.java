package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The arithmetic of the portable kernels on runs of one dtype: everything that depends on the
 * dtype, and nothing else. The loops are written so that the compiler of the JVM vectorises them.
 *
 * @param <A> float[] or double[]
 */
abstract class Lanes<A> {
  /** The lanes of an array's dtype. */
  static Lanes<?> of(INDArray array) {
    return array.dataType() == DataType.FLOAT ? new FloatLanes() : new DoubleLanes();
  }

  abstract Slab<A> slab(INDArray array);

  abstract A array(int length);

  abstract A[] arrays(int count, int length);

  abstract double get(A array, int index);

  abstract void set(A array, int index, double value);

  abstract void zero(A array, int length);

  /** A double rounded to the dtype; exact for the sum of two numbers of the dtype. */
  abstract double round(double value);

  /**
   * {@code y[j] += sum over r < count of w[w0 + r] * x[r][j]}, j below length. Rows are arrays of
   * their own, four at a time: so the compiler of the JVM (17) vectorises, and not with offsets
   * into one array or with more rows.
   */
  abstract void addRows(A y, A w, int w0, A[] x, int count, int length);

  /** {@code y[j] += w * x[j]}. */
  abstract void addRow(A y, double w, A x, int length);

  /** {@code y[j] += x[j] * x[j]}. */
  abstract void addSquares(A y, A x, int length);

  /** {@code y[j] *= x[j]}. */
  abstract void multiply(A y, A x, int length);

  /** {@code sum of a[j] * b[j]}; products has room for length elements. */
  abstract double dot(A a, A b, int length, A products);

  /** {@code to[c][r] = from[r * columns + c]}. */
  abstract void transpose(A from, int rows, int columns, A[] to);

  /** One Adam step on rows of moments; the gradient becomes the update. */
  abstract void adam(A gradient, A m, A v, int length, AdamStep step);

  /** {@code x[j] *= factor}. */
  abstract void scale(A x, int length, double factor);

  /** Turns the pairs {@code (x[i], x[i + half])}, i below half, by these angles. */
  abstract void turn(A x, A cosines, A sines, int half);

  /** {@code y[j] -= x[j]}. */
  abstract void subtract(A y, A x, int length);
}
