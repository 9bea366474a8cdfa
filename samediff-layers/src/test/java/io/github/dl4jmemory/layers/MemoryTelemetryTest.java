package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.Seeded;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** What the listener reports, against an oracle that finds all accesses by itself. */
@ExtendWith(Seeded.class)
class MemoryTelemetryTest {

  private static final int SUB_KEYS = 11;
  private static final int BATCH = 5;
  private static final int TIME = 3;
  private static final int EVERY = 3;

  private final List<PoolUsage> reports = new ArrayList<>();

  private MemoryTelemetry.Builder telemetry() {
    return MemoryTelemetry.builder().every(EVERY).window(2 * EVERY).to(reports::add);
  }

  /** Two readers of one pool, over masked sequences, for three stretches. */
  @Test
  void reportsWhatTrainingReads(Random random) {
    ComputationGraph graph = graph();
    graph.addListeners(telemetry().build());
    AccessOracle oracle = new AccessOracle(SUB_KEYS * SUB_KEYS);
    for (int step = 1; step <= 3 * EVERY; step++) {
      DataSet batch = batch(random);
      addTo(oracle, graph, batch, step);
      INDArray before = graph.getLayer("pool").getParam("V").dup();
      graph.fit(batch);
      if (step % EVERY == 0) {
        assertEquals(step / EVERY, reports.size());
        check(oracle, reports.get(reports.size() - 1), step);
        checkNorms(before, graph.getLayer("pool").getParam("V"), reports.get(reports.size() - 1));
        oracle.nextStretch();
      }
    }
  }

  private static void check(AccessOracle oracle, PoolUsage usage, int step) {
    assertEquals("pool", usage.pool());
    assertEquals(step - 1, usage.iteration());
    assertEquals(EVERY, usage.steps());
    assertEquals(oracle.counts.length, usage.slots());
    assertEquals(oracle.reads(), usage.reads());
    checkSpread(oracle.counts, usage.counts(), 1e-9, 0);
    checkSpread(oracle.weights, usage.weights(), 2e-3, 2);
    int window = Math.min(step, 2 * EVERY);
    assertEquals(window, usage.deadSteps());
    assertEquals(oracle.dead(step - window + 1), usage.deadSlots());
    checkReaders(oracle, usage);
  }

  private static void checkReaders(AccessOracle oracle, PoolUsage usage) {
    assertEquals(
        List.of("memory1", "memory2"),
        usage.readers().stream().map(PoolUsage.Reader::name).toList());
    for (PoolUsage.Reader reader : usage.readers()) {
      assertEquals(3, reader.topK());
      List<Double> expected = oracle.entropy(reader.name());
      assertEquals(expected.size(), reader.entropy().size());
      for (int head = 0; head < expected.size(); head++) {
        assertEquals(expected.get(head), reader.entropy().get(head), 1e-5);
      }
    }
  }

  private static void checkSpread(double[] amounts, SlotSpread spread, double tolerance, int rank) {
    assertEquals(SpreadOracle.share(amounts), spread.share());
    assertEquals(SpreadOracle.kl(amounts), spread.kl(), tolerance);
    assertEquals(SpreadOracle.gini(amounts), spread.gini(), tolerance);
    assertEquals(SpreadOracle.top(amounts, 50), spread.top50(), rank);
    assertEquals(SpreadOracle.top(amounts, 90), spread.top90(), rank);
    assertEquals(SpreadOracle.top(amounts, 99), spread.top99(), rank);
  }

  /** Sampled rows are some of those that changed: the means lie between their extremes. */
  private static void checkNorms(INDArray before, INDArray after, PoolUsage usage) {
    double least = Double.POSITIVE_INFINITY;
    double most = 0;
    for (long row = 0; row < before.size(0); row++) {
      double norm = after.getRow(row).sub(before.getRow(row)).norm2Number().doubleValue();
      least = norm > 0 ? Math.min(least, norm) : least;
      most = Math.max(most, norm);
    }
    double update = usage.updateNorm();
    assertTrue(least <= update && update <= most, least + " <= " + update + " <= " + most);
    double largest = after.norm2(1).maxNumber().doubleValue();
    assertTrue(usage.rowNorm() > 0 && usage.rowNorm() <= largest, "" + usage.rowNorm());
  }

