package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** DL4J's tools on networks with an UltraMem or an UltraMemV2. */
class TuckerMemoryLifecycleTest {

  @TempDir Path folder;

  static Stream<TuckerMemory> both() {
    return Stream.of(
        TuckerMemories.first().queryConvolution(3).build(), TuckerMemories.second().build());
  }

  @ParameterizedTest
  @MethodSource("both")
  void savedAndRestoredContinuesBitEqual(TuckerMemory settings) throws IOException {
    MultiLayerNetwork network = trained(settings);
    File file = folder.resolve("network.zip").toFile();
    ModelSerializer.writeModel(network, file, true);
    MultiLayerNetwork restored = ModelSerializer.restoreMultiLayerNetwork(file, true);
    INDArray x = batch(9).getFeatures();
    AssertClose.same("output", Elements.doubles(network.output(x)), restored.output(x));
    for (int step = 5; step < 8; step++) {
      network.fit(batch(step));
      restored.fit(batch(step));
    }
    assertEquals(network.score(), restored.score());
    sameTraining(network, restored);
  }

  /** One pass over the touched rows alone gives the same bits. */
  @ParameterizedTest
  @MethodSource("both")
  void attachedTrainingIsTheSame(TuckerMemory settings) {
    MultiLayerNetwork network = Networks.forTraining(settings);
    MultiLayerNetwork attached = network.clone();
    RowSparseTraining.attach(attached);
    for (int step = 0; step < 6; step++) {
      network.fit(batch(step));
      attached.fit(batch(step));
    }
    sameTraining(network, attached);
  }

  /** Adam without a last gradient would move a row that no token read: rows are left alone. */
  @ParameterizedTest
  @MethodSource("both")
  void aStepChangesTheRowsReadAndNoOther(TuckerMemory settings) {
    MultiLayerNetwork network = Networks.forTraining(settings);
    network.fit(batch(1));
    for (String key : network.getLayer(0).paramTable().containsKey("P") ? pair() : single()) {
      INDArray before = network.getLayer(0).getParam(key).dup();
      INDArray one = batch(2).getFeatures().getRows(0);
      network.fit(new DataSet(one, batch(2).getLabels().getRows(0)));
      INDArray after = network.getLayer(0).getParam(key);
      long changed =
          IntStream.range(0, 25)
              .filter(row -> after.getRow(row).neq(before.getRow(row)).any())
              .count();
      assertTrue(changed > 0 && changed <= 2 * 4, key + ": rows changed: " + changed);
    }
  }

  private static String[] single() {
    return new String[] {"V"};
  }

  private static String[] pair() {
    return new String[] {"V", "P"};
  }

  @ParameterizedTest
  @MethodSource("both")
  void graphOfSequencesIsSavedAndContinuesBitEqual(TuckerMemory settings) throws IOException {
    ComputationGraph network = sequences(settings);
    File file = folder.resolve("graph.zip").toFile();
    ModelSerializer.writeModel(network, file, true);
    ComputationGraph restored = ModelSerializer.restoreComputationGraph(file, true);
    network.fit(sequenceBatch(2));
    restored.fit(sequenceBatch(2));
    AssertClose.same("parameters", Elements.doubles(network.params()), restored.params());
    AssertClose.same(
        "updater state",
        Elements.doubles(network.getUpdater().getStateViewArray()),
        restored.getUpdater().getStateViewArray());
  }

  @ParameterizedTest
  @MethodSource("both")
  void cloneIsIndependent(TuckerMemory settings) {
    MultiLayerNetwork network = trained(settings);
    MultiLayerNetwork clone = network.clone();
    AssertClose.same("parameters", Elements.doubles(network.params()), clone.params());
    INDArray before = network.params().dup();
    clone.fit(batch(7));
    AssertClose.same("parameters", Elements.doubles(before), network.params());
    assertNotEquals(before, clone.params());
    network.fit(batch(7));
    AssertClose.same("parameters", Elements.doubles(network.params()), clone.params());
  }

  @ParameterizedTest
  @MethodSource("both")
  void transferLearningKeepsTableAndFilters(TuckerMemory settings) {
    MultiLayerNetwork network = trained(settings);
    MultiLayerNetwork replaced =
        new TransferLearning.Builder(network).nOutReplace(1, 2, WeightInit.XAVIER).build();
    sameParameters(network.getLayer(0), replaced.getLayer(0));
    ComputationGraph graph = sequences(settings);
    ComputationGraph changed =
        new TransferLearning.GraphBuilder(graph).nOutReplace("out", 2, WeightInit.XAVIER).build();
    sameParameters(graph.getLayer("memory"), changed.getLayer("memory"));
  }

