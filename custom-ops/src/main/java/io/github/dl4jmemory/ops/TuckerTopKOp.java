package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The op tucker_topk of a SameDiff graph; {@link SDUltraMem#tuckerTopK} adds it. Public for
 * SameDiff, which makes it when a graph is loaded.
 */
public final class TuckerTopKOp extends MemoryOp {

  static final String NAME = "tucker_topk";

  /** For SameDiff, which then sets inputs and arguments. */
  public TuckerTopKOp() {}

  TuckerTopKOp(
      SameDiff sameDiff,
      SDVariable query,
      SDVariable keys,
      SDVariable cores,
      SDVariable filters,
      int topK) {
    super(sameDiff, query, keys, cores, filters);
    addIArgument(topK);
  }

  TuckerTopKOp(INDArray query, INDArray keys, INDArray cores, INDArray filters, int topK) {
    super(new INDArray[] {query, keys, cores, filters}, null);
    addIArgument(topK);
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
    return List.of(floatType(types, 0, 1, 2, 3), DataType.INT64);
  }

  /** The filters and the choice of slots are constants. */
  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    SDVariable slots = outputVariables()[1];
    SDVariable[] of =
        new TuckerTopKGradientOp(sameDiff, arg(0), arg(1), arg(2), slots, gradients.get(0))
            .outputVariables();
    return List.of(of[0], of[1], of[2], sameDiff.zerosLike(arg(3)));
  }
}
