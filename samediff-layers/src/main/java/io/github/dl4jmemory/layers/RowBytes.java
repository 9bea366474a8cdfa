package io.github.dl4jmemory.layers;

import java.lang.ref.Reference;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The memory of a contiguous array in 'c' order: many small copies without an operation for each.
 */
final class RowBytes {

  private final INDArray array;
  private final BytePointer base;
  private final long elementSize;

  RowBytes(INDArray array) {
    this.array = array;
    elementSize = array.dataType().width();
    base = new BytePointer(array.data().addressPointer());
  }

  /** Copies so many elements inside of the array; the two places do not overlap. */
  void copy(long from, long to, long length) {
    Pointer.memcpy(at(to), at(from), length * elementSize);
    Reference.reachabilityFence(array);
  }

  /** Copies so many elements to another array of the same type. */
  void copyTo(RowBytes other, long from, long to, long length) {
    Pointer.memcpy(other.at(to), at(from), length * elementSize);
    Reference.reachabilityFence(array);
    Reference.reachabilityFence(other.array);
  }

  /** Sets so many elements to zero. */
  void zero(long from, long length) {
    Pointer.memset(at(from), 0, length * elementSize);
    Reference.reachabilityFence(array);
  }

  private BytePointer at(long element) {
    return base.getPointer(element * elementSize);
  }
}
