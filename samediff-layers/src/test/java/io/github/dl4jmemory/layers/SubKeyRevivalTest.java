package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.updater.BaseMultiLayerUpdater;
import org.deeplearning4j.nn.updater.UpdaterBlock;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** What revival changes, and that it changes nothing else. */
class SubKeyRevivalTest {

  private static final int SUB_KEYS = 37;
  private static final int HEADS = 2;
  private static final int HALF = 3;
  private static final int EVERY = 2;
  private static final int WINDOW = 4;

  private final List<PoolUsage> reports = new ArrayList<>();

  private MemoryTelemetry telemetry(long seed) {
    return MemoryTelemetry.builder()
        .every(EVERY)
        .window(WINDOW)
        .reviveSubKeys(seed)
        .to(reports::add)
        .build();
  }

  private static MultiLayerNetwork network() {
    return Networks.forTraining(Networks.memory().subKeys(SUB_KEYS).build());
  }

  private static DataSet batch(int step) {
    return PoolGraphs.batch(DataType.FLOAT, step % 2);
  }

  /** Trained twice alike, once with revival: compared right after it, row by row. */
  @Test
  void changesDeadSubKeysAndTheirDeadRowsOnly() {
    MultiLayerNetwork plain = network();
    MultiLayerNetwork revived = network();
    plain.getUpdater().getStateViewArray().assign(1e-4); // also of what is never read
    revived.getUpdater().getStateViewArray().assign(1e-4);
    boolean[] readKeys = new boolean[HEADS * 2 * SUB_KEYS];
    boolean[] readSlots = new boolean[SUB_KEYS * SUB_KEYS];
    revived.addListeners(telemetry(5));
    ProductKeyLookupRuntime<?> reader = (ProductKeyLookupRuntime<?>) plain.getLayer(0);
    reader.observe((slots, weights) -> note(slots, readKeys, readSlots));
    for (int step = 0; step < WINDOW; step++) {
      assertEquals(step / EVERY, reports.size());
      plain.fit(batch(step));
      revived.fit(batch(step));
    }
    int dead = 0;
    INDArray keys = plain.getLayer(0).getParam("K").reshape('c', readKeys.length, HALF);
    INDArray keysNow = revived.getLayer(0).getParam("K").reshape('c', readKeys.length, HALF);
    for (int key = 0; key < readKeys.length; key++) {
      boolean changed = keys.getRow(key).neq(keysNow.getRow(key)).any();
      assertEquals(!readKeys[key], changed, "sub-key " + key);
      dead += readKeys[key] ? 0 : 1;
      if (changed) {
        requireNearAUsedOne(key, keysNow, keys, readKeys);
      }
    }
    assertTrue(dead > 0 && dead < readKeys.length, dead + " dead");
    assertEquals(0, reports.get(0).revivedSubKeys());
    assertEquals(dead, reports.get(1).revivedSubKeys());
    checkRows(plain, revived, readKeys, readSlots);
    checkState(plain, revived, "K", keys.neq(keysNow));
    checkState(plain, revived, "V", plain.getLayer(0).getParam("V").neq(values(revived)));
  }

  private static void note(INDArray slots, boolean[] keys, boolean[] read) {
    long[] all = slots.dup('c').data().asLong();
    for (int i = 0; i < all.length; i++) {
      int head = i / 3 % HEADS;
      keys[head * 2 * SUB_KEYS + (int) all[i] / SUB_KEYS] = true;
      keys[(head * 2 + 1) * SUB_KEYS + (int) all[i] % SUB_KEYS] = true;
      read[(int) all[i]] = true;
    }
  }

  private static void requireNearAUsedOne(
      int key, INDArray keysNow, INDArray keys, boolean[] readKeys) {
    int first = key / SUB_KEYS * SUB_KEYS;
    double nearest = Double.POSITIVE_INFINITY;
    for (int other = first; other < first + SUB_KEYS; other++) {
      if (readKeys[other]) {
        double norm = keys.getRow(other).norm2Number().doubleValue();
        double distance = keysNow.getRow(key).distance2(keys.getRow(other)) / norm;
        nearest = Math.min(nearest, distance);
      }
    }
    assertTrue(nearest < 0.5, "sub-key " + key + " is " + nearest + " from the nearest in use");
  }

  /** A row changes only where it is dead and in the row or column of a dead sub-key. */
  private static void checkRows(
      MultiLayerNetwork plain, MultiLayerNetwork revived, boolean[] readKeys, boolean[] read) {
    INDArray before = plain.getLayer(0).getParam("V");
    INDArray after = revived.getLayer(0).getParam("V");
    int changedRows = 0;
    for (int slot = 0; slot < read.length; slot++) {
      boolean mayChange = false;
      for (int head = 0; head < HEADS; head++) {
        mayChange |= !readKeys[head * 2 * SUB_KEYS + slot / SUB_KEYS];
        mayChange |= !readKeys[(head * 2 + 1) * SUB_KEYS + slot % SUB_KEYS];
      }
      boolean changed = before.getRow(slot).neq(after.getRow(slot)).any();
      assertTrue(!changed || mayChange && !read[slot], "row " + slot);
      changedRows += changed ? 1 : 0;
    }
    assertTrue(changedRows > SUB_KEYS, changedRows + " rows changed");
  }

