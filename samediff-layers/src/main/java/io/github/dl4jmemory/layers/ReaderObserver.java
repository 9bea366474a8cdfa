package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Watches one memory, for the table that it reads. */
final class ReaderObserver implements AccessObserver {

  private final ProductKeyLookupRuntime<?> reader;
  private final TableObserver table;
  private final EntropySample entropy;
  private final Reads reads = new Reads();

  ReaderObserver(ProductKeyLookupRuntime<?> reader, TableObserver table) {
    this.reader = reader;
    this.table = table;
    entropy = new EntropySample(reader.layerConf().getHeads(), reader.layerConf().getTopK());
  }

  void begin() {
    reader.observe(this);
  }

  void end() {
    reader.observe(null);
  }

  @Override
  public void read(INDArray slots, INDArray weights) {
    reads.copy(slots, weights);
    table.read(reader, reads);
    entropy.add(reads.weights(), Math.toIntExact(slots.size(0)));
  }

  boolean hasRead() {
    return !entropy.isEmpty();
  }

  PoolUsage.Reader usage() {
    ProductKeyLookup memory = reader.layerConf();
    return new PoolUsage.Reader(memory.getLayerName(), memory.getTopK(), entropy.means());
  }

  void clear() {
    entropy.clear();
  }
}