  @Test
  void measuresEvaluation(Random random) {
    ComputationGraph graph = graph();
    DataSet batch = batch(random);
    AccessOracle oracle = new AccessOracle(SUB_KEYS * SUB_KEYS);
    addTo(oracle, graph, batch, 1);
    PoolUsage usage = evaluated(graph, batch);
    checkSpread(oracle.counts, usage.counts(), 1e-9, 0);
    checkSpread(oracle.weights, usage.weights(), 2e-3, 2);
    checkReaders(oracle, usage);
    assertEquals(oracle.dead(1), usage.deadSlots());
    assertEquals(0, usage.steps());
    assertEquals(0, usage.updateNorm());
    assertEquals(usage, evaluated(graph, batch));
  }

  private static PoolUsage evaluated(ComputationGraph graph, DataSet batch) {
    List<PoolUsage> measured =
        MemoryTelemetry.measure(
            graph,
            () ->
                graph.output(
                    false,
                    new INDArray[] {batch.getFeatures()},
                    new INDArray[] {batch.getFeaturesMaskArray()}));
    graph.clearLayerMaskArrays();
    assertEquals(1, measured.size());
    return measured.get(0);
  }

  /** Evaluation between steps, and steps of a clone, are not counted. */
  @Test
  void countsTrainingOfThisNetworkOnly(Random random) {
    ComputationGraph graph = graph();
    graph.addListeners(telemetry().build());
    DataSet batch = batch(random);
    for (int step = 0; step < EVERY; step++) {
      graph.fit(batch);
      graph.output(batch.getFeatures());
      graph.clone().fit(batch);
      graph.score(batch);
    }
    long tokens = batch.getFeaturesMaskArray().sumNumber().longValue();
    assertEquals(1, reports.size());
    assertEquals(EVERY * tokens * (2 + 1) * 3, reports.get(0).reads());
  }

  @Test
  void nothingIsLeftWhenTheListenerIsTakenAway(Random random) {
    ComputationGraph graph = graph();
    graph.addListeners(telemetry().build());
    graph.fit(batch(random));
    assertNull(((ProductKeyLookupRuntime<?>) graph.getLayer("memory1")).observer());
    graph.setListeners();
    for (int step = 0; step < EVERY; step++) {
      graph.fit(batch(random));
    }
    assertEquals(List.of(), reports);
  }

  /** Training with the listener gives the same bits as without. */
  @Test
  void changesNothing(Random random) {
    ComputationGraph watched = graph();
    ComputationGraph plain = watched.clone();
    watched.addListeners(telemetry().build());
    for (int step = 0; step < 2 * EVERY; step++) {
      DataSet batch = batch(random);
      watched.fit(batch);
      plain.fit(batch);
    }
    PoolGraphs.same("with telemetry", plain, watched);
  }

  @Test
  void frozenPoolIsCounted(Random random) {
    ComputationGraph graph =
        new TransferLearning.GraphBuilder(graph()).setFeatureExtractor("pool").build();
    graph.addListeners(telemetry().build());
    DataSet batch = batch(random);
    for (int step = 0; step < EVERY; step++) {
      graph.fit(batch);
    }
    assertEquals("pool", reports.get(0).pool());
    assertTrue(reports.get(0).reads() > 0);
    assertEquals(0, reports.get(0).updateNorm());
  }

