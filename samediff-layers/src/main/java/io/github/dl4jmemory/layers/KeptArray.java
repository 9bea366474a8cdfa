package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.shape.Shape;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Room for a copy of an array that must outlive DL4J's workspaces; it grows, and is used again. */
final class KeptArray {

  private INDArray room;

  /** A copy of the array, in 'c' order, valid until the next call. */
  INDArray keep(INDArray array) {
    return room(array.dataType(), array.shape()).assign(array);
  }

  /** An array in 'c' order, to be assigned, valid until the next call. */
  INDArray room(DataType dataType, long... shape) {
    long length = Shape.lengthOf(shape);
    if (room == null || room.length() < length || room.dataType() != dataType) {
      room = Nd4j.createUninitializedDetached(dataType, length + length / 4);
    }
    return room.get(NDArrayIndex.interval(0, length)).reshape('c', shape);
  }
}
