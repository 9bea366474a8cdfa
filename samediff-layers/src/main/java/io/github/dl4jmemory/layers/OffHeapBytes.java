package io.github.dl4jmemory.layers;

import java.lang.ref.Reference;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The memory of a contiguous array in 'c' order, from which and to which runs of elements are
 * copied; no object is made for a copy. Not for several threads.
 */
final class OffHeapBytes {

  private final INDArray array;
  private final BytePointer from;
  private final BytePointer to;
  private final long width;

  OffHeapBytes(INDArray array) {
    this.array = array;
    from = new BytePointer(array.data().addressPointer());
    to = new BytePointer(array.data().addressPointer());
    width = array.dataType().width();
  }

  /** Assigns so many elements of this array from those of another of the same dtype. */
  void copy(OffHeapBytes source, long fromElement, long toElement, long length) {
    Pointer.memcpy(
        to.position(toElement * width), source.from.position(fromElement * width), length * width);
    Reference.reachabilityFence(source.array);
    Reference.reachabilityFence(array);
  }

  /** Moves elements within this array; the two places may overlap. */
  void move(long fromElement, long toElement, long length) {
    Pointer.memmove(
        to.position(toElement * width), from.position(fromElement * width), length * width);
    Reference.reachabilityFence(array);
  }
}
