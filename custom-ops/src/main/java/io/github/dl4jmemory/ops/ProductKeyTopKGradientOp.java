package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The gradient of product_key_topk in a SameDiff graph: to the query and to the sub-keys. Public
 * for SameDiff, which makes it when a graph is copied.
 */
public final class ProductKeyTopKGradientOp extends MemoryOp {

  static final String NAME = "product_key_topk_bp";

  /** For SameDiff, which then sets the inputs. */
  public ProductKeyTopKGradientOp() {}

  ProductKeyTopKGradientOp(
      SameDiff sameDiff,
      SDVariable query,
      SDVariable subKeys,
      SDVariable slots,
      SDVariable scoreGradients) {
    super(sameDiff, query, subKeys, slots, scoreGradients);
  }

  ProductKeyTopKGradientOp(
      INDArray query, INDArray subKeys, INDArray slots, INDArray scoreGradients) {
    super(new INDArray[] {query, subKeys, slots, scoreGradients}, null);
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
    requireIndexType(types, 2);
    DataType type = floatType(types, 0, 1, 3);
    return List.of(type, type);
  }
}
