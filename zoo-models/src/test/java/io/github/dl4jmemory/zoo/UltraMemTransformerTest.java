package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.layers.PoolFiles;
import io.github.dl4jmemory.layers.TuckerMemory;
import io.github.dl4jmemory.layers.UltraMem;
import io.github.dl4jmemory.layers.UltraMemV2;
import io.github.dl4jmemory.layers.ValueStorage;
import io.github.dl4jmemory.zoo.UltraMemTransformer.Builder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

class UltraMemTransformerTest {
  private static UltraMem.Builder memory() {
    return UltraMem.builder()
        .subKeys(7)
        .keySize(6)
        .topK(5)
        .valueSize(4)
        .transformerLayers(3)
        .valuesUpdater(new Adam(3e-2));
  }

  private static Builder tiny(TuckerMemory memory) {
    return UltraMemTransformer.builder()
        .vocabulary(23)
        .model(12)
        .layers(3)
        .heads(2)
        .hidden(17)
        .context(7)
        .memory(memory)
        .learningRate(1e-2)
        .seed(3);
  }

  @Test
  void multiplyAddsAndParametersAreThoseCountedByHand() {
    UltraMemTransformer model = tiny(memory().build()).span(0, 1).span(1, 1).build();
    // Query 12*2*6, keys of 2 heads and sides 14*(6+2), cores 2*5*5*2*3, rows 2*5*4, blocks 4*4*12.
    long memory = 144 + 4 * 14 * 8 + 300 + 40 + 192;
    // Per block: 4*12*12 + 12*(7+1) attention, 3*12*17 feed-forward; output 12*23.
    assertEquals(3 * (576 + 96 + 612) + 276 + 2 * memory, model.multiplyAddsPerToken());
    // Wq, K, C, V, Wo, two gains; the filters, 2*2*2, are none.
    long parameters = 144 + 4 * 14 * 6 + 2 * 2 * 4 + 49 * 4 + 192 + 12;
    assertEquals(552 + 12 + 3 * (576 + 24 + 612) + 2 * parameters, model.parameterCount());
    assertEquals(model.init().numParams() - 2 * 8, model.parameterCount());
  }

  /** Without embeddings, to a hundredth: what the paper's table says. */
  @Test
  void thePapersModelsHaveThePapersNumbersOfParameters() {
    assertShape(2.03e9, 0.35e9, 1024, 12, UltraMemTransformer.paper151M(32_000).build());
    assertShape(8.93e9, 1.49e9, 1536, 24, UltraMemTransformer.paper680M(32_000).build());
    assertShape(21.41e9, 3.50e9, 2048, 32, UltraMemTransformer.paper1600M(32_000).build());
  }

  private static void assertShape(
      double parameters, double operations, int model, int layers, UltraMemTransformer got) {
    assertEquals(1, (got.parameterCount() - 2L * model * 32_000) / parameters, 0.01);
    // The paper counts two operations a multiply-add, and neither scores of attention nor output.
    long counted =
        got.multiplyAddsPerToken() - 32_000L * model - (long) layers * model * (2048 + 1);
    assertEquals(1, 2 * counted / operations, 0.02);
  }

  @Test
  void theMemoriesStandWhereTheSpansSay() {
    ComputationGraphConfiguration conf =
        tiny(memory().build()).span(0, 2).span(1, 1).build().conf();
    assertEquals(List.of("feedForwardNorm0"), conf.getVertexInputs().get("memory0"));
    assertEquals(List.of("feedForwardNorm1"), conf.getVertexInputs().get("memory1"));
    assertEquals(List.of("block1", "memory1"), conf.getVertexInputs().get("block1-memories"));
    assertEquals(List.of("block2", "memory0"), conf.getVertexInputs().get("block2-memories"));
    assertEquals(List.of("block2-memories"), conf.getVertexInputs().get("norm"));
    UltraMem layer =
        (UltraMem) ((LayerVertex) conf.getVertices().get("memory0")).getLayerConf().getLayer();
    assertEquals(12, layer.getNIn());
    assertEquals(12, layer.getNOut());
  }

  @Test
  void aMemoryBesideEveryFeedForwardLayer() {
    UltraMemV2 memory = UltraMemV2.builder().subKeys(7).keySize(6).topK(5).valueSize(4).build();
    ComputationGraphConfiguration conf = tiny(memory).spanOfEveryBlock().build().conf();
    for (int block = 0; block < 3; block++) {
      assertEquals(
          List.of("feedForwardNorm" + block), conf.getVertexInputs().get("memory" + block));
      assertEquals(
          List.of("block" + block, "memory" + block),
          conf.getVertexInputs().get("block" + block + "-memories"));
    }
  }

  @Test
  void itLearnsAndTrainsOnAfterSavingToTheSameBits(@TempDir Path folder) throws IOException {
    ComputationGraph network =
        tiny(memory().build()).span(0, 2).span(1, 1).schedule(1, 90).build().init();
    MultiDataSet batch = MemoryTransformerTest.batch();
    double before = network.score(batch);
    for (int i = 0; i < 40; i++) {
      network.fit(batch);
    }
    double after = network.score(batch);
    assertTrue(after < 0.5 * before, "loss " + before + " before, " + after + " after");
    Path file = folder.resolve("model.zip");
    MemoryTransformer.save(network, file);
    ComputationGraph again = MemoryTransformer.load(file);
    network.fit(batch);
    again.fit(batch);
    MemoryTransformerTest.assertSameBits(network, again);
  }

