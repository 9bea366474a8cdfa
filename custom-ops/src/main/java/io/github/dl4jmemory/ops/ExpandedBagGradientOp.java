package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.api.shape.LongShapeDescriptor;

/**
 * The gradient of expanded_bag in a SameDiff graph: dense to the values, and to the weights. Public
 * for SameDiff, which makes it when a graph is copied.
 */
public final class ExpandedBagGradientOp extends MemoryOp {

  static final String NAME = "expanded_bag_bp";

  /** For SameDiff, which then sets inputs and arguments. */
  public ExpandedBagGradientOp() {}

  ExpandedBagGradientOp(
      SameDiff sameDiff,
      SDVariable values,
      SDVariable slots,
      SDVariable blocks,
      SDVariable weights,
      SDVariable outGradients) {
    super(sameDiff, values, slots, blocks, weights, outGradients);
  }

  ExpandedBagGradientOp(
      INDArray values, INDArray slots, INDArray blocks, INDArray weights, INDArray outGradients) {
    super(new INDArray[] {values, slots, blocks, weights, outGradients}, null);
  }

  @Override
  public String opName() {
    return NAME;
  }

  @Override
  int inputs() {
    return 5;
  }

  @Override
  public int getNumOutputs() {
    return 2;
  }

  @Override
  public List<DataType> calculateOutputDataTypes(List<DataType> types) {
    requireInputs(types);
    requireIndexType(types, 1);
    requireIndexType(types, 2);
    DataType type = floatType(types, 0, 3, 4);
    return List.of(type, type);
  }

  /** Stops before a dense gradient of too large a table is allocated. */
  @Override
  public List<LongShapeDescriptor> calculateOutputShape(OpContext context) {
    INDArray values = context == null ? getInputArgument(0) : context.getInputArray(0);
    DenseGradientLimit.check(values == null ? null : values.shape());
    return super.calculateOutputShape(context);
  }
}
