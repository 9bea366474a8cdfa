package io.github.dl4jmemory.layers;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * How many batches of a background text read each row of a network's memories: what {@link
 * MemoryEditor} must not disturb. Counted once, saved beside the network, and used for every edit.
 *
 * <p>Values do not decide which rows are read by a first memory, but what it says decides the
 * queries of later ones: after large edits, count again. Immutable; an int a slot.
 */
public final class AccessCounts {

  private static final String OWNER = "AccessCounts";
  private static final String KIND = "DL4JMACC";

  private final long batches;
  private final Map<String, Table> tables;

  private AccessCounts(long batches, Map<String, Table> tables) {
    this.batches = batches;
    this.tables = tables;
  }

  /** The counts of one table. */
  record Table(long batches, int[] readBy, double sumWithOnes) {

    static Table of(long batches, int[] readBy) {
      return new Table(
          batches, readBy, IntStream.of(readBy).asDoubleStream().sum() + readBy.length);
    }
  }

  /**
   * Reads every batch by a forward pass of the network, as {@code network.output} does. Masks of
   * the features count: a masked step reads nothing.
   *
   * @param network an initialised graph with ProductKeyMemory or MemoryPool layers
   * @param background batches of text that edits should leave alone, such as a
   *     MultiDataSetIterator; labels are not looked at
   * @return the counts
   * @throws IllegalArgumentException if the network has no memory, or there is no batch
   */
  public static AccessCounts of(
      ComputationGraph network, Iterator<? extends MultiDataSet> background) {
    List<EditedTable> memories = EditedTable.all(OWNER, network);
    Require.that(background != null, OWNER, "background", "batches", "null", "pass an iterator");
    List<BackgroundWatcher> watchers = new ArrayList<>();
    memories.forEach(memory -> watchers.add(new BackgroundWatcher(memory.slots())));
    int batches = 0;
    try {
      for (int i = 0; i < watchers.size(); i++) {
        memories.get(i).watch(watchers.get(i));
      }
      while (background.hasNext()) {
        read(network, background.next());
        watchers.forEach(BackgroundWatcher::endBatch);
        batches++;
      }
    } finally {
      memories.forEach(memory -> memory.watch(null));
    }
    Require.that(
        batches > 0, OWNER, "background", "at least one batch", "none", "reset the iterator");
    Map<String, Table> tables = new LinkedHashMap<>();
    for (int i = 0; i < watchers.size(); i++) {
      tables.put(memories.get(i).name(), Table.of(batches, watchers.get(i).readBy()));
    }
    return new AccessCounts(batches, tables);
  }

  private static void read(ComputationGraph network, MultiDataSet batch) {
    network.output(false, batch.getFeatures(), batch.getFeaturesMaskArrays());
    network.clearLayerMaskArrays();
  }

  /**
   * Background batches.
   *
   * @return how many were counted
   */
  public long batches() {
    return batches;
  }

  /**
   * How many background batches have read a row.
   *
   * @param layer name of the ProductKeyMemory or MemoryPool
   * @param slot the row
   * @return 0 to {@link #batches}
   * @throws IllegalArgumentException if there is no such layer or row
   */
  public int batchesThatRead(String layer, long slot) {
    Table table = table(layer);
    Require.that(
        slot >= 0 && slot < table.readBy.length,
        OWNER,
        "slot",
        "0 to " + (table.readBy.length - 1),
        slot,
        "name a row of " + layer);
    return table.readBy[(int) slot];
  }

  private Table table(String layer) {
    Table table = tables.get(layer);
    Require.that(
        table != null, OWNER, "layer", "one of " + tables.keySet(), layer, "name such a layer");
    return table;
  }

  /** The counts of a memory; throws when they were counted on another network. */
  Table of(EditedTable memory) {
    Table table = tables.get(memory.name());
    Require.that(
        table != null && table.readBy.length == memory.slots(),
        "MemoryEditor",
        "background",
        "counts of " + memory.name() + " with " + memory.slots() + " slots",
        table == null ? "counts of " + tables.keySet() : table.readBy.length + " slots",
        "use AccessCounts.of(...) with this network");
    return table;
  }

  /**
   * Writes the counts to a file, which is complete or not there.
   *
   * @param file where to write
   * @throws IOException when it cannot be written
   */
  public void save(Path file) throws IOException {
    CheckedFiles.write(file, KIND, this::write);
  }

  private void write(DataOutputStream out) throws IOException {
    out.writeLong(batches);
    out.writeInt(tables.size());
    for (Map.Entry<String, Table> table : tables.entrySet()) {
      out.writeUTF(table.getKey());
      out.writeInt(table.getValue().readBy.length);
      for (int count : table.getValue().readBy) {
        out.writeInt(count);
      }
    }
  }

  /**
   * Reads counts from a file.
   *
   * @param file a file of {@link #save}
   * @return the counts
   * @throws IOException when it cannot be read
   * @throws IllegalArgumentException when it is no complete file of counts
   */
  public static AccessCounts load(Path file) throws IOException {
    return CheckedFiles.read(file, OWNER, KIND, AccessCounts::read);
  }

  private static AccessCounts read(DataInputStream in) throws IOException {
    long batches = in.readLong();
    Map<String, Table> tables = new LinkedHashMap<>();
    for (int left = in.readInt(); left > 0; left--) {
      String name = in.readUTF();
      int[] readBy = new int[in.readInt()];
      for (int i = 0; i < readBy.length; i++) {
        readBy[i] = in.readInt();
      }
      tables.put(name, Table.of(batches, readBy));
    }
    return new AccessCounts(batches, tables);
  }
}