  private static INDArray values(MultiLayerNetwork network) {
    return network.getLayer(0).getParam("V");
  }

  /** Adam's moments of rows that changed are zero, the others as they are without revival. */
  private static void checkState(
      MultiLayerNetwork plain, MultiLayerNetwork revived, String key, INDArray changed) {
    INDArray before = moments(plain, key);
    INDArray after = moments(revived, key);
    for (long row = 0; row < changed.size(0); row++) {
      boolean zero = changed.getRow(row).any();
      for (long moment = 0; moment < 2; moment++) {
        for (long i = row * changed.size(1); i < (row + 1) * changed.size(1); i++) {
          double expected = zero ? 0 : before.getDouble(moment, i);
          assertEquals(expected, after.getDouble(moment, i), key + " row " + row);
        }
      }
    }
  }

  /** [2, elements of the parameter], found by the order of the parameters in their block. */
  private static INDArray moments(MultiLayerNetwork network, String key) {
    for (UpdaterBlock block :
        ((BaseMultiLayerUpdater<?>) network.getUpdater()).getUpdaterBlocks()) {
      INDArray both = block.getUpdaterView().reshape(2, block.getUpdaterView().length() / 2);
      long from = 0;
      for (UpdaterBlock.ParamState parameter : block.getLayersAndVariablesInBlock()) {
        long to = from + parameter.getParamView().length();
        if (parameter.getParamName().equals(key)) {
          return both.get(NDArrayIndex.all(), NDArrayIndex.interval(from, to));
        }
        from = to;
      }
    }
    throw new AssertionError("no updater state of " + key);
  }

  @Test
  void sameSeedSameBits() {
    MultiLayerNetwork one = network();
    MultiLayerNetwork two = network();
    MultiLayerNetwork other = network();
    one.addListeners(telemetry(5));
    two.addListeners(telemetry(5));
    other.addListeners(telemetry(6));
    for (int step = 0; step < 3 * WINDOW; step++) {
      for (MultiLayerNetwork network : List.of(one, two, other)) {
        network.fit(batch(step));
      }
    }
    AssertClose.same("parameters", Elements.doubles(one.params()), two.params());
    assertTrue(!Arrays.equals(Elements.doubles(one.params()), Elements.doubles(other.params())));
  }

  /** Of a frozen pool no row changes, while its readers' sub-keys are revived. */
  @Test
  void frozenPoolKeepsItsRows() {
    ComputationGraph graph =
        PoolGraphs.initialised(
            PoolGraphs.twoReaders(
                DataType.FLOAT, new Adam(1e-2), PoolGraphs.pool().subKeys(SUB_KEYS), "pool"));
    ComputationGraph frozen =
        new TransferLearning.GraphBuilder(graph).setFeatureExtractor("pool").build();
    INDArray before = frozen.getLayer("pool").params().dup();
    frozen.addListeners(telemetry(5));
    for (int step = 0; step < WINDOW; step++) {
      frozen.fit(batch(step));
    }
    assertTrue(reports.get(1).revivedSubKeys() > 0);
    AssertClose.same("pool", Elements.doubles(before), frozen.getLayer("pool").params());
  }

  /** A graph's updater names layers in another way. */
  @Test
  void sharedPoolOfAGraph() {
    ComputationGraph graph =
        PoolGraphs.initialised(
            PoolGraphs.twoReaders(
                DataType.FLOAT, new Adam(1e-2), PoolGraphs.pool().subKeys(SUB_KEYS), "pool"));
    graph.addListeners(telemetry(5));
    INDArray before = graph.getLayer("pool").getParam("V").dup();
    for (int step = 0; step < WINDOW; step++) {
      graph.fit(batch(step));
    }
    assertTrue(reports.get(1).revivedSubKeys() > 0);
    assertTrue(before.neq(graph.getLayer("pool").getParam("V")).any());
    assertTrue(
        UpdaterState.of(graph, graph.getLayer("memory1"), "K") != null, "updater state of memory1");
  }

  /** A table in shards is revived as the whole one is. */
  @Test
  void poolInShards() {
    ComputationGraph whole = sharded(1);
    ComputationGraph split = ShardedPools.copied(whole, sharded(3));
    whole.addListeners(telemetry(5));
    split.addListeners(telemetry(5));
    INDArray before = ShardedPools.values(split);
    for (int step = 0; step < WINDOW; step++) {
      whole.fit(batch(step));
      split.fit(batch(step));
    }
    assertTrue(reports.get(2).revivedSubKeys() > 0);
    assertEquals(reports.get(2).revivedSubKeys(), reports.get(3).revivedSubKeys());
    assertTrue(before.neq(ShardedPools.values(split)).any());
    AssertClose.close("values", ShardedPools.values(whole), ShardedPools.values(split), 1e-5);
  }

  private static ComputationGraph sharded(int shards) {
    MemoryPool.Builder pool =
        ShardedPools.pool(shards).subKeys(SUB_KEYS).valuesUpdater(new Sgd(1e-2));
    return PoolGraphs.initialised(
        PoolGraphs.twoReaders(DataType.FLOAT, new Sgd(1e-2), pool, "pool"));
  }
}
