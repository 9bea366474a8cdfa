package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.io.IOException;
import java.nio.file.Path;
import java.util.zip.ZipFile;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;

/** DL4J's tools on graphs with a memory pool. */
class MemoryPoolLifecycleTest {

  private static final String[] LAYERS = {"pool", "hidden1", "memory1", "hidden2", "memory2"};
  private static final long TABLE = 11 * 11 * 3;

  @TempDir Path folder;

  @Test
  void oneTableEverywhere() throws IOException {
    ComputationGraph graph = trained();
    long tables =
        graph.paramTable().values().stream().filter(value -> value.length() == TABLE).count();
    assertEquals(1, tables, "tables in the parameter table, which the UI shows too");
    // dense layers of 5, 7 -> 7; readers Wq, K, g, Wg, Wo; output 7 -> 3
    long others =
        (5 * 7 + 7)
            + (7 * 7 + 7)
            + (7 * 12 + 2 * 2 * 11 * 3 + 2 * 2 * 3 + 7 * 3 + 3 * 7)
            + (7 * 10 + 2 * 11 * 5 + 2 * 5 + 3 * 7)
            + (7 * 3 + 3);
    assertEquals(TABLE + others, graph.numParams());
    assertEquals(TABLE + others, graph.params().length());
    assertEquals(TABLE + others, graph.clone().params().length());
    assertEquals(2, graph.summary().split("V:\\{121,3\\}").length, graph.summary());
    Path file = folder.resolve("graph.zip");
    ModelSerializer.writeModel(graph, file.toFile(), true);
    try (ZipFile zip = new ZipFile(file.toFile())) {
      long bytes = zip.getEntry("coefficients.bin").getSize();
      long header = bytes - 4 * (TABLE + others);
      assertEquals(true, header >= 0 && header < 4 * TABLE / 2, "bytes beside one copy: " + header);
    }
  }

