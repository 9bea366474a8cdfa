package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.layers.IntervalMarks;
import io.github.dl4jmemory.layers.MemoryPool;
import io.github.dl4jmemory.layers.PooledMemory;
import io.github.dl4jmemory.layers.ProductKeyMemory;
import io.github.dl4jmemory.layers.SeparatorAttention;
import io.github.dl4jmemory.layers.SeparatorMarks;
import io.github.dl4jmemory.layers.SwiGlu;
import io.github.dl4jmemory.zoo.MemoryTransformer.Builder;
import io.github.dl4jmemory.zoo.MemoryTransformer.Placement;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.zoo.PretrainedType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.learning.config.Adam;

class MemoryTransformerTest {
  static Builder tiny() {
    return MemoryTransformer.builder()
        .vocabulary(23)
        .model(12)
        .layers(3)
        .heads(2)
        .hidden(17)
        .context(7)
        .memoryBlocks(1)
        .memoryHeads(2)
        .subKeys(11)
        .keySize(6)
        .topK(3)
        .valueSize(5)
        .learningRate(1e-2)
        .seed(3);
  }

  static MultiDataSet batch() {
    return TrainingData.batch(
        List.of(new int[] {1, 2, 3, 4, 5, 6, 7, 8}, new int[] {22, 1, 20, 2, 19}), 7);
  }

  @Test
  void defaultsMakeADenseModel() {
    ComputationGraphConfiguration conf = MemoryTransformer.builder().build().conf();
    assertNull(conf.getVertices().get("memory0"));
    assertNotNull(conf.getVertices().get("feedForward1"));
  }

  @Test
  void multiplyAddsAndParametersAreThoseCountedByHand() {
    MemoryTransformer dense = tiny().memoryBlocks().build();
    // Per block: 4*12*12 + 12*(7+1) attention, 3*12*17 feed-forward; output 12*23.
    assertEquals(3 * (576 + 96 + 612) + 276, dense.multiplyAddsPerToken());
    MemoryTransformer replaced = tiny().build();
    // Memory: 12*2*6 query, 2*11*6 scores, 2*3*5 bag, 2*12*5 gate and output.
    int memory = 144 + 132 + 30 + 120;
    assertEquals(3 * 672 + 2 * 612 + memory + 276, replaced.multiplyAddsPerToken());
    MemoryTransformer beside = tiny().placement(Placement.BESIDE).build();
    assertEquals(3 * 672 + 3 * 612 + memory + 276, beside.multiplyAddsPerToken());
    MemoryTransformer pooled = tiny().memoryBlocks(0, 2).sharedPool(true).build();
    assertEquals(3 * 672 + 612 + 2 * memory + 276, pooled.multiplyAddsPerToken());
    MemoryTransformer apart = tiny().memoryBlocks(0, 2).build();
    assertEquals(11 * 11 * 5, apart.parameterCount() - pooled.parameterCount(), "one table less");
    for (MemoryTransformer model : List.of(dense, replaced, beside, apart, pooled)) {
      assertEquals(model.init().numParams(), model.parameterCount());
    }
  }

  @Test
  void everySettingReachesTheNetwork() {
    ComputationGraphConfiguration conf =
        tiny().schedule(2, 10).valueLearningRate(0.5).dataType(DataType.DOUBLE).build().conf();
    ProductKeyMemory memory = (ProductKeyMemory) layer(conf, "memory1");
    assertEquals(2, memory.getHeads());
    assertEquals(11, memory.getSubKeys());
    assertEquals(6, memory.getKeySize());
    assertEquals(3, memory.getTopK());
    assertEquals(5, memory.getValueSize());
    assertEquals(0.5 * 0.5, memory.getValuesUpdater().getLearningRate(0, 0));
    assertEquals(17, ((SwiGlu) layer(conf, "feedForward0")).getHiddenSize());
    assertNull(conf.getVertices().get("feedForward1"), "replaced");
    assertEquals(DataType.DOUBLE, conf.getDataType());
    assertNotEqualParameters(tiny(), tiny().seed(4));
    Adam constant = (Adam) ((SwiGlu) layer(tiny().build().conf(), "feedForward0")).getUpdater();
    assertEquals(1e-2, constant.getLearningRate(1000, 0));
    assertEquals(7, tiny().build().context());
    ComputationGraphConfiguration beside = tiny().placement(Placement.BESIDE).build().conf();
    assertEquals(
        List.of("attended1", "feedForward1", "memory1"), beside.getVertexInputs().get("block1"));
  }

