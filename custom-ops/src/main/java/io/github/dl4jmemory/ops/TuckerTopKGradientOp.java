package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The gradient of tucker_topk in a SameDiff graph: to the query, the keys and the cores. Public for
 * SameDiff, which makes it when a graph is copied.
 */
public final class TuckerTopKGradientOp extends MemoryOp {

  static final String NAME = "tucker_topk_bp";

  /** For SameDiff, which then sets inputs and arguments. */
  public TuckerTopKGradientOp() {}

  TuckerTopKGradientOp(
      SameDiff sameDiff,
      SDVariable query,
      SDVariable keys,
      SDVariable cores,
      SDVariable slots,
      SDVariable scoreGradients) {
    super(sameDiff, query, keys, cores, slots, scoreGradients);
  }

  TuckerTopKGradientOp(
      INDArray query, INDArray keys, INDArray cores, INDArray slots, INDArray scoreGradients) {
    super(new INDArray[] {query, keys, cores, slots, scoreGradients}, null);
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
