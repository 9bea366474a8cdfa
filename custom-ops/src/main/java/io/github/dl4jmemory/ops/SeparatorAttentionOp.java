package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The op separator_attention of a SameDiff graph; {@link SDMemory#separatorAttention} adds it.
 * Public for SameDiff, which makes it when a graph is loaded.
 */
public final class SeparatorAttentionOp extends MemoryOp {

  static final String NAME = "separator_attention";

  /** For SameDiff, which then sets inputs and arguments. */
  public SeparatorAttentionOp() {}

  SeparatorAttentionOp(SameDiff sameDiff, SDVariable[] inputs, int initial, int window) {
    super(sameDiff, inputs);
    addIArgument(initial, window);
  }

  SeparatorAttentionOp(INDArray[] inputs, int initial, int window) {
    super(inputs, null);
    addIArgument(initial, window);
  }

  @Override
  public String opName() {
    return NAME;
  }

  @Override
  int inputs() {
    return 4;
  }

  @Override
  public int getNumOutputs() {
    return 2;
  }

  @Override
  public List<DataType> calculateOutputDataTypes(List<DataType> types) {
    requireInputs(types);
    requireByteType(types, 3);
    DataType type = floatType(types, 0, 1, 2);
    return List.of(type, type);
  }

  /** The kinds are constants; the logarithms of the sums have no reader but the gradient. */
  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    SDVariable[] outputs = outputVariables();
    SDVariable[] in = {arg(0), arg(1), arg(2), arg(3), outputs[0], outputs[1], gradients.get(0)};
    int initial = getIArgument(0).intValue();
    int window = getIArgument(1).intValue();
    SDVariable[] of =
        new SeparatorAttentionGradientOp(sameDiff, in, initial, window).outputVariables();
    return List.of(of[0], of[1], of[2], sameDiff.zerosLike(arg(3)));
  }
}