  @Test
  void memoriesOfASharedPoolReadItsTable() {
    ComputationGraphConfiguration conf =
        tiny().memoryBlocks(0, 2).sharedPool(true).valueLearningRate(0.25).build().conf();
    MemoryPool pool = (MemoryPool) layer(conf, "pool");
    assertEquals(11, pool.getSubKeys());
    assertEquals(5, pool.getValueSize());
    assertEquals(0.25, pool.getValuesUpdater().getLearningRate(0, 0));
    for (String name : List.of("memory0", "memory2")) {
      PooledMemory memory = (PooledMemory) layer(conf, name);
      assertEquals(2, memory.getHeads());
      assertEquals(6, memory.getKeySize());
      assertEquals(3, memory.getTopK());
      assertEquals(11, memory.getSubKeys());
    }
  }

  @Test
  void separatorAttentionReachesTheNetworkAndTrains() {
    Builder builder = tiny().separatorAttention(new int[] {2, 19}, 1, 0, 3, 2);
    ComputationGraphConfiguration conf = builder.build().conf();
    SeparatorMarks marks = (SeparatorMarks) layer(conf, "separators");
    assertArrayEquals(new int[] {2, 19}, marks.getSeparators());
    SeparatorAttention last = (SeparatorAttention) layer(conf, "attention2");
    assertEquals(2, last.getHeads());
    assertEquals(1, last.getInitial());
    assertEquals(2, last.getWindow());
    assertEquals(0, ((SeparatorAttention) layer(conf, "attention0")).getWindow());
    ComputationGraph network = builder.build().init();
    double before = network.score(batch());
    for (int step = 0; step < 30; step++) {
      network.fit(batch());
    }
    assertTrue(network.score(batch()) < 0.5 * before, "learns");
    assertEquals(network.numParams(), builder.build().parameterCount());
  }

  @Test
  void tokensAtIntervalsInThePlaceOfSeparators() {
    Builder builder = tiny().intervalAttention(2, 1, 0, 3, 2);
    IntervalMarks marks = (IntervalMarks) layer(builder.build().conf(), "separators");
    assertEquals(2, marks.getInterval());
    assertEquals(1, marks.getInitial());
    SeparatorAttention last = (SeparatorAttention) layer(builder.build().conf(), "attention2");
    assertEquals(2, last.getWindow());
    // beside those without marks, of 7 tokens 0 0 0 0 0 1 1 and 0 0 0 0 1 1 2 are seen
    long near = tiny().separatorAttention(new int[] {2}, 1, 0, 3, 2).build().multiplyAddsPerToken();
    long far = 2 * 12 * 24 / 7 - 2 * 12 * 22 / 7 + 2 * 12 * 22 / 7 - 2 * 12 * 18 / 7;
    assertEquals(near + far, builder.build().multiplyAddsPerToken());
  }

  /** Of context 7, windows of 3 and 2 behind one initial token see 1 2 3 4 4 4 4 and 1 2 3 3 ... */
  @Test
  void multiplyAddsOfSeparatorAttention() {
    long dense = tiny().build().multiplyAddsPerToken();
    Builder builder = tiny().separatorAttention(new int[] {2}, 1, 0, 3, 2);
    long saved = 2 * 12 * 28 / 7 - 2 * 12 * 22 / 7 + 2 * 12 * 28 / 7 - 2 * 12 * 18 / 7;
    assertEquals(dense - saved, builder.build().multiplyAddsPerToken());
  }

  /** The places of the paper. */
  @Test
  void centredBlocksAreThoseOfThePaper() {
    assertArrayEquals(new int[] {4, 12, 20}, MemoryTransformer.centredBlocks(24, 3, 8));
    assertArrayEquals(new int[] {2, 6, 10}, MemoryTransformer.centredBlocks(12, 3, 4));
    assertArrayEquals(new int[] {0}, MemoryTransformer.centredBlocks(1, 1, 8));
    assertArrayEquals(new int[] {1, 2, 3}, MemoryTransformer.centredBlocks(4, 3, 1));
    assertArrayEquals(new int[] {4, 12, 20}, MemoryTransformer.centredBlocks(24));
    assertArrayEquals(new int[] {2, 6, 10}, MemoryTransformer.centredBlocks(12));
    for (int layers = 1; layers < 30; layers++) {
      int memories = layers < 5 ? 1 : layers < 9 ? 2 : 3;
      assertEquals(memories, MemoryTransformer.centredBlocks(layers).length, layers + " layers");
    }
    String refusal =
        assertThrows(IllegalArgumentException.class, () -> MemoryTransformer.centredBlocks(8, 3, 4))
            .getMessage();
    assertEquals(
        "[MemoryTransformer] centredBlocks: expected memories and stride of at least 1 that fit"
            + " into 8 layers, got 3 memories, stride 4. Fix: use fewer memories or a smaller"
            + " stride.",
        refusal);
  }

