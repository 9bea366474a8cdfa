package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;

/** Watches one table through all memories that read it. */
final class TableObserver {

  private static final int MOST_SLOTS = 1 << 30;

  private final LayerRuntime<?> owner;
  private final String name;
  private final SlotCounts counts;
  private final List<ReaderObserver> readers = new ArrayList<>();
  private RowSample sample;
  private boolean sampling;

  TableObserver(LayerRuntime<?> owner, long slots) {
    this.owner = owner;
    name = owner.layerConf().getLayerName();
    Require.that(
        slots <= MOST_SLOTS,
        "MemoryTelemetry",
        "pool " + name,
        "at most " + MOST_SLOTS + " slots, which are counted in arrays",
        slots,
        "train this network without telemetry");
    counts = new SlotCounts(Math.toIntExact(slots));
  }

  /** The layer that has the table. */
  LayerRuntime<?> owner() {
    return owner;
  }

  void add(ProductKeyLookupRuntime<?> reader, boolean countSubKeys) {
    readers.add(new ReaderObserver(reader, this, countSubKeys));
  }

  SlotCounts counts() {
    return counts;
  }

  List<ReaderObserver> readers() {
    return readers;
  }

  /** Watches from now; on request also what the update of this step does to some rows. */
  void begin(boolean sampleRows) {
    sampling = sampleRows;
    sample = null;
    readers.forEach(ReaderObserver::begin);
  }

  void end() {
    readers.forEach(ReaderObserver::end);
  }

  /** What a reader has read. */
  void read(ProductKeyLookupRuntime<?> reader, Reads reads) {
    counts.add(reads.slots(), reads.weights(), reads.accesses());
    if (sampling && sample == null) {
      sample = new RowSample(reader, reads.slots(), reads.accesses(), reads.dataType());
    }
  }

  /**
   * Reports on the stretch that ends now, and begins the next.
   *
   * @param revival what is done at the end of the stretch; answers the number of sub-keys revived
   */
  PoolUsage report(int iteration, int steps, int window, ToIntFunction<TableObserver> revival) {
    SlotSpread reads = counts.reads();
    SlotSpread weights = counts.weights();
    long accesses = counts.total();
    double[] norms = sample == null ? new double[2] : sample.norms();
    sample = null;
    counts.endStretch();
    readers.forEach(ReaderObserver::endStretch);
    int stretches = Math.min(counts.stretches(), window);
    PoolUsage usage =
        new PoolUsage(
            name,
            iteration,
            steps,
            counts.slots(),
            accesses,
            reads,
            weights,
            counts.dead(stretches),
            stretches * steps,
            norms[0],
            norms[1],
            revival.applyAsInt(this),
            readers.stream().filter(ReaderObserver::hasRead).map(ReaderObserver::usage).toList());
    readers.forEach(ReaderObserver::nextStretch);
    return usage;
  }
}
