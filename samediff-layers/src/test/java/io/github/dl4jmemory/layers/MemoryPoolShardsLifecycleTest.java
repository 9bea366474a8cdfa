package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.io.IOException;
import java.nio.file.Path;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.Adam;

/** DL4J's tools on graphs whose pool is split, and what is refused. */
class MemoryPoolShardsLifecycleTest {

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({"2,true", "3,false", "4,true"})
  void savedAndRestoredContinuesBitEqual(int shards, boolean attach) throws IOException {
    ComputationGraph graph = ShardedPools.trained(shards);
    ComputationGraph restored = restored(graph);
    PoolGraphs.same("restored", graph, restored);
    INDArray x = PoolGraphs.batch(DataType.FLOAT, 9).getFeatures();
    AssertClose.same("output", Elements.doubles(graph.outputSingle(x)), restored.outputSingle(x));
    if (attach) {
      RowSparseTraining.attach(restored);
    }
    for (int step = 5; step < 8; step++) {
      graph.fit(PoolGraphs.batch(DataType.FLOAT, step));
      restored.fit(PoolGraphs.batch(DataType.FLOAT, step));
    }
    PoolGraphs.same("trained on", graph, restored);
  }

  @Test
  void cloneIsIndependent() {
    ComputationGraph graph = ShardedPools.trained(3);
    ComputationGraph clone = graph.clone();
    PoolGraphs.same("clone", graph, clone);
    INDArray before = graph.params().dup();
    clone.fit(PoolGraphs.batch(DataType.FLOAT, 9));
    AssertClose.same("original", Elements.doubles(before), graph.params());
    assertNotEquals(graph.getLayer("pool").params(), clone.getLayer("pool").params());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void transferLearningKeepsAndFreezes(boolean attach) throws IOException {
    ComputationGraph graph = ShardedPools.trained(3);
    ComputationGraph frozen =
        new TransferLearning.GraphBuilder(graph).setFeatureExtractor("pool").build();
    for (ComputationGraph each : new ComputationGraph[] {frozen, restored(frozen)}) {
      assertInstanceOf(FrozenLayer.class, each.getLayer("pool"));
      if (attach) {
        RowSparseTraining.attach(each);
      }
      for (int step = 0; step < 2; step++) {
        each.fit(PoolGraphs.batch(DataType.FLOAT, step));
      }
      PoolGraphs.sameLayer("pool", graph, each);
      for (String name : new String[] {"memory1", "memory2"}) {
        assertNotEquals(graph.getLayer(name).params(), each.getLayer(name).params(), name);
      }
    }
    ComputationGraph thawed = ShardedPools.graph(DataType.FLOAT, 2, new Adam(1e-2));
    MemoryPool.copyValues(frozen.getLayer("pool"), thawed.getLayer("pool"));
    AssertClose.same(
        "values of a frozen pool",
        Elements.doubles(ShardedPools.values(graph)),
        ShardedPools.values(thawed));
  }

  @Test
  void jsonKeepsTheShards() {
    ComputationGraphConfiguration conf = configuration(3);
    ComputationGraphConfiguration read = ComputationGraphConfiguration.fromJson(conf.toJson());
    assertEquals(conf, read);
    assertEquals(3, shards(read));
    assertNotEquals(conf, configuration(2));
    String json = configuration(1).toJson();
    String old = json.replaceAll("\"shards\" : 1,\\s*|,\\s*\"shards\" : 1", "");
    assertNotEquals(json, old);
    assertEquals(1, shards(ComputationGraphConfiguration.fromJson(old)), "saved before there were");
  }

  private static ComputationGraphConfiguration configuration(int shards) {
    return ShardedPools.graph(DataType.FLOAT, shards, new Adam(1e-2)).getConfiguration();
  }

  private static int shards(ComputationGraphConfiguration conf) {
    ComputationGraph graph = new ComputationGraph(conf);
    graph.init();
    return ((MemoryPool) graph.getLayer("pool").conf().getLayer()).getShards();
  }

  @Test
  void refusals() {
    for (int shards : new int[] {0, -1, 18}) {
      says(
          () -> ShardedPools.pool(shards).build(),
          "[MemoryPool] shards: expected 1 to valueSize = 17, got "
              + shards
              + ". Fix: use shards(1), or one for each processor that shall hold a part of every"
              + " row.");
    }
    says(
        () -> ShardedPools.pool(2).subKeys(46_341).build(),
        "[MemoryPool] subKeys: expected at most 2^31-1 slots where shards share a table, because"
            + " slots are sent as 32-bit numbers, got 2147488281 slots. Fix: use subKeys(46340) or"
            + " fewer, or shards(1).");
    BagMessage.requireSlots("MemoryPool", 46_340L * 46_340);
    ComputationGraph graph = ShardedPools.trained(2);
    says(
        () -> MemoryPool.copyValues(graph.getLayer("hidden1"), graph.getLayer("pool")),
        "[MemoryPool] from: expected the layer of a pool, got DenseLayer. Fix: pass"
            + " network.getLayer(\"pool\").");
    says(
        () -> MemoryPool.copyValues(graph.getLayer("pool"), null),
        "[MemoryPool] to: expected the layer of a pool, got null. Fix: pass"
            + " network.getLayer(\"pool\").");
    says(
        () ->
            MemoryPool.copyValues(
                PoolGraphs.forTraining().getLayer("pool"), graph.getLayer("pool")),
        "[MemoryPool pool] from: expected a pool of 121 slots of 17 values, got 121 slots of 3"
            + " values. Fix: copy between pools of the same subKeys and valueSize.");
  }

  private static void says(Executable call, String message) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private ComputationGraph restored(ComputationGraph graph) throws IOException {
    Path file = folder.resolve("graph.zip");
    ModelSerializer.writeModel(graph, file.toFile(), true);
    return ModelSerializer.restoreComputationGraph(file.toFile(), true);
  }
}
