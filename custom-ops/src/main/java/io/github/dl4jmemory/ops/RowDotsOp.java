package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The op row_dots of a SameDiff graph; {@link SDUltraMem#rowDots} adds it. Public for SameDiff,
 * which makes it when a graph is loaded.
 */
public final class RowDotsOp extends MemoryOp {

  static final String NAME = "row_dots";

  /** For SameDiff, which then sets inputs and arguments. */
  public RowDotsOp() {}

  RowDotsOp(SameDiff sameDiff, SDVariable preValues, SDVariable slots, SDVariable inputs) {
    super(sameDiff, preValues, slots, inputs);
  }

  RowDotsOp(INDArray preValues, INDArray slots, INDArray inputs) {
    super(new INDArray[] {preValues, slots, inputs}, null);
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

  /** The gradients are those of a weighted bag, and its sums. See {@link DenseGradientLimit}. */
  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    DenseGradientLimit.check(arg(0).getShape());
    DenseGradientLimit.warn(arg(0).getShape());
    SDVariable weights = gradients.get(0);
    SDVariable[] ofTable =
        new WeightedBagGradientOp(sameDiff, arg(0), arg(1), weights, arg(2)).outputVariables();
    SDVariable ofInputs = new WeightedBagOp(sameDiff, arg(0), arg(1), weights).outputVariables()[0];
    return List.of(ofTable[0], sameDiff.zerosLike(arg(1)), ofInputs);
  }
}
