package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The op row_sgd: gradient descent on given rows of a table, as a function (values, rows,
 * rowGradients) to values; {@link SDMemory#rowSgd} adds it to a graph. Passing the same array as
 * output updates in place. Public for SameDiff, which makes it when a graph is loaded.
 */
public final class RowSgdOp extends MemoryOp {

  static final String NAME = "row_sgd";

  /** For SameDiff, which then sets inputs and arguments. */
  public RowSgdOp() {}

  RowSgdOp(INDArray[] inputs, INDArray[] outputs, double learningRate) {
    super(inputs, outputs);
    addTArgument(learningRate);
  }

  RowSgdOp(SameDiff sameDiff, SDVariable[] inputs, double learningRate) {
    super(sameDiff, inputs);
    addTArgument(learningRate);
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
}
