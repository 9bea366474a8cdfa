package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.dropout.IDropout;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** Asynchronous memories give, bit for bit, what memories that work in their turn give. */
@ExtendWith(Seeded.class)
class AsynchronousMemoryTest {

  private static final int[] PRIMES = {2, 3, 5, 7, 11, 13, 67};

  @TempDir Path folder;

  static Stream<TuckerMemory> kinds() {
    return TuckerMemories.all(new Adam(1e-2)).stream();
  }

  private static int prime(Random random) {
    return PRIMES[random.nextInt(PRIMES.length)];
  }

  private static INDArray rows(Random random, DataType type, int rows) {
    return Elements.uniform(random, type, rows, Networks.IN);
  }

  private static DataSet batch(Random random, DataType type, int rows) {
    return new DataSet(
        rows(random, type, rows), Elements.uniform(random, type, rows, Networks.OUT));
  }

  private static INDArray sequence(Random random, RNNFormat format, int features, int time) {
    return format == RNNFormat.NWC
        ? Elements.uniform(random, DataType.FLOAT, 3, time, features)
        : Elements.uniform(random, DataType.FLOAT, 3, features, time);
  }

  private static List<ComputationGraph> dense(DataType type, SkipMemories.Span... spans) {
    return SkippedChains.both(
        () -> SkippedChains.dense(type, new SkippedChains.Probe(() -> {}, () -> {})), spans);
  }

  private static List<ComputationGraph> sequences(RNNFormat format, TuckerMemory memory) {
    return SkippedChains.both(
        () -> SkippedChains.sequences(DataType.FLOAT, format), SkippedChains.spans(memory));
  }