  @Test
  void aSharedPoolPutsItsReadersThereUnlessToldOtherwise() {
    Builder pooled = tiny().layers(12).memoryBlocks(0).sharedPool(true);
    assertEquals(List.of(0), memories(pooled));
    Builder centred = MemoryTransformer.builder().layers(12).sharedPool(true);
    assertEquals(List.of(2, 6, 10), memories(centred));
    assertEquals(List.of(4, 12, 20), memories(centred.layers(24)), "layers may follow");
    PooledMemory memory = (PooledMemory) layer(centred.build().conf(), "memory4");
    assertTrue(memory.isGate() && memory.isQueryKeyNorm());
    refuses(b -> b.sharedPool(true).layers(0), "layers: expected at least 1, got 0");
  }

  /** The same parameters, some steps on: the main job's pool changes no result of a memory. */
  @Test
  void aPoolOfOneReaderTrainsToTheBitsOfAMemory() {
    assertPoolOfOneReaderIsAMemory(
        (own, pooled) -> {
          for (int step = 0; step < 4; step++) {
            own.fit(batch());
            pooled.fit(batch());
          }
          pooled
              .paramTable()
              .forEach((name, values) -> assertEquals(own.getParam(ownName(name)), values, name));
        });
  }

  static void assertPoolOfOneReaderIsAMemory(
      BiConsumer<ComputationGraph, ComputationGraph> compare) {
    ComputationGraph own = tiny().schedule(2, 9).build().init();
    ComputationGraph pooled = tiny().schedule(2, 9).sharedPool(true).build().init();
    pooled
        .paramTable()
        .forEach((name, values) -> values.assign(own.getParam(ownName(name)))); // drawn in turn
    compare.accept(own, pooled);
  }

  private static String ownName(String pooledName) {
    return pooledName.equals("pool_V") ? "memory1_V" : pooledName;
  }

  private static List<Integer> memories(Builder builder) {
    ComputationGraphConfiguration conf = builder.build().conf();
    return IntStream.range(0, 30)
        .filter(block -> conf.getVertices().containsKey("memory" + block))
        .boxed()
        .toList();
  }

  private static Layer layer(ComputationGraphConfiguration conf, String name) {
    return ((LayerVertex) conf.getVertices().get(name)).getLayerConf().getLayer();
  }

  private static void assertNotEqualParameters(Builder one, Builder other) {
    org.junit.jupiter.api.Assertions.assertNotEquals(
        one.build().init().params(), other.build().init().params());
  }

  @Test
  void aBuilderThatGoesOnDoesNotChangeTheModel() {
    Builder builder = tiny();
    MemoryTransformer model = builder.build();
    long before = model.parameterCount();
    builder.layers(5).memoryBlocks(4);
    assertEquals(before, model.parameterCount());
  }

  @Test
  void scheduleRisesAndFalls() {
    WarmupDecay schedule = new WarmupDecay(2, 4, 10);
    assertEquals(0.5, schedule.valueAt(0, 0));
    assertEquals(2 * 0.7, schedule.valueAt(3, 0), 1e-12);
    assertEquals(1, schedule.valueAt(5, 0), 1e-12);
    assertEquals(0, schedule.valueAt(11, 0));
    assertEquals(2, new WarmupDecay(2, 0, 10).valueAt(0, 0));
    WarmupDecay later = new WarmupDecay(2, 4, 10, 100);
    assertEquals(0.5, later.valueAt(100, 0));
    assertEquals(1, later.valueAt(105, 0), 1e-12);
    assertEquals(0, later.valueAt(110, 0));
  }

  @Test
  void savedAndLoadedItTrainsOnToTheSameBits(@TempDir Path folder) throws IOException {
    for (Placement placement : Placement.values()) {
      trainsOnToTheSameBits(tiny().placement(placement), folder.resolve("model.zip"));
    }
    trainsOnToTheSameBits(tiny().memoryBlocks(0, 2).sharedPool(true), folder.resolve("pool.zip"));
    trainsOnToTheSameBits(
        tiny().separatorAttention(new int[] {2}, 1, 2), folder.resolve("separators.zip"));
    trainsOnToTheSameBits(tiny().intervalAttention(2, 1, 2), folder.resolve("intervals.zip"));
  }

