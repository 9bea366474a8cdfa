package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The op expanded_bag of a SameDiff graph; {@link SDUltraMem#expandedBag} adds it. Public for
 * SameDiff, which makes it when a graph is loaded.
 */
public final class ExpandedBagOp extends MemoryOp {

  static final String NAME = "expanded_bag";

  /** For SameDiff, which then sets inputs and arguments. */
  public ExpandedBagOp() {}

  ExpandedBagOp(
      SameDiff sameDiff,
      SDVariable values,
      SDVariable slots,
      SDVariable blocks,
      SDVariable weights,
      int expansion) {
    super(sameDiff, values, slots, blocks, weights);
    addIArgument(expansion);
  }

  ExpandedBagOp(INDArray values, INDArray slots, INDArray blocks, INDArray weights, int expansion) {
    super(new INDArray[] {values, slots, blocks, weights}, null);
    addIArgument(expansion);
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
    return 1;
  }

  @Override
  public List<DataType> calculateOutputDataTypes(List<DataType> types) {
    requireInputs(types);
    requireIndexType(types, 1);
    requireIndexType(types, 2);
    return List.of(floatType(types, 0, 3));
  }

  /** Dense to the values: SameDiff knows no other gradient. See {@link DenseGradientLimit}. */
  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    DenseGradientLimit.check(arg(0).getShape());
    DenseGradientLimit.warn(arg(0).getShape());
    SDVariable[] of =
        new ExpandedBagGradientOp(sameDiff, arg(0), arg(1), arg(2), arg(3), gradients.get(0))
            .outputVariables();
    return List.of(of[0], sameDiff.zerosLike(arg(1)), sameDiff.zerosLike(arg(2)), of[1]);
  }
}
