package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The op product_key_topk of a SameDiff graph; {@link SDMemory#productKeyTopK} adds it. Public for
 * SameDiff, which makes it when a graph is loaded.
 */
public final class ProductKeyTopKOp extends MemoryOp {

  static final String NAME = "product_key_topk";

  /** For SameDiff, which then sets inputs and arguments. */
  public ProductKeyTopKOp() {}

  ProductKeyTopKOp(SameDiff sameDiff, SDVariable query, SDVariable subKeys, int topK) {
    super(sameDiff, query, subKeys);
    addIArgument(topK);
  }

  ProductKeyTopKOp(INDArray query, INDArray subKeys, int topK) {
    super(new INDArray[] {query, subKeys}, null);
    addIArgument(topK);
  }

  @Override
  public String opName() {
    return NAME;
  }

  @Override
  int inputs() {
    return 2;
  }

  @Override
  public int getNumOutputs() {
    return 2;
  }

  @Override
  public List<DataType> calculateOutputDataTypes(List<DataType> types) {
    requireInputs(types);
    return List.of(floatType(types, 0, 1), DataType.INT64);
  }

  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    SDVariable slots = outputVariables()[1];
    ProductKeyTopKGradientOp gradient =
        new ProductKeyTopKGradientOp(sameDiff, arg(0), arg(1), slots, gradients.get(0));
    return List.of(gradient.outputVariables());
  }
}
