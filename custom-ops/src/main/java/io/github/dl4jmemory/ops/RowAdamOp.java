package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The op row_adam: Adam on given rows of a table, as a function (values, m, v, rows, rowGradients)
 * to (values, m, v); {@link SDMemory#rowAdam} adds it to a graph. Passing the same arrays as
 * outputs updates in place. Public for SameDiff, which makes it when a graph is loaded.
 */
public final class RowAdamOp extends MemoryOp {

  static final String NAME = "row_adam";

  /** For SameDiff, which then sets inputs and arguments. */
  public RowAdamOp() {}

  RowAdamOp(INDArray[] inputs, INDArray[] outputs, AdamStep step) {
    super(inputs, outputs);
    addTArgument(step.stepSize(), step.beta1(), step.beta2(), step.epsilon(), step.gradientScale());
  }

  RowAdamOp(SameDiff sameDiff, SDVariable[] inputs, AdamStep step) {
    super(sameDiff, inputs);
    addTArgument(step.stepSize(), step.beta1(), step.beta2(), step.epsilon(), step.gradientScale());
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
    return 3;
  }

  @Override
  public List<DataType> calculateOutputDataTypes(List<DataType> types) {
    requireInputs(types);
    requireIndexType(types, 3);
    DataType type = floatType(types, 0, 1, 2, 4);
    return List.of(type, type, type);
  }
}
