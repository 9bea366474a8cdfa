package io.github.dl4jmemory.ops;

import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Whether two arrays share memory, found by the first element of each: exact for arrays that are
 * contiguous, and for the same array in two orders. Views that cross, rows and columns of one
 * array, and begin outside each other are not found.
 */
final class SharedMemory {
  private SharedMemory() {}

  static boolean between(INDArray a, INDArray b) {
    if (a == null || b == null || a.isEmpty() || b.isEmpty()) {
      return false;
    }
    long first = Dense.address(a);
    long second = Dense.address(b);
    if (first + extent(a) <= second || second + extent(b) <= first) {
      return false;
    }
    return holds(a, second) || holds(b, first);
  }

  /** Bytes from the first element to the end of the last. */
  private static long extent(INDArray array) {
    long elements = 1;
    for (int axis = 0; axis < array.rank(); axis++) {
      elements += (array.size(axis) - 1) * array.stride(axis);
    }
    return elements * array.dataType().width();
  }

  /** Whether an element of the array stands at the address. */
  private static boolean holds(INDArray array, long address) {
    long rest = Math.floorDiv(address - Dense.address(array), (long) array.dataType().width());
    for (int axis : widestFirst(array)) {
      if (rest < 0) {
        return false;
      }
      rest -= Math.min(rest / array.stride(axis), array.size(axis) - 1) * array.stride(axis);
    }
    return rest == 0;
  }

  /** The axes with more than one entry, from the largest stride down. */
  private static List<Integer> widestFirst(INDArray array) {
    return IntStream.range(0, array.rank())
        .filter(axis -> array.size(axis) > 1 && array.stride(axis) > 0)
        .boxed()
        .sorted(Comparator.comparingLong((Integer axis) -> -array.stride(axis)))
        .toList();
  }
}
