package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.schedule.ExponentialSchedule;
import org.nd4j.linalg.schedule.ScheduleType;

class TuckerMemoryConfigurationTest {

  @Test
  void defaultsAreThoseOfTheJavadoc() {
    UltraMem layer = UltraMem.builder().nIn(64).build();
    assertEquals(2, layer.getHeads());
    assertTrue(layer.isSharedQuery());
    assertEquals(2, layer.getRank());
    assertEquals(2, layer.getCores());
    assertEquals(4, layer.getExpansion());
    assertEquals(512, layer.getSubKeys());
    assertEquals(512 * 512, layer.getSlots());
    assertEquals(256, layer.getKeySize());
    assertEquals(42, layer.getTopK());
    assertEquals(32, layer.getValueSize());
    assertTrue(layer.isQueryKeyNorm());
    assertFalse(layer.isSoftmax());
    assertEquals(0, layer.getQueryConvolution());
    assertEquals(0.001, layer.getSingularValueLoss());
    assertEquals(0.15, layer.getSingularValueMargin());
    assertEquals(12, layer.getTransformerLayers());
    assertEquals(0, layer.getPermutationSeed());
    assertEquals(new Adam(1e-3), layer.getValuesUpdater());
    UltraMemV2 second = UltraMemV2.builder().nIn(64).build();
    assertEquals(1, second.getHeads());
    assertEquals(32, second.getTopK());
    assertEquals(16, second.getValueSize());
    assertEquals(16, second.getPreValueSize());
    assertEquals(4, second.getFeedForwardRatio());
    assertEquals(0, second.getSingularValueLoss());
  }

  @Test
  void jsonKeepsEverySetting() {
    UltraMem first =
        TuckerMemories.first()
            .name("facts")
            .heads(3)
            .sharedQuery(false)
            .rank(3)
            .cores(1)
            .expansion(9)
            .queryKeyNorm(false)
            .softmax(true)
            .queryConvolution(4)
            .transformerLayers(7)
            .dropOut(0.9)
            .l2(1e-4)
            .updater(new Sgd(0.2))
            .valuesUpdater(
                new Adam(
                    new DecayingMultiple(
                        new ExponentialSchedule(ScheduleType.EPOCH, 1e-3, 0.9), 10, 500)))
            .build();
    UltraMemV2 second = TuckerMemories.second().feedForwardRatio(3).build();
    for (TuckerMemory layer : List.of(first, second)) {
      MultiLayerConfiguration conf = Networks.forTraining(layer).getLayerWiseConfigurations();
      MultiLayerConfiguration read = MultiLayerConfiguration.fromJson(conf.toJson());
      assertEquals(conf, read);
      assertEquals(conf, MultiLayerConfiguration.fromYaml(conf.toYaml()));
      TuckerMemory back = (TuckerMemory) read.getConf(0).getLayer();
      assertEquals(conf.getConf(0).getLayer().hashCode(), back.hashCode());
      assertEquals(layer.getValuesUpdater(), back.getValuesUpdater());
      assertNotSame(back, back.clone());
      assertEquals(back, back.clone());
      assertNotSame(back.getUpdaterByParam("V"), back.clone().getUpdaterByParam("V"));
      ComputationGraphConfiguration graph =
          Networks.sequenceGraph(layer, RNNFormat.NWC, DataType.FLOAT, new Sgd(1))
              .getConfiguration();
      assertEquals(graph, ComputationGraphConfiguration.fromJson(graph.toJson()));
    }
  }

  @Test
  void everySettingCountsInEquality() {
    List<TuckerMemory> all = new ArrayList<>(TuckerMemories.all());
    all.add(TuckerMemories.first().sharedQuery(false).build());
    all.add(TuckerMemories.first().subKeys(6).build());
    all.add(TuckerMemories.first().keySize(8).build());
    all.add(TuckerMemories.first().topK(2).build());
    all.add(TuckerMemories.first().valueSize(4).build());
    all.add(TuckerMemories.first().singularValueLoss(0).build());
    all.add(TuckerMemories.first().singularValueMargin(0).build());
    all.add(TuckerMemories.first().transformerLayers(3).build());
    all.add(TuckerMemories.first().permutationSeed(3).build());
    all.add(TuckerMemories.first().valuesUpdater(new Sgd(1)).build());
    all.add(TuckerMemories.first().nOut(4).build());
    all.add(TuckerMemories.second().preValueSize(2).build());
    all.add(TuckerMemories.second().feedForwardRatio(2).build());
    for (int i = 0; i < all.size(); i++) {
      for (int j = 0; j < all.size(); j++) {
        assertEquals(i == j, all.get(i).equals(all.get(j)), i + ", " + j);
      }
    }
    assertEquals(TuckerMemories.first().build(), TuckerMemories.first().build());
    assertNotEquals(TuckerMemories.first().build(), null);
  }

