package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Runtime of {@link ProductKeyMemory}: the lookup in a table of its own. */
final class ProductKeyMemoryRuntime extends ProductKeyLookupRuntime<ProductKeyMemory> {

  private static final long serialVersionUID = 1L;

  private final transient RowTable table;

  ProductKeyMemoryRuntime(NeuralNetConfiguration conf, DataType dataType, ProductKeyMemory layer) {
    super(conf, dataType, layer);
    table = rowTable(ProductKeyMemory.VALUES);
  }

  @Override
  LayerRuntime<?> tableOwner() {
    return this;
  }

  @Override
  void read(INDArray slots, INDArray weights, INDArray out) {
    table.read(slots, weights, out);
  }

  @Override
  void valuesBackward(
      INDArray slots, INDArray weights, INDArray readGradient, INDArray weightGradientOut) {
    table.backward(slots, weights, readGradient, weightGradientOut);
  }

  @Override
  void valuesBackwardOfNothing() {
    table.backwardOfNothing();
  }
}
