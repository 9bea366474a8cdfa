package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Runtime of {@link PooledMemory}: the lookup in the table of a pool. */
final class PooledMemoryRuntime extends ProductKeyLookupRuntime<PooledMemory> {

  private static final long serialVersionUID = 1L;

  private final long bagSize;
  private transient MemoryPoolRuntime pool;

  PooledMemoryRuntime(NeuralNetConfiguration conf, DataType dataType, PooledMemory layer) {
    super(conf, dataType, layer);
    bagSize = (long) layer.getHeads() * layer.getTopK();
  }

  /** Ties this reader to the pool of its graph, for good. */
  void connect(MemoryPoolRuntime pool) {
    layerConf().requireFitting(pool.layerConf());
    pool.join(bagSize);
    this.pool = pool;
  }

  @Override
  void find(INDArray query, INDArray subKeys, INDArray scoresOut, INDArray slotsOut) {
    requirePool().find(query, subKeys, scoresOut, slotsOut);
  }

  @Override
  LayerRuntime<?> tableOwner() {
    return pool;
  }

  @Override
  void read(INDArray slots, INDArray weights, INDArray out) {
    requirePool().read(slots, weights, out);
  }

  private MemoryPoolRuntime requirePool() {
    Require.that(
        pool != null,
        title(),
        "pool",
        "a MemoryPool in the same ComputationGraph",
        "none",
        "add the layer by addTo(graph, name, input, pool)");
    return pool;
  }

  @Override
  void valuesBackward(
      INDArray slots, INDArray weights, INDArray readGradient, INDArray weightGradientOut) {
    pool.readerBackward(slots, weights, readGradient, weightGradientOut);
  }

  @Override
  void valuesBackwardOfNothing() {
    // nothing was read
  }
}