  @Test
  void cloneIsIndependent() {
    ComputationGraph graph = trained();
    ComputationGraph clone = graph.clone();
    PoolGraphs.same("clone", graph, clone);
    clone.getConfiguration().setIterationCount(3); // DL4J's clone begins at 0, for Adam too
    INDArray before = graph.params().dup();
    clone.fit(PoolGraphs.batch(DataType.FLOAT, 9));
    AssertClose.same("original", Elements.doubles(before), graph.params());
    graph.fit(PoolGraphs.batch(DataType.FLOAT, 9));
    PoolGraphs.same("one more step", graph, clone);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void savedAndRestoredContinuesBitEqual(boolean attach) throws IOException {
    ComputationGraph graph = trained();
    ComputationGraph restored = restored(graph);
    INDArray x = PoolGraphs.batch(DataType.FLOAT, 9).getFeatures();
    AssertClose.same("output", Elements.doubles(graph.outputSingle(x)), restored.outputSingle(x));
    if (attach) {
      RowSparseTraining.attach(restored);
    }
    for (int step = 5; step < 8; step++) {
      graph.fit(PoolGraphs.batch(DataType.FLOAT, step));
      restored.fit(PoolGraphs.batch(DataType.FLOAT, step));
    }
    PoolGraphs.same("restored", graph, restored);
  }

  @Test
  void jsonKeepsEverySetting() {
    ComputationGraphConfiguration conf =
        PoolGraphs.twoReaders(
                DataType.FLOAT, new Sgd(0.2), PoolGraphs.pool().valuesUpdater(new Sgd(0.7)), "pool")
            .build();
    ComputationGraphConfiguration read = ComputationGraphConfiguration.fromJson(conf.toJson());
    assertEquals(conf, read);
    assertEquals(conf, ComputationGraphConfiguration.fromYaml(conf.toYaml()));
    ComputationGraph graph = new ComputationGraph(read);
    graph.init();
    MemoryPool pool = (MemoryPool) graph.getLayer("pool").conf().getLayer();
    assertEquals(121, pool.getSlots());
    assertEquals(3, pool.getValueSize());
    assertEquals(new Sgd(0.7), pool.getValuesUpdater());
    PooledMemory reader = (PooledMemory) graph.getLayer("memory2").conf().getLayer();
    assertEquals(11, reader.getSubKeys());
    assertEquals(3, reader.getValueSize());
    assertEquals(1, reader.getHeads());
    assertEquals(10, reader.getKeySize());
    assertEquals(2, reader.getTopK());
    assertEquals(false, reader.isGate());
  }

  /** M2.1 loses parameters of vertices; these are layers. */
  @Test
  void transferLearningKeepsPoolAndReaders() {
    ComputationGraph graph = trained();
    OutputLayer head = Networks.output();
    head.setNIn(PoolGraphs.HIDDEN);
    ComputationGraph other =
        new TransferLearning.GraphBuilder(graph)
            .nOutReplace("out", 2, WeightInit.XAVIER)
            .addLayer("head", head, "sum1")
            .setOutputs("out", "head")
            .build();
    for (String name : LAYERS) {
      PoolGraphs.sameLayer(name, graph, other);
    }
    RowSparseTraining.attach(other);
    DataSet batch = PoolGraphs.batch(DataType.FLOAT, 5);
    INDArray[] labels = {Nd4j.rand(DataType.FLOAT, 13, 2), batch.getLabels()};
    other.fit(new MultiDataSet(new INDArray[] {batch.getFeatures()}, labels));
    for (String name : LAYERS) {
      assertNotEquals(graph.getLayer(name).params(), other.getLayer(name).params(), name);
    }
  }

  /** A network that is trained already gets a pool. */
  @Test
  void transferLearningAddsPoolAndReaders() throws IOException {
    ComputationGraph graph = trained();
    OutputLayer head = Networks.output();
    ComputationGraph other =
        PoolGraphs.pool()
            .build()
            .addTo(
                new TransferLearning.GraphBuilder(graph),
                "facts",
                "in",
                new MemoryPool.Reader("fact1", "sum1", PoolGraphs.wide()),
                new MemoryPool.Reader("fact2", "fact1", PoolGraphs.narrow()))
            .addLayer("head", head, "fact2")
            .setInputTypes(InputType.feedForward(Networks.IN))
            .setOutputs("out", "head")
            .build();
    for (String name : LAYERS) {
      PoolGraphs.sameLayer(name, graph, other);
    }
    INDArray before = other.getLayer("facts").getParam("V").dup();
    DataSet batch = PoolGraphs.batch(DataType.FLOAT, 5);
    INDArray[] labels = {batch.getLabels(), batch.getLabels()};
    other.fit(new MultiDataSet(new INDArray[] {batch.getFeatures()}, labels));
    assertNotEquals(before, other.getLayer("facts").getParam("V"));
    PoolGraphs.same("restored", other, restored(other));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void frozenPool(boolean attach) throws IOException {
    ComputationGraph graph = trained();
    ComputationGraph frozen =
        new TransferLearning.GraphBuilder(graph).setFeatureExtractor("pool").build();
    ComputationGraph[] all = {frozen, frozen.clone(), restored(frozen)};
    for (ComputationGraph each : all) {
      assertInstanceOf(FrozenLayer.class, each.getLayer("pool"));
      if (attach) {
        RowSparseTraining.attach(each);
      }
      for (int step = 0; step < 2; step++) {
        each.fit(PoolGraphs.batch(DataType.FLOAT, step));
      }
      PoolGraphs.sameLayer("pool", graph, each);
      for (String name : new String[] {"memory1", "memory2", "hidden1", "hidden2"}) {
        assertNotEquals(graph.getLayer(name).params(), each.getLayer(name).params(), name);
      }
    }
  }

  /** DL4J freezes what comes before a frozen layer too: here the pool. */
  @Test
  void frozenReaderAsFeatureExtractor() throws IOException {
    ComputationGraph graph = trained();
    ComputationGraph frozen =
        new TransferLearning.GraphBuilder(graph).setFeatureExtractor("memory1").build();
    for (ComputationGraph each : new ComputationGraph[] {frozen, restored(frozen)}) {
      for (int step = 0; step < 2; step++) {
        each.fit(PoolGraphs.batch(DataType.FLOAT, step));
      }
      for (String name : new String[] {"pool", "hidden1", "memory1"}) {
        PoolGraphs.sameLayer(name, graph, each);
      }
      for (String name : new String[] {"hidden2", "memory2"}) {
        assertNotEquals(graph.getLayer(name).params(), each.getLayer(name).params(), name);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"memory1", "memory2"})
  void frozenReaderAlone(String reader) {
    ComputationGraph graph = trained();
    ComputationGraph frozen = new ComputationGraph(graph.getConfiguration().clone());
    frozen.init(graph.params().dup(), false);
    frozen.getVertex(reader).setLayerAsFrozen();
    for (int step = 0; step < 2; step++) {
      frozen.fit(PoolGraphs.batch(DataType.FLOAT, step));
    }
    for (String name : LAYERS) {
      INDArray before = graph.getLayer(name).params();
      INDArray after = frozen.getLayer(name).params();
      assertEquals(name.equals(reader), before.equals(after), name);
    }
  }

  private ComputationGraph restored(ComputationGraph graph) throws IOException {
    Path file = folder.resolve("graph.zip");
    ModelSerializer.writeModel(graph, file.toFile(), true);
    return ModelSerializer.restoreComputationGraph(file.toFile(), true);
  }

  private static ComputationGraph trained() {
    ComputationGraph graph = PoolGraphs.forTraining();
    for (int step = 0; step < 3; step++) {
      graph.fit(PoolGraphs.batch(DataType.FLOAT, 20 + step));
    }
    return graph;
  }
}