  /** The models of the papers' tables; nothing of their size is allocated. */
  @Test
  void parameterCounts() {
    UltraMem first =
        UltraMem.builder()
            .nIn(1024)
            .subKeys(1000)
            .keySize(500)
            .topK(42)
            .singularValueLoss(0)
            .build();
    // 3 layers: 172.36 - 151.0 million beside the values; 1.536 billion values
    double dense = 3e-6 * (first.parameterCount() - first.getSlots() * first.getValueSize());
    assertEquals(21.36, dense, 0.02);
    assertEquals(1.536e9, 3.0 * first.getSlots() * first.getValueSize());
    UltraMemV2 second =
        UltraMemV2.builder().nIn(768).expansion(1).subKeys(360).keySize(192).build();
    long keys = 2L * 2 * 360 * 192;
    long cores = 2 * 2 * 2;
    long gains = 2L * 2 * 192;
    long tables = 360 * 360 * (192L + 192);
    long matrices = 768L * 2 * 2 * 192 + 768 * 192 + 192 * 768;
    assertEquals(keys + cores + gains + tables + matrices, second.parameterCount());
    MultiLayerNetwork network = Networks.forTraining(TuckerMemories.first().build());
    TuckerMemory small = (TuckerMemory) network.getLayer(0).conf().getLayer();
    assertEquals(network.getLayer(0).numParams() - 2 * 2 * 2, small.parameterCount());
  }

  @Test
  void builderRefusals() {
    refuses(b -> b.heads(0), "heads: expected a positive number, got 0. Fix: use heads(2).");
    refuses(b -> b.rank(0), "rank: expected a positive number, got 0. Fix: use rank(2).");
    refuses(b -> b.cores(0), "cores: expected a positive number, got 0. Fix: use cores(2).");
    for (int expansion : new int[] {0, -4, 3, 8}) {
      refuses(
          b -> b.expansion(expansion),
          "expansion: expected a square, 1 or more, got " + expansion + ". Fix: use expansion(4).");
    }
    for (long subKeys : new long[] {0, 32_769, 1L << 40}) {
      refuses(
          b -> b.subKeys(subKeys),
          "subKeys: expected 1 to 32768, so that a side has at most 65536 keys, got "
              + subKeys
              + ". Fix: use subKeys(512).");
    }
    refuses(
        b -> b.keySize(0), "keySize: expected a positive number, got 0. Fix: use keySize(256).");
    refuses(
        b -> b.keySize(7),
        "keySize: expected a multiple of rank = 2, got 7. Fix: change keySize(...) or rank(...).");
    for (int topK : new int[] {0, 11}) {
      refuses(
          b -> b.topK(topK),
          "topK: expected 1 to the keys of a side, 10, got "
              + topK
              + ". Fix: use fewer accesses or more sub-keys.");
    }
    refuses(
        b -> b.valueSize(0),
        "valueSize: expected a positive number, got 0. Fix: leave valueSize(...) away for its"
            + " default.");
    refuses(
        b -> b.queryConvolution(-1),
        "queryConvolution: expected 0 for none, or a number of taps, got -1. Fix: use"
            + " queryConvolution(5).");
    for (double number : new double[] {-1, Double.NaN, Double.POSITIVE_INFINITY}) {
      refuses(
          b -> b.singularValueLoss(number),
          "singularValueLoss: expected 0 or a positive number, got "
              + number
              + ". Fix: use 0.001.");
      refuses(
          b -> b.singularValueMargin(number),
          "singularValueMargin: expected 0 or a positive number, got "
              + number
              + ". Fix: use 0.15.");
    }
    refuses(
        b -> b.transformerLayers(0),
        "transformerLayers: expected a positive number, got 0. Fix: use the model's number of"
            + " blocks.");
    refuses(
        b -> b.valuesUpdater(new Nesterovs()),
        "valuesUpdater: expected Adam or Sgd, which can be applied to the touched rows alone, or"
            + " NoOp, got Nesterovs. Fix: use new Adam(1e-3) or new Sgd(0.1), with a learning rate"
            + " or schedule of its own.");
  }

  @Test
  void refusalsOfTheSecondVersion() {
    says(
        () -> TuckerMemories.second().preValueSize(0),
        "[UltraMemV2] preValueSize: expected a positive number, got 0. Fix: leave"
            + " preValueSize(...) away for preValueSize = valueSize.");
    for (double ratio : new double[] {0, Double.NaN, Double.POSITIVE_INFINITY}) {
      says(
          () -> TuckerMemories.second().feedForwardRatio(ratio),
          "[UltraMemV2] feedForwardRatio: expected a positive number, got "
              + ratio
              + ". Fix: use 4.");
    }
    says(
        () -> TuckerMemories.second().topK(11).build(),
        "[UltraMemV2] topK: expected 1 to the keys of a side, 10, got 11. Fix: use fewer accesses"
            + " or more sub-keys.");
  }

