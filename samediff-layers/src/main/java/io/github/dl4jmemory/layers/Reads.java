package io.github.dl4jmemory.layers;

import java.lang.ref.Reference;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The accesses of one pass as Java arrays, which grow and are used again. */
final class Reads {

  private long[] slots = new long[0];
  private float[] weights = new float[0];
  private int accesses;
  private DataType dataType;

  /** Takes slots LONG and weights FLOAT or DOUBLE of the same shape, both in 'c' order. */
  void copy(INDArray slotArray, INDArray weightArray) {
    accesses = Math.toIntExact(slotArray.length());
    dataType = weightArray.dataType();
    if (slots.length < accesses) {
      slots = new long[accesses];
      weights = new float[accesses];
    }
    INDArray floats = weightArray.castTo(DataType.FLOAT);
    new LongPointer(slotArray.data().addressPointer()).get(slots, 0, accesses);
    new FloatPointer(floats.data().addressPointer()).get(weights, 0, accesses);
    Reference.reachabilityFence(slotArray);
    Reference.reachabilityFence(floats);
  }

  long[] slots() {
    return slots;
  }

  float[] weights() {
    return weights;
  }

  int accesses() {
    return accesses;
  }

  /** Of the network. */
  DataType dataType() {
    return dataType;
  }
}
