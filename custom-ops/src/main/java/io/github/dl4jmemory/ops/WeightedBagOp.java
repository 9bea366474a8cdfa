package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The op weighted_bag of a SameDiff graph; {@link SDMemory#weightedBag} adds it. Public for
 * SameDiff, which makes it when a graph is loaded.
 */
public final class WeightedBagOp extends MemoryOp {

  static final String NAME = "weighted_bag";

  /** For SameDiff, which then sets the inputs. */
  public WeightedBagOp() {}

  WeightedBagOp(SameDiff sameDiff, SDVariable values, SDVariable slots, SDVariable weights) {
    super(sameDiff, values, slots, weights);
  }

  WeightedBagOp(INDArray values, INDArray slots, INDArray weights) {
    super(new INDArray[] {values, slots, weights}, null);
  }

  @Override
  public String opName() {
    return NAME;
  }

  @Override
  int inputs() {
    return 3;
  }

  @Override
  public int getNumOutputs() {
    return 1;
  }

  @Override
  public List<DataType> calculateOutputDataTypes(List<DataType> types) {
    requireInputs(types);
    requireIndexType(types, 1);
    return List.of(floatType(types, 0, 2));
  }

  /** Dense to the values: SameDiff knows no other gradient. See {@link DenseGradientLimit}. */
  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    DenseGradientLimit.check(arg(0).getShape());
    DenseGradientLimit.warn(arg(0).getShape());
    SDVariable[] ofTableAndWeights =
        new WeightedBagGradientOp(sameDiff, arg(0), arg(1), arg(2), gradients.get(0))
            .outputVariables();
    return List.of(ofTableAndWeights[0], sameDiff.zerosLike(arg(1)), ofTableAndWeights[1]);
  }
}