  @Test
  void valueSizeMustHoldTheCores() {
    says(
        () -> Networks.forTraining(TuckerMemories.first().valueSize(3).name("facts").build()),
        "[UltraMem facts] valueSize: expected a multiple of cores = 2, got 3. Fix: call"
            + " valueSize(...), or change cores(...).");
    says(
        () -> Networks.forTraining(UltraMem.builder().nOut(1).name("facts").build()),
        "[UltraMem facts] valueSize: expected a multiple of cores = 2, got 0. Fix: call"
            + " valueSize(...), or change cores(...).");
  }

  @Test
  void tableTooLarge() {
    says(
        () ->
            Networks.forTraining(
                UltraMemV2.builder().nOut(8).subKeys(4096).preValueSize(16).name("facts").build()),
        "[UltraMemV2 facts] subKeys: expected a table of fewer than 2^28 values, the most that DL4J"
            + " saves and restores with Adam state, got 16777216 slots of 16 values. Fix: use fewer"
            + " slots or smaller values, or keep the table of a MemoryPool or UltraMem in a file(...).");
  }

  @Test
  void inputSizeIsNeeded() {
    says(
        () -> UltraMem.builder().build().parameterCount(),
        "[UltraMem] nIn: expected a positive number, got 0. Fix: call nIn(...), or"
            + " setInputType(...) on the network configuration.");
  }

  @Test
  void inputsRefused() {
    MultiLayerNetwork network = Networks.forTraining(TuckerMemories.first().name("facts").build());
    says(
        () -> network.output(Nd4j.rand(DataType.FLOAT, 2, 4)),
        "[UltraMem facts] input: expected 5 features on axis 1, got FLOAT array (shape [2, 4])."
            + " Fix: set nIn(4), or the other rnnFormat if time stands on that axis.");
    INDArray infinite = Nd4j.rand(DataType.FLOAT, 2, 5).putScalar(1, 2, Double.NaN);
    says(
        () -> network.output(infinite),
        "[tuckerTopK] query: expected scores without NaN, got NaN in the scores of query 2 (batch *"
            + " heads + head). Fix: look for NaN or opposite infinities in the query and the"
            + " sub-keys; lower the learning rate");
    network.getLayer(0).getParam("C").putScalar(1, Double.POSITIVE_INFINITY);
    says(
        () -> network.output(Nd4j.rand(DataType.FLOAT, 2, 5), true),
        "[tuckerFilters] cores: expected finite elements, got Infinity (shape [2, 2, 2, 2]). Fix:"
            + " lower the learning rate");
  }

  @Test
  void scheduleDecaysToItsBase() {
    DecayingMultiple schedule = new DecayingMultiple(0.5, 10, 4);
    double[] factors = {10, 7.75, 5.5, 3.25, 1, 1};
    for (int i = 0; i < factors.length; i++) {
      assertEquals(0.5 * factors[i], schedule.valueAt(i, 7), 1e-12, "iteration " + i);
    }
    assertEquals(1, new DecayingMultiple(1, 10, 4).valueAt(1_000_000, 0));
    assertEquals(schedule, schedule.clone());
    ExponentialSchedule base = new ExponentialSchedule(ScheduleType.EPOCH, 1, 0.5);
    assertEquals(0.25 * 7.75, new DecayingMultiple(base, 10, 4).valueAt(1, 2), 1e-12);
    assertThrows(IllegalArgumentException.class, () -> new DecayingMultiple(0.5, 10, 0));
    says(
        () -> new DecayingMultiple(null, 10, 4),
        "[DecayingMultiple] base: expected a schedule, got null. Fix: use new FixedSchedule(1e-3).");
    says(
        () -> new DecayingMultiple(1, 0, 4),
        "[DecayingMultiple] multiple: expected a positive number, got 0.0. Fix: use 10.");
    says(
        () -> new DecayingMultiple(1, 10, 0),
        "[DecayingMultiple] steps: expected a positive number, got 0. Fix: use the iterations of"
            + " the whole training.");
  }

  private static void refuses(UnaryOperator<UltraMem.Builder> setting, String message) {
    says(() -> setting.apply(TuckerMemories.first()).build(), "[UltraMem] " + message);
  }

  private static void says(Executable action, String message) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action).getMessage());
  }
}
