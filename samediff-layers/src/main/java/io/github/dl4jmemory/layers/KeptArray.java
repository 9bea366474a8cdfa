package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Room for a copy of an array that must outlive DL4J's workspaces; it grows, and is used again. */
final class KeptArray {

  private INDArray room;

  /** A copy of the array, in 'c' order, valid until the next call. */
  INDArray keep(INDArray array) {
    long length = array.length();
    if (room == null || room.length() < length || room.dataType() != array.dataType()) {
      room = Nd4j.createUninitializedDetached(array.dataType(), length + length / 4);
    }
    INDArray copy = room.get(NDArrayIndex.interval(0, length)).reshape('c', array.shape());
    return copy.assign(array);
  }
}
