package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The gradient of separator_attention in a SameDiff graph, to query, keys and values. Public for
 * SameDiff, which makes it when a graph is copied.
 */
public final class SeparatorAttentionGradientOp extends MemoryOp {

  static final String NAME = "separator_attention_bp";

  /** For SameDiff, which then sets inputs and arguments. */
  public SeparatorAttentionGradientOp() {}

  SeparatorAttentionGradientOp(SameDiff sameDiff, SDVariable[] inputs, int initial, int window) {
    super(sameDiff, inputs);
    addIArgument(initial, window);
  }

  SeparatorAttentionGradientOp(INDArray[] inputs, int initial, int window) {
    super(inputs, null);
    addIArgument(initial, window);
  }

  @Override
  public String opName() {
    return NAME;
  }

  @Override
  int inputs() {
    return 7;
  }

  @Override
  public int getNumOutputs() {
    return 3;
  }

  @Override
  public List<DataType> calculateOutputDataTypes(List<DataType> types) {
    requireInputs(types);
    requireByteType(types, 3);
    DataType type = floatType(types, 0, 1, 2, 4, 5, 6);
    return List.of(type, type, type);
  }
}
