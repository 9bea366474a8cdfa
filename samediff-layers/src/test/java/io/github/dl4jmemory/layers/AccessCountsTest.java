package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** Which rows a background reads, and how rows are chosen by it. */
@ExtendWith(Seeded.class)
class AccessCountsTest {

  @TempDir Path folder;

  /** Against the top-k of the readers themselves, example by example. */
  @Test
  void countsBatchesNotAccesses() {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    List<MultiDataSet> batches = new ArrayList<>();
    long[] expected = new long[961];
    for (int seed = 20; seed < 23; seed++) {
      MultiDataSet batch = Edits.batch(DataType.FLOAT, seed);
      batches.add(batch);
      boolean[] read = new boolean[961];
      for (int row = 0; row < 13; row++) {
        MultiDataSet example = Edits.example(DataType.FLOAT, seed, row);
        Set<Long> slots = Edits.read(network, "pool", example);
        assertTrue(slots.size() > 1 && slots.size() <= 8, slots.size() + " slots of 6 + 2");
        slots.forEach(slot -> read[slot.intValue()] = true);
      }
      for (int slot = 0; slot < 961; slot++) {
        expected[slot] += read[slot] ? 1 : 0;
      }
    }
    AccessCounts counts = AccessCounts.of(network, batches.iterator());
    assertEquals(3, counts.batches());
    for (int slot = 0; slot < 961; slot++) {
      assertEquals(expected[slot], counts.batchesThatRead("pool", slot), "slot " + slot);
    }
  }

  @Test
  void maskedStepsReadNothing() {
    ComputationGraph network =
        Networks.sequenceGraph(
            Networks.memory().build(), RNNFormat.NWC, DataType.FLOAT, new Adam(1e-2));
    INDArray x = Elements.uniform(new Random(3), DataType.FLOAT, 1, 3, Networks.IN);
    INDArray y = Nd4j.zeros(DataType.FLOAT, 1, 3, Networks.OUT);
    Set<Long> all = Edits.read(network, "memory", new DataSet(x, y).toMultiDataSet());
    Set<Long> one =
        Edits.read(network, "memory", new DataSet(x, y, Edits.row(0, 1, 0), null).toMultiDataSet());
    assertTrue(one.size() <= 6 && one.size() > 1 && all.size() > 6, one + " of " + all);
    Set<Long> again = Edits.read(network, "memory", new DataSet(x, y).toMultiDataSet());
    assertEquals(all, again, "the mask is gone");
  }

  @Test
  void savedCountsAreTheSame() throws IOException {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    AccessCounts counts = Edits.background(network, DataType.FLOAT);
    counts.save(folder.resolve("counts"));
    AccessCounts loaded = AccessCounts.load(folder.resolve("counts"));
    assertEquals(5, loaded.batches());
    for (long slot = 0; slot < 961; slot++) {
      assertEquals(counts.batchesThatRead("pool", slot), loaded.batchesThatRead("pool", slot));
    }
    MemoryEditor.builder(network, loaded).build();
  }

  @Test
  void refusesWhatCannotBeCounted() {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    assertEquals(
        "[AccessCounts] background: expected at least one batch, got none. Fix: reset the"
            + " iterator.",
        refusal(() -> AccessCounts.of(network, List.<MultiDataSet>of().iterator())));
    assertEquals(
        "[AccessCounts] background: expected batches, got null. Fix: pass an iterator.",
        refusal(() -> AccessCounts.of(network, null)));
    assertEquals(
        "[AccessCounts] network: expected an initialised network, got one without layers. Fix: call"
            + " network.init() before.",
        refusal(
            () ->
                AccessCounts.of(
                    new ComputationGraph(network.getConfiguration().clone()),
                    List.<MultiDataSet>of().iterator())));
    ComputationGraph dense = Decoders.tiny().graph(DataType.FLOAT, new Adam(1e-2));
    assertEquals(
        "[AccessCounts] network: expected a network with a ProductKeyMemory or a MemoryPool, got"
            + " one without. Fix: edit networks that have a memory.",
        refusal(() -> AccessCounts.of(dense, List.<MultiDataSet>of().iterator())));
  }

  @Test
  void refusesUnknownRows() {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    AccessCounts counts = Edits.background(network, DataType.FLOAT);
    for (long slot : new long[] {-1, 961}) {
      assertEquals(
          "[AccessCounts] slot: expected 0 to 960, got " + slot + ". Fix: name a row of pool.",
          refusal(() -> counts.batchesThatRead("pool", slot)));
    }
    assertEquals(
        "[AccessCounts] layer: expected one of [pool], got memory1. Fix: name such a layer.",
        refusal(() -> counts.batchesThatRead("memory1", 0)));
  }

  /** Double loops over the formulas. */
  @Test
  void rowsAreChosenByTheFormulas(Random random) {
    int slots = 101;
    long batches = 7;
    int[] readBy = random.ints(slots, 0, 8).toArray();
    AccessCounts.Table table = AccessCounts.Table.of(batches, readBy);
    long[] rows = random.ints(53, 0, slots).distinct().sorted().asLongStream().toArray();
    long[] counts = random.longs(rows.length, 0, 5).toArray();
    for (RowChoice choice : RowChoice.values()) {
      int[] chosen = new RowSelection(table, choice, 11).of(rows, counts);
      assertArrayEquals(oracle(choice, rows, counts, readBy, batches, 11), chosen, "" + choice);
    }
  }

  private static int[] oracle(
      RowChoice choice, long[] rows, long[] counts, int[] readBy, long batches, int most) {
    double all = 0;
    double background = 0;
    for (long count : counts) {
      all += count;
    }
    for (int count : readBy) {
      background += count + 1;
    }
    double[] scores = new double[rows.length];
    for (int i = 0; i < rows.length; i++) {
      double p = counts[i] / all;
      double df = readBy[(int) rows[i]];
      scores[i] =
          choice == RowChoice.TF_IDF
              ? p * Math.log((batches + 1) / (df + 1))
              : p == 0 ? 0 : p * Math.log(p / ((df + 1) / background));
    }
    boolean[] taken = new boolean[rows.length];
    for (int t = 0; t < most; t++) {
      int best = -1;
      for (int i = 0; i < rows.length; i++) {
        if (!taken[i] && scores[i] > 0 && (best < 0 || scores[i] > scores[best])) {
          best = i;
        }
      }
      if (best >= 0) {
        taken[best] = true;
      }
    }
    return java.util.stream.IntStream.range(0, rows.length).filter(i -> taken[i]).toArray();
  }

  /** Accesses that the loss does not depend on, or that fill up a bag, are no accesses. */
  @Test
  void onlyAccessesWithAGradientCount() {
    GradientWatcher watcher = new GradientWatcher(Nd4j.ones(DataType.FLOAT, 13, 3));
    INDArray slots = Nd4j.createFromArray(new long[][] {{5, 2, 5}, {7, 5, 7}, {2, 11, 2}});
    INDArray weights =
        Nd4j.createFromArray(new float[][] {{.5f, .25f, .25f}, {1, 1, 0}, {1, 1, 1}});
    INDArray gradients = Nd4j.createFromArray(new float[][] {{0, -2, 0}, {1, 0, 0}, {0, 0, 0}});
    watcher.onBackward(slots, weights, gradients);
    assertArrayEquals(new long[] {2, 5, 7, 11}, watcher.rows());
    assertArrayEquals(new long[] {1, 3, 1, 0}, watcher.counts());
  }

  private static String refusal(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }
}