  @ParameterizedTest
  @MethodSource("both")
  void frozenItDoesNotChange(TuckerMemory settings) {
    MultiLayerNetwork network = trained(settings);
    network.getLayer(0).getParam("C").muli(-1).addi(0.3); // filters are behind their cores
    MultiLayerNetwork frozen =
        new TransferLearning.Builder(network)
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Sgd(0.1)).build())
            .setFeatureExtractor(0)
            .build();
    assertInstanceOf(FrozenLayer.class, frozen.getLayer(0));
    INDArray memory = frozen.getLayer(0).params().dup();
    INDArray output = frozen.getLayer(1).params().dup();
    frozen.fit(batch(3));
    frozen.fit(batch(4));
    AssertClose.same("frozen parameters", Elements.doubles(memory), frozen.getLayer(0).params());
    assertNotEquals(output, frozen.getLayer(1).params());
  }

  @ParameterizedTest
  @MethodSource("both")
  void masked(TuckerMemory settings) {
    ComputationGraph network =
        Networks.sequenceGraph(settings, RNNFormat.NWC, DataType.FLOAT, new Adam(1e-2));
    DataSet data = sequenceBatch(3);
    INDArray mask = Nd4j.ones(DataType.FLOAT, 3, 4).putScalar(1, 1, 0).putScalar(2, 3, 0);
    INDArray other = data.getFeatures().dup();
    other.slice(1).getRow(1).assign(31);
    other.slice(2).getRow(3).assign(-37);
    ComputationGraph twin = network.clone();
    network.fit(new DataSet(data.getFeatures(), data.getLabels(), mask, mask));
    twin.fit(new DataSet(other, data.getLabels(), mask, mask));
    AssertClose.same("masked steps", Elements.doubles(twin.params()), network.params());
  }

  @ParameterizedTest
  @MethodSource("both")
  void everythingMasked(TuckerMemory settings) {
    ComputationGraph network =
        Networks.sequenceGraph(settings, RNNFormat.NWC, DataType.FLOAT, new Sgd(0.1));
    DataSet data = sequenceBatch(3);
    network.fit(data);
    INDArray before = network.getLayer("memory").params().dup();
    INDArray nothing = Nd4j.zeros(DataType.FLOAT, 3, 4);
    network.fit(new DataSet(data.getFeatures(), data.getLabels(), nothing, null));
    AssertClose.same("parameters", Elements.doubles(before), network.getLayer("memory").params());
    assertEquals(0, ((LayerRuntime<?>) network.getLayer("memory")).ownLoss());
  }

  /** It learns what a linear layer cannot: the class of 11 random points. */
  @ParameterizedTest
  @MethodSource("both")
  void learns(TuckerMemory settings) {
    MultiLayerNetwork network = Networks.forTraining(settings);
    double before = network.score(batch(1));
    for (int step = 0; step < 150; step++) {
      network.fit(batch(1));
    }
    double after = network.score(batch(1));
    assertTrue(after < 0.2 * before, before + " -> " + after);
  }

  @Test
  void regularisationCountsWeightsAndGainsButNeitherTablesNorFilters() {
    UltraMemV2 layer = TuckerMemories.second().l2(0.5).l2Bias(0.25).build();
    MultiLayerNetwork network = Networks.forTraining(layer);
    double expected = 0;
    for (String key : new String[] {"Wq", "K", "C", "Wp", "Wo"}) {
      double norm = network.getLayer(0).getParam(key).norm2Number().doubleValue();
      expected += 0.5 * 0.5 * norm * norm;
    }
    for (String key : new String[] {"gq", "gk"}) {
      double norm = network.getLayer(0).getParam(key).norm2Number().doubleValue();
      expected += 0.5 * 0.25 * norm * norm;
    }
    assertEquals(expected, network.getLayer(0).calcRegularizationScore(true), 1e-4 * expected);
  }

  private static void sameTraining(MultiLayerNetwork expected, MultiLayerNetwork actual) {
    AssertClose.same("parameters", Elements.doubles(expected.params()), actual.params());
    AssertClose.same(
        "updater state",
        Elements.doubles(expected.getUpdater().getStateViewArray()),
        actual.getUpdater().getStateViewArray());
  }

  private static void sameParameters(Layer expected, Layer actual) {
    assertEquals(expected.paramTable().keySet(), actual.paramTable().keySet());
    expected
        .paramTable()
        .forEach(
            (key, value) -> AssertClose.same(key, Elements.doubles(value), actual.getParam(key)));
  }

  private static MultiLayerNetwork trained(TuckerMemory settings) {
    MultiLayerNetwork network = Networks.forTraining(settings);
    for (int step = 0; step < 5; step++) {
      network.fit(batch(step));
    }
    return network;
  }

  private static ComputationGraph sequences(TuckerMemory settings) {
    ComputationGraph network =
        Networks.sequenceGraph(settings, RNNFormat.NWC, DataType.FLOAT, new Adam(1e-2));
    network.fit(sequenceBatch(0));
    network.fit(sequenceBatch(1));
    return network;
  }

  private static DataSet sequenceBatch(int seed) {
    Nd4j.getRandom().setSeed(300 + seed);
    return new DataSet(
        Nd4j.randn(DataType.FLOAT, 3, 4, Networks.IN),
        Nd4j.randn(DataType.FLOAT, 3, 4, Networks.OUT));
  }

  private static DataSet batch(int seed) {
    return ProductKeyMemoryLifecycleTest.batch(seed);
  }
}
