package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * An argument as kernels want it: contiguous, 'c' order. An array that already is so is used as it
 * stands; any other is copied, and, if it is an output, copied back by {@link #publish()}.
 */
record Dense(INDArray caller, INDArray array) {

  /** A result that nobody wants. */
  static final Dense NONE = new Dense(null, null);

  /** An array that is only read. */
  static INDArray in(INDArray array) {
    return contiguous(array) ? array : array.dup('c');
  }

  /** An array that is only read, and whose last so many axes alone must be contiguous. */
  static INDArray innermost(INDArray array, int axes) {
    long expected = 1;
    for (int axis = array.rank() - 1; axis >= array.rank() - axes; axis--) {
      if (array.size(axis) != 1 && array.stride(axis) != expected) {
        return array.dup('c');
      }
      expected *= array.size(axis);
    }
    return array;
  }

  /** An array that is written, whatever it held. */
  static Dense out(INDArray array) {
    return new Dense(
        array,
        contiguous(array) ? array : Nd4j.createUninitialized(array.dataType(), array.shape(), 'c'));
  }

  /** An array that is changed in part. */
  static Dense inOut(INDArray array) {
    return new Dense(array, in(array));
  }

  /** Hands the result to the caller's array. */
  void publish() {
    if (caller != array) {
      caller.assign(array);
    }
  }

  static boolean contiguous(INDArray array) {
    if (array.isEmpty()) {
      return true;
    }
    long expected = 1;
    for (int axis = array.rank() - 1; axis >= 0; axis--) {
      if (array.size(axis) != 1 && array.stride(axis) != expected) {
        return false;
      }
      expected *= array.size(axis);
    }
    return true;
  }

  /** Address of the first element of a contiguous array; 0 when it is empty. */
  static long address(INDArray array) {
    return array.isEmpty() ? 0 : array.data().addressPointer().address();
  }

  static long bytes(INDArray array) {
    return array.length() * array.dataType().width();
  }
}