  @Test
  void ownTableOfMultiLayerNetwork() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().build());
    network.addListeners(telemetry().build());
    for (int step = 0; step < EVERY; step++) {
      network.fit(PoolGraphs.batch(DataType.FLOAT, step));
    }
    assertEquals("layer0", reports.get(0).pool());
    assertEquals(EVERY * 13 * 6, reports.get(0).reads());
    assertTrue(reports.get(0).updateNorm() > 0);
    assertEquals("layer0", reports.get(0).readers().get(0).name());
  }

  @Test
  void everythingMasked(Random random) {
    ComputationGraph graph = graph();
    graph.addListeners(telemetry().build());
    DataSet batch = batch(random);
    batch.setFeaturesMaskArray(Nd4j.zeros(DataType.DOUBLE, BATCH, TIME));
    for (int step = 0; step < EVERY; step++) {
      graph.fit(batch);
    }
    assertEquals(0, reports.get(0).reads());
    assertEquals(List.of(), reports.get(0).readers());
    assertEquals(SUB_KEYS * SUB_KEYS, reports.get(0).deadSlots());
  }

  @Test
  void refusals() {
    refused(
        "[MemoryTelemetry] every: expected 1 to 100000, got 0. Fix: use every(100).",
        () -> MemoryTelemetry.builder().every(0).build());
    refused(
        "[MemoryTelemetry] window: expected at least every = 100, got 99. Fix: use window(1000), or"
            + " report more often.",
        () -> MemoryTelemetry.builder().window(99).build());
    refused(
        "[MemoryTelemetry] to: expected a consumer, got null. Fix: pass UsageFile.at(path).",
        () -> MemoryTelemetry.builder().to(null));
    refused(
        "[MemoryTelemetry] network: expected a MultiLayerNetwork or a ComputationGraph, got null."
            + " Fix: pass the network that holds the memory.",
        () -> MemoryTelemetry.measure(null, () -> {}));
    refused(
        "[MemoryTelemetry] network: expected one with a ProductKeyMemory, or with a MemoryPool and"
            + " its readers, got one without. Fix: add a memory, or take the listener away.",
        () -> MemoryTelemetry.measure(Networks.forTraining(RmsNorm.builder().build()), () -> {}));
    refused(
        "[MemoryTelemetry] pool layer0: expected at most 1073741824 slots, which are counted in"
            + " arrays, got 1073741825. Fix: train this network without telemetry.",
        () ->
            new TableObserver(
                (LayerRuntime<?>) Networks.forTraining(Networks.memory().build()).getLayer(0),
                (1L << 30) + 1));
  }

  private static void refused(String message, org.junit.jupiter.api.function.Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private static void addTo(AccessOracle oracle, ComputationGraph graph, DataSet batch, int step) {
    for (String name : new String[] {"memory1", "memory2"}) {
      ProductKeyLookupRuntime<?> reader = (ProductKeyLookupRuntime<?>) graph.getLayer(name);
      for (int b = 0; b < BATCH; b++) {
        for (int t = 0; t < TIME; t++) {
          if (batch.getFeaturesMaskArray().getDouble(b, t) != 0) {
            double[] x = new double[Networks.IN];
            for (int i = 0; i < x.length; i++) {
              x[i] = batch.getFeatures().getDouble(b, i, t);
            }
            oracle.add(reader.layerConf(), reader.paramTable(), x, step);
          }
        }
      }
    }
  }

  private static ComputationGraph graph() {
    GraphBuilder graph =
        Networks.settings(DataType.DOUBLE, new Adam(1e-2))
            .graphBuilder()
            .addInputs("in")
            .setInputTypes(InputType.recurrent(Networks.IN, RNNFormat.NCW));
    PooledMemory.Builder memory =
        PooledMemory.builder().nOut(7).keySize(6).topK(3).queryKeyNorm(false);
    MemoryPool.builder()
        .subKeys(SUB_KEYS)
        .valueSize(3)
        .build()
        .addTo(
            graph,
            "pool",
            "in",
            new MemoryPool.Reader("memory1", "in", memory.heads(2).build()),
            new MemoryPool.Reader("memory2", "in", memory.heads(1).build()));
    graph
        .addVertex("both", new MergeVertex(), "memory1", "memory2")
        .addLayer(
            "out",
            new RnnOutputLayer.Builder(LossFunctions.LossFunction.MSE)
                .nOut(Networks.OUT)
                .dataFormat(RNNFormat.NCW)
                .activation(Activation.IDENTITY)
                .build(),
            "both")
        .setOutputs("out");
    return PoolGraphs.initialised(graph);
  }

  private static DataSet batch(Random random) {
    Nd4j.getRandom().setSeed(random.nextInt());
    INDArray mask = Nd4j.ones(DataType.DOUBLE, BATCH, TIME);
    for (int b = 1; b < BATCH; b++) {
      mask.putScalar(b, random.nextInt(TIME), 0);
    }
    return new DataSet(
        Nd4j.randn(DataType.DOUBLE, BATCH, Networks.IN, TIME),
        Nd4j.randn(DataType.DOUBLE, BATCH, Networks.OUT, TIME),
        mask,
        mask);
  }
}
