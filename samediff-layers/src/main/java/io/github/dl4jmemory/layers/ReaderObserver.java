package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Watches one memory, for the table that it reads. */
final class ReaderObserver implements AccessObserver {

  private final ProductKeyLookupRuntime<?> reader;
  private final TableObserver table;
  private final EntropySample entropy;
  private final SubKeyCounts subKeys; // null where nobody asks for them
  private final Reads reads = new Reads();

  ReaderObserver(ProductKeyLookupRuntime<?> reader, TableObserver table, boolean countSubKeys) {
    ProductKeyLookup memory = reader.layerConf();
    this.reader = reader;
    this.table = table;
    entropy = new EntropySample(memory.getHeads(), memory.getTopK());
    subKeys =
        countSubKeys
            ? new SubKeyCounts(memory.getHeads(), memory.getTopK(), (int) memory.getSubKeys())
            : null;
  }

  ProductKeyLookupRuntime<?> reader() {
    return reader;
  }

  SubKeyCounts subKeys() {
    return subKeys;
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
    if (subKeys != null) {
      subKeys.add(reads.slots(), reads.accesses());
    }
  }

  boolean hasRead() {
    return !entropy.isEmpty();
  }

  PoolUsage.Reader usage() {
    ProductKeyLookup memory = reader.layerConf();
    return new PoolUsage.Reader(memory.getLayerName(), memory.getTopK(), entropy.means());
  }

  void endStretch() {
    if (subKeys != null) {
      subKeys.endStretch();
    }
  }

  void nextStretch() {
    entropy.clear();
    if (subKeys != null) {
      subKeys.nextStretch();
    }
  }
}
