package io.github.dl4jmemory.ops;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.CustomOpDescriptor;
import org.nd4j.linalg.api.ops.DynamicCustomOp;

/**
 * What the ops registered in libnd4jcpu share. They do not ask ND4J's list of ops for their hash:
 * that list is cached at the first custom op, which may be before our library was loaded.
 */
abstract class MemoryOp extends DynamicCustomOp {

  MemoryOp() {}

  MemoryOp(SameDiff sameDiff, SDVariable... inputs) {
    super(null, sameDiff, inputs);
  }

  MemoryOp(INDArray[] inputs, INDArray[] outputs) {
    super(null, inputs, outputs);
  }

  abstract int inputs();

  @Override
  public abstract int getNumOutputs();

  /** The hash that libnd4j gave at registration. */
  @Override
  public final long opHash() {
    return NativeLibrary.nd4jOps().opHash(opName());
  }

  @Override
  public final CustomOpDescriptor getDescriptor() {
    return CustomOpDescriptor.builder()
        .hash(opHash())
        .numInputs(inputs())
        .numOutputs(getNumOutputs())
        .numTArgs(numTArguments())
        .numIArgs(numIArguments())
        .allowsInplace(false)
        .build();
  }

  /** Everything is in the integer and floating-point arguments, which SameDiff stores itself. */
  @Override
  public final Map<String, Object> propertiesForFunction() {
    return Collections.emptyMap();
  }

  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    throw new UnsupportedOperationException(
        "["
            + opName()
            + "] gradient: expected an op that has one, got "
            + opName()
            + ". Fix: differentiate through product_key_topk and weighted_bag only, once");
  }

  final Require require() {
    return Require.op(opName());
  }

  final void requireInputs(List<DataType> types) {
    if (types == null || types.size() != inputs()) {
      String got = types == null ? "none" : Integer.toString(types.size());
      throw require().error("inputs", inputs() + " arrays", got, "pass all inputs in order");
    }
  }

  /** FLOAT or DOUBLE, all the same. */
  final DataType floatType(List<DataType> types, int... positions) {
    DataType first = types.get(positions[0]);
    if (first != DataType.FLOAT && first != DataType.DOUBLE) {
      throw typeError(positions[0], "FLOAT or DOUBLE", first);
    }
    for (int position : positions) {
      if (types.get(position) != first) {
        throw typeError(position, first.toString(), types.get(position));
      }
    }
    return first;
  }

  final void requireIndexType(List<DataType> types, int position) {
    DataType type = types.get(position);
    if (type != DataType.INT64 && type != DataType.INT32) {
      throw typeError(position, "LONG or INT", type);
    }
  }

  final void requireByteType(List<DataType> types, int position) {
    if (types.get(position) != DataType.INT8) {
      throw typeError(position, "BYTE", types.get(position));
    }
  }

  private IllegalArgumentException typeError(int position, String expected, DataType got) {
    return require()
        .error("input " + position, expected, got.toString(), "cast it with castTo(..)");
  }
}