  /** Memories of every kind, also beside every block: the same loss, parameters and steps. */
  @Test
  void asynchronousItComputesTheSameBits() {
    UltraMemV2 second = UltraMemV2.builder().subKeys(7).keySize(6).topK(5).valueSize(4).build();
    for (Supplier<Builder> settings :
        List.<Supplier<Builder>>of(
            () -> tiny(memory().build()).span(0, 2).span(1, 1).span(0, 1),
            () -> tiny(memory().queryConvolution(3).build()).span(0, 2),
            () -> tiny(second).spanOfEveryBlock())) {
      ComputationGraph network = settings.get().build().init();
      ComputationGraph asynchronous = settings.get().asynchronous(true).build().init();
      MultiDataSet batch = MemoryTransformerTest.batch();
      for (int step = 0; step < 3; step++) {
        network.fit(batch);
        asynchronous.fit(batch);
        MemoryTransformerTest.assertSameBits(network, asynchronous);
      }
      for (int token : new int[] {3, 17, 5, 11}) {
        INDArray ids = Nd4j.create(new float[] {token, 22 - token}).reshape(2, 1, 1);
        assertEquals(network.rnnTimeStep(ids)[0], asynchronous.rnnTimeStep(ids)[0]);
      }
    }
  }

  /** Files of its own for each memory; they decode, and train on after saving. */
  @Test
  void valueTablesInFiles(@TempDir Path folder) throws IOException {
    Path values = folder.resolve("values");
    Builder builder =
        tiny(memory().build()).span(0, 2).span(1, 1).file(values.toString(), ValueStorage.INT8);
    assertEquals(
        tiny(memory().build()).span(0, 2).span(1, 1).build().parameterCount(),
        builder.build().parameterCount());
    ComputationGraph network = builder.build().init();
    int[] written = TextGenerator.greedy(network).generate(new int[] {1, 2}, 5, -1, id -> {});
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(
          Set.of(
              "values-memory0",
              "values-memory0.journal",
              "values-memory1",
              "values-memory1.journal"),
          files.map(file -> file.getFileName().toString()).collect(Collectors.toSet()));
    }
    MultiDataSet batch = MemoryTransformerTest.batch();
    double before = network.score(batch);
    Path copy = Files.createDirectory(folder.resolve("copy")).resolve("model.zip");
    PoolFiles.saveCopy(network, copy);
    for (int i = 0; i < 40; i++) {
      network.fit(batch);
    }
    double after = network.score(batch);
    assertTrue(after < 0.5 * before, "loss " + before + " before, " + after + " after");
    Path file = folder.resolve("saved").resolve("model.zip");
    MemoryTransformer.save(network, file);
    double[] expected = new double[3];
    for (int i = 0; i < 3; i++) {
      network.fit(batch);
      expected[i] = network.score();
    }
    PoolFiles.close(network);
    ComputationGraph again = MemoryTransformer.load(file); // undoes what was not saved
    for (int i = 0; i < 3; i++) {
      again.fit(batch);
      assertEquals(expected[i], again.score());
    }
    PoolFiles.close(again);
    ComputationGraph first = MemoryTransformer.load(copy);
    assertArrayEquals(
        written, TextGenerator.greedy(first).generate(new int[] {1, 2}, 5, -1, id -> {}));
    PoolFiles.close(first);
  }

  /** Fingerprints in the place of 1.9 billion values; in memory they are refused. */
  @Test
  void thePapersModelInFiles(@TempDir Path folder) {
    Builder paper = UltraMemTransformer.paper151M(100);
    assertThrows(IllegalArgumentException.class, () -> paper.build().init());
    ComputationGraphConfiguration conf =
        paper.file(folder.resolve("values").toString(), ValueStorage.BFLOAT16).build().conf();
    UltraMem layer =
        (UltraMem) ((LayerVertex) conf.getVertices().get("memory2")).getLayerConf().getLayer();
    assertEquals(folder.resolve("values-memory2").toString(), layer.getFile());
    assertEquals(ValueStorage.BFLOAT16, layer.getStorage());
    assertEquals(1100 * 1100, layer.getSlots());
    assertEquals(512, layer.getValueSize());
  }

  @Test
  void everyRefusalNamesItsFix() {
    refuses(b -> b, "spans: expected at least one memory, got none");
    refuses(b -> b.span(-1, 1), "span: expected 0 <= from <= after < layers = 3, got -1 : 1");
    refuses(b -> b.span(2, 1), "span: expected 0 <= from <= after < layers = 3, got 2 : 1");
    refuses(b -> b.span(1, 3), "span: expected 0 <= from <= after < layers = 3, got 1 : 3");
    refuses(
        b -> b.span(0, 1).spanOfEveryBlock(),
        "spans: expected spans, or one of every block, got both");
    refuses(b -> b.memory(null).span(0, 1), "memory: expected an UltraMem or UltraMemV2, got null");
    refusesMemory(
        b -> b.span(0, 1).file("", ValueStorage.INT8),
        "file: expected the path of a file, got \"\"");
    refusesMemory(b -> b.span(0, 1).file("v", null), "storage: expected a storage, got null");
    refuses(b -> b.span(0, 1).layers(0), "layers: expected at least 1, got 0");
  }

  private static void refuses(UnaryOperator<Builder> change, String message) {
    refuses("[UltraMemTransformer] ", change, message);
  }

  /** What the memory's own settings refuse. */
  private static void refusesMemory(UnaryOperator<Builder> change, String message) {
    refuses("[UltraMem] ", change, message);
  }

  private static void refuses(String owner, UnaryOperator<Builder> change, String message) {
    String got =
        assertThrows(
                IllegalArgumentException.class, () -> change.apply(tiny(memory().build())).build())
            .getMessage();
    assertEquals(owner + message, got.substring(0, got.indexOf(". Fix: ")));
  }
}