  private static void trainsOnToTheSameBits(Builder model, Path file) throws IOException {
    ComputationGraph network = model.schedule(1, 9).build().init();
    network.fit(batch());
    network.fit(batch());
    MemoryTransformer.save(network, file);
    ComputationGraph again = MemoryTransformer.load(file);
    assertEquals(network.getConfiguration(), again.getConfiguration());
    network.fit(batch());
    again.fit(batch());
    assertSameBits(network, again);
  }

  static void assertSameBits(ComputationGraph expected, ComputationGraph got) {
    assertArrayEquals(bits(expected), bits(got));
  }

  private static float[][] bits(ComputationGraph network) {
    return new float[][] {
      network.params().toFloatVector(),
      network.getUpdater().getUpdaterStateViewArray().toFloatVector()
    };
  }

  @Test
  void everyRefusalNamesItsFix() {
    refuses(b -> b.vocabulary(1), "vocabulary: expected at least 2, got 1");
    refuses(b -> b.layers(0), "layers: expected at least 1, got 0");
    refuses(b -> b.heads(0), "heads: expected at least 1, got 0");
    refuses(b -> b.model(0), "model: expected at least 1, got 0");
    refuses(b -> b.model(14), "model: expected a multiple of 2 * heads = 4, got 14");
    refuses(b -> b.hidden(0), "hidden: expected at least 1, got 0");
    refuses(b -> b.context(0), "context: expected at least 1, got 0");
    refuses(
        b -> b.separatorAttention(new int[0], 3, 64),
        "separators: expected at least one token id, got none");
    refuses(
        b -> b.separatorAttention(new int[] {23}, 3, 64), "separators: expected 0 to 22, got 23");
    refuses(
        b -> b.separatorAttention(new int[] {1}, -1, 64), "initial: expected at least 0, got -1");
    refuses(
        b -> b.separatorAttention(new int[] {1}, 3, 64, 64),
        "windows: expected one, or one for each of 3 layers, got 2");
    refuses(
        b -> b.separatorAttention(new int[] {1}, 3, -64), "windows: expected at least 0, got -64");
    refuses(b -> b.intervalAttention(0, 3, 64), "interval: expected at least 1, got 0");
    refuses(b -> b.memoryBlocks(3), "memoryBlocks: expected 0 to 2, got 3");
    refuses(b -> b.memoryBlocks(-1), "memoryBlocks: expected 0 to 2, got -1");
    refuses(b -> b.memoryBlocks(1, 1), "memoryBlocks: expected each block once, got [1, 1]");
    refuses(
        b -> b.memoryBlocks().sharedPool(true),
        "sharedPool: expected memoryBlocks that read the pool, got none");
    refuses(b -> b.placement(null), "placement: expected REPLACE or BESIDE, got null");
    refuses(b -> b.memoryHeads(0), "memoryHeads: expected at least 1, got 0");
    refuses(b -> b.topK(12), "topK: expected 1 to subKeys = 11, got 12");
    refuses(b -> b.subKeys(2), "topK: expected 1 to subKeys = 2, got 3");
    refuses(b -> b.keySize(7), "keySize: expected a positive even number, got 7");
    refuses(b -> b.valueSize(-1), "valueSize: expected at least 0, got -1");
    refuses(b -> b.learningRate(Double.NaN), "learningRate: expected a positive number, got NaN");
    refuses(b -> b.valueLearningRate(0), "valueLearningRate: expected a positive number, got 0.0");
    refuses(
        b -> b.schedule(3, 2), "schedule: expected 0 <= warmup <= steps, got warmup 3, steps 2");
    refuses(b -> b.dataType(DataType.BOOL), "dataType: expected FLOAT or DOUBLE, got BOOL");
  }

  private static void refuses(UnaryOperator<Builder> change, String message) {
    String got =
        assertThrows(IllegalArgumentException.class, () -> change.apply(tiny()).build())
            .getMessage();
    assertEquals("[MemoryTransformer] " + message, got.substring(0, got.indexOf(". Fix: ")));
  }

  @Test
  @SuppressWarnings("deprecation")
  void isAZooModelWithoutPublishedWeights() {
    MemoryTransformer model = tiny().build();
    assertEquals(ComputationGraph.class, model.modelType());
    assertNull(model.pretrainedUrl(PretrainedType.MNIST));
    assertEquals(0, model.pretrainedChecksum(PretrainedType.MNIST));
    assertNull(model.metaData());
    assertEquals(
        "[MemoryTransformer] setInputShape: expected no call, got one. Fix: set vocabulary(...) and"
            + " context(...) on the builder.",
        assertThrows(
                UnsupportedOperationException.class, () -> model.setInputShape(new int[][] {{1}}))
            .getMessage());
  }
}