  private static void sameTraining(List<ComputationGraph> both) {
    AssertClose.same("parameters", Elements.doubles(both.get(0).params()), both.get(1).params());
    AssertClose.same(
        "updater state",
        Elements.doubles(both.get(0).getUpdater().getStateViewArray()),
        both.get(1).getUpdater().getStateViewArray());
    assertEquals(both.get(0).score(), both.get(1).score());
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void outputsAndTraining(TuckerMemory memory, Random random) {
    DataType type = random.nextBoolean() ? DataType.FLOAT : DataType.DOUBLE;
    List<ComputationGraph> both = dense(type, SkippedChains.spans(memory));
    for (int step = 0; step < 3; step++) {
      DataSet data = batch(random, type, prime(random));
      both.forEach(network -> network.fit(data));
      sameTraining(both);
      INDArray x = rows(random, type, prime(random));
      for (boolean training : new boolean[] {false, true}) {
        double[] expected = Elements.doubles(both.get(0).output(training, x)[0]);
        AssertClose.same("output", expected, both.get(1).output(training, x)[0]);
      }
      assertEquals(both.get(0).score(data), both.get(1).score(data));
    }
  }

  /** With the rows of the tables alone, and dropout of the input. */
  @Test
  void trainingOfRows(Random random) {
    UltraMem memory =
        TuckerMemories.first().valuesUpdater(new Adam(1e-2)).dropOut(new EverySecond()).build();
    List<ComputationGraph> both = dense(DataType.FLOAT, SkippedChains.spans(memory));
    both.forEach(RowSparseTraining::attach);
    for (int step = 0; step < 4; step++) {
      DataSet data = batch(random, DataType.FLOAT, prime(random));
      for (ComputationGraph network : both) {
        network.fit(data);
      }
      sameTraining(both);
    }
  }

  /** Drops every second element: DL4J's own dropout of M2.1 has no two runs alike. */
  private static final class EverySecond implements IDropout {
    private static final long serialVersionUID = 1L;

    @Override
    public INDArray applyDropout(
        INDArray x, INDArray result, int iteration, int epoch, LayerWorkspaceMgr workspaces) {
      return result.assign(x).muli(mask(x));
    }

    @Override
    public INDArray backprop(INDArray outGradient, INDArray xGradient, int iteration, int epoch) {
      return xGradient.assign(outGradient).muli(mask(outGradient));
    }

    private static INDArray mask(INDArray array) {
      return Nd4j.arange(array.length()).fmod(2).reshape(array.shape()).castTo(array.dataType());
    }

    @Override
    public void clear() {}

    @Override
    public IDropout clone() {
      return new EverySecond();
    }
  }

  @ParameterizedTest
  @EnumSource(RNNFormat.class)
  void stepsAndMaskedSequences(RNNFormat format, Random random) {
    List<ComputationGraph> both =
        sequences(format, TuckerMemories.first().queryConvolution(3).build());
    INDArray mask = Nd4j.ones(DataType.FLOAT, 3, 5).putScalar(1, 2, 0);
    for (int round = 0; round < 2; round++) {
      DataSet data =
          new DataSet(
              sequence(random, format, Networks.IN, 5),
              sequence(random, format, Networks.OUT, 5),
              mask,
              mask);
      both.forEach(network -> network.fit(data));
      sameTraining(both);
      for (int time : new int[] {7, 1, 1, 3, 1}) {
        INDArray x = sequence(random, format, Networks.IN, time);
        double[] expected = Elements.doubles(both.get(0).rnnTimeStep(x)[0]);
        AssertClose.same("step", expected, both.get(1).rnnTimeStep(x)[0]);
      }
      both.forEach(ComputationGraph::rnnClearPreviousState);
    }
  }

  @Test
  void everythingMasked(Random random) {
    List<ComputationGraph> both = sequences(RNNFormat.NWC, TuckerMemories.second().build());
    INDArray nothing = Nd4j.zeros(DataType.FLOAT, 3, 5);
    DataSet data =
        new DataSet(
            sequence(random, RNNFormat.NWC, Networks.IN, 5),
            sequence(random, RNNFormat.NWC, Networks.OUT, 5),
            nothing,
            null);
    both.forEach(network -> network.fit(data));
    both.forEach(network -> network.fit(data));
    sameTraining(both);
  }

  /** Where activations are given to the user, and where DL4J has no workspaces. */
  @Test
  void whatTheUserIsGivenIsComplete(Random random) {
    List<ComputationGraph> both =
        dense(DataType.DOUBLE, SkippedChains.spans(TuckerMemories.first().build()));
    INDArray x = rows(random, DataType.DOUBLE, prime(random));
    for (WorkspaceMode mode : WorkspaceMode.values()) {
      both.forEach(network -> network.getConfiguration().setTrainingWorkspaceMode(mode));
      both.forEach(network -> network.getConfiguration().setInferenceWorkspaceMode(mode));
      for (int last = 0; last < 10; last++) {
        Map<String, INDArray> expected = both.get(0).feedForward(x, last, false);
        Map<String, INDArray> got = both.get(1).feedForward(x, last, false);
        assertEquals(expected.keySet(), got.keySet());
        expected.forEach((k, v) -> AssertClose.same(k, Elements.doubles(v), got.get(k)));
      }
      for (String vertex : List.of("m0", "block1", "m3")) {
        INDArray[] features = {x};
        List<String> named = List.of(vertex);
        double[] expected = Elements.doubles(both.get(0).output(named, false, features, null)[0]);
        INDArray got = both.get(1).output(named, false, features, null)[0];
        AssertClose.same(vertex, expected, got);
      }
      DataSet data = batch(random, DataType.DOUBLE, prime(random));
      both.forEach(network -> network.fit(data));
      sameTraining(both);
    }
  }

  /** After a pass of other data that ran beside the layers. */
  @Test
  void errorsFromOutside(Random random) {
    List<ComputationGraph> both =
        SkippedChains.both(
            () -> {
              GraphBuilder graph =
                  SkippedChains.dense(DataType.DOUBLE, new SkippedChains.Probe(() -> {}, () -> {}))
                      .removeVertex("out");
              graph.setNetworkOutputs(new ArrayList<>());
              return graph.setOutputs("block4");
            },
            SkippedChains.spans(TuckerMemories.first().build()));
    INDArray before = rows(random, DataType.DOUBLE, 5);
    INDArray[] x = {rows(random, DataType.DOUBLE, 5)};
    INDArray errors = Elements.uniform(random, DataType.DOUBLE, 5, 5);
    both.forEach(network -> network.output(true, before));
    both.forEach(network -> network.feedForward(x, true, false));
    double[] expected = Elements.doubles(both.get(0).backpropGradient(errors).gradient());
    AssertClose.same("gradient", expected, both.get(1).backpropGradient(errors).gradient());
  }

  @Test
  void savedRestoredAndCloned(Random random) throws IOException {
    ComputationGraph network = sequences(RNNFormat.NWC, TuckerMemories.first().build()).get(1);
    ComputationGraphConfiguration conf = network.getConfiguration();
    assertEquals(conf, ComputationGraphConfiguration.fromJson(conf.toJson()));
    DataSet data =
        new DataSet(
            sequence(random, RNNFormat.NWC, Networks.IN, 5),
            sequence(random, RNNFormat.NWC, Networks.OUT, 5));
    ComputationGraph clone = network.clone();
    for (ComputationGraph each : List.of(network, clone)) {
      each.fit(data);
    }
    File file = folder.resolve("network.zip").toFile();
    ModelSerializer.writeModel(network, file, true);
    ComputationGraph restored = ModelSerializer.restoreComputationGraph(file, true);
    for (int step = 0; step < 2; step++) {
      for (ComputationGraph each : List.of(network, restored, clone)) {
        assertInstanceOf(MemorySumVertex.class, each.getVertex("block3-memories"));
        each.fit(data);
      }
      sameTraining(List.of(network, restored));
      sameTraining(List.of(network, clone));
    }
  }

  @Test
  void frozen(Random random) {
    List<ComputationGraph> both =
        dense(DataType.FLOAT, SkippedChains.spans(TuckerMemories.first().build())).stream()
            .map(
                network ->
                    new TransferLearning.GraphBuilder(network)
                        .fineTuneConfiguration(
                            new FineTuneConfiguration.Builder().updater(new Adam(0.1)).build())
                        .setFeatureExtractor("m0")
                        .build())
            .toList();
    assertInstanceOf(FrozenLayer.class, both.get(1).getLayer("m0"));
    for (int step = 0; step < 3; step++) {
      DataSet data = batch(random, DataType.FLOAT, prime(random));
      both.forEach(network -> network.fit(data));
      sameTraining(both);
    }
  }

  /** Memories of other kinds, and one that a layer reads too, work when their turn comes. */
  @Test
  void others(Random random) {
    List<ComputationGraph> both =
        dense(
            DataType.DOUBLE,
            new SkipMemories.Span("keys", "block0", "block2", Networks.memory().nOut(5).build()),
            new SkipMemories.Span(
                "swiglu", "block0", "block3", SwiGlu.builder().hiddenSize(3).build()));
    DataSet data = batch(random, DataType.DOUBLE, prime(random));
    both.forEach(network -> network.fit(data));
    sameTraining(both);
    GraphBuilder graph =
        SkippedChains.dense(DataType.DOUBLE, new SkippedChains.Probe(() -> {}, () -> {}));
    SkipMemories.Span[] spans = SkippedChains.spans(TuckerMemories.first().build());
    SkipMemories.addTo(graph, true, spans);
    graph.addLayer("second", Networks.output(), "m0").setOutputs("out", "second");
    ComputationGraph network = new ComputationGraph(graph.build());
    network.init();
    INDArray[] out = network.output(data.getFeatures());
    INDArray read = network.feedForward(data.getFeatures(), false).get("second");
    AssertClose.same("second", Elements.doubles(read), out[1]);
  }
}
