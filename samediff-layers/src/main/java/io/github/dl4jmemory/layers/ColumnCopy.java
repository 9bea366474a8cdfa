package io.github.dl4jmemory.layers;

import java.lang.ref.Reference;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Copies columns of a matrix, row by row: ND4J would go element by element. */
final class ColumnCopy {

  private ColumnCopy() {}

  /** The columns [rows, columns] as an array of their own, in 'c' order. */
  static INDArray of(INDArray columns) {
    INDArray copy = Nd4j.createUninitialized(columns.dataType(), columns.shape(), 'c');
    copy(columns, copy);
    return copy;
  }

  /** Assigns a matrix to another one of the same shape and type. */
  static void copy(INDArray from, INDArray to) {
    if (to.isEmpty()) {
      return;
    }
    if (!rowsAreDense(from) || !rowsAreDense(to)) {
      to.assign(from);
      return;
    }
    long width = to.dataType().width();
    long bytes = to.size(1) * width;
    BytePointer source = new BytePointer(from.data().addressPointer());
    BytePointer target = new BytePointer(to.data().addressPointer());
    for (long row = 0; row < to.size(0); row++) {
      Pointer.memcpy(
          target.position(row * to.stride(0) * width),
          source.position(row * from.stride(0) * width),
          bytes);
    }
    Reference.reachabilityFence(from);
    Reference.reachabilityFence(to);
  }

  private static boolean rowsAreDense(INDArray matrix) {
    return matrix.size(1) == 1 || matrix.stride(1) == 1;
  }
}
