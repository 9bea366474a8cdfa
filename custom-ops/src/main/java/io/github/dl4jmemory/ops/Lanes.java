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

  abstract double get(A array, int index);

  abstract void set(A array, int index, double value);

  abstract void zero(A array, int offset, int length);

  /** A double rounded to the dtype; exact for the sum of two numbers of the dtype. */
  abstract double round(double value);

  /**
   * {@code y[y0 + j] += sum over r < count of w[w0 + r] * x[r * length + j]}, j below length, in
   * ascending order of blocks of r.
   */
  abstract void addRows(A y, int y0, A w, int w0, A x, int count, int length);

  /** {@code y[y0 + j] += w * x[x0 + j]}. */
  abstract void addRow(A y, int y0, double w, A x, int x0, int length);

  /** {@code sum of a[a0 + j] * b[b0 + j]}; partial needs 4 elements or more than length / 4. */
  abstract double dot(A a, int a0, A b, int b0, int length, A partial);

  /** {@code to[c * rows + r] = from[r * columns + c]}. */
  abstract void transpose(A from, int rows, int columns, A to);

  /** One Adam step on rows of moments; the gradient becomes the update. */
  abstract void adam(A gradient, A m, A v, int length, AdamStep step);

  /** {@code x[j] *= factor}. */
  abstract void scale(A x, int length, double factor);

  /** {@code y[j] -= x[j]}. */
  abstract void subtract(A y, A x, int length);
}
