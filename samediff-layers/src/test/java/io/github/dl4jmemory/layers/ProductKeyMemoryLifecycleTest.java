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
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.earlystopping.EarlyStoppingConfiguration;
import org.deeplearning4j.earlystopping.EarlyStoppingResult;
import org.deeplearning4j.earlystopping.saver.InMemoryModelSaver;
import org.deeplearning4j.earlystopping.scorecalc.DataSetLossCalculator;
import org.deeplearning4j.earlystopping.termination.MaxEpochsTerminationCondition;
import org.deeplearning4j.earlystopping.trainer.EarlyStoppingTrainer;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
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
import org.nd4j.evaluation.regression.RegressionEvaluation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.schedule.ExponentialSchedule;
import org.nd4j.linalg.schedule.ScheduleType;

/** DL4J's tools on networks with a product-key memory. */
class ProductKeyMemoryLifecycleTest {

  @TempDir Path folder;

  @Test
  void jsonKeepsEverySetting() {
    ProductKeyMemory memory =
        Networks.memory()
            .name("facts")
            .queryBatchNorm(true)
            .queryKeyNorm(false)
            .gate(false)
            .dropOut(0.9)
            .l2(1e-4)
            .updater(new Sgd(0.2))
            .valuesUpdater(new Adam(new ExponentialSchedule(ScheduleType.EPOCH, 1e-3, 0.9)))
            .build();
    MultiLayerConfiguration conf = Networks.forTraining(memory).getLayerWiseConfigurations();
    MultiLayerConfiguration read = MultiLayerConfiguration.fromJson(conf.toJson());
    assertEquals(conf.getConf(0).getLayer(), read.getConf(0).getLayer());
    assertEquals(conf, read);
    assertEquals(conf, MultiLayerConfiguration.fromYaml(conf.toYaml()));
    ProductKeyMemory layer = (ProductKeyMemory) read.getConf(0).getLayer();
    assertEquals(2, layer.getHeads());
    assertEquals(11, layer.getSubKeys());
    assertEquals(6, layer.getKeySize());
    assertEquals(3, layer.getTopK());
    assertEquals(7, layer.getValueSize());
    assertEquals(13, layer.getNOut());
    assertEquals(Networks.IN, layer.getNIn());
    assertEquals(new Sgd(0.2), layer.getUpdater());
    assertEquals(
        new Adam(new ExponentialSchedule(ScheduleType.EPOCH, 1e-3, 0.9)), layer.getValuesUpdater());

    ComputationGraphConfiguration graph =
        Networks.sequenceGraph(Networks.memory().build(), RNNFormat.NWC, DataType.FLOAT, new Sgd(1))
            .getConfiguration();
    assertEquals(graph, ComputationGraphConfiguration.fromJson(graph.toJson()));
  }

  @Test
  void savedAndRestoredContinuesBitEqual() throws IOException {
    MultiLayerNetwork network = trained();
    File file = folder.resolve("network.zip").toFile();
    ModelSerializer.writeModel(network, file, true);
    MultiLayerNetwork restored = ModelSerializer.restoreMultiLayerNetwork(file, true);
    INDArray x = batch(9).getFeatures();
    AssertClose.same("output", Elements.doubles(network.output(x)), restored.output(x));
    RowSparseTraining.attach(restored);
    for (int step = 5; step < 8; step++) {
      network.fit(batch(step));
      restored.fit(batch(step));
    }
    AssertClose.same("parameters", Elements.doubles(network.params()), restored.params());
    AssertClose.same(
        "updater state",
        Elements.doubles(network.getUpdater().getStateViewArray()),
        restored.getUpdater().getStateViewArray());
  }

  @Test
  void savedAndRestoredGraphContinuesBitEqual() throws IOException {
    ComputationGraph network = sequences();
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

  @Test
  void cloneIsIndependent() {
    MultiLayerNetwork network = trained();
    MultiLayerNetwork clone = network.clone();
    AssertClose.same("parameters", Elements.doubles(network.params()), clone.params());
    INDArray before = network.params().dup();
    clone.fit(batch(7));
    AssertClose.same("parameters", Elements.doubles(before), network.params());
    assertNotEquals(before, clone.params());
    network.fit(batch(7));
    AssertClose.same("parameters", Elements.doubles(network.params()), clone.params());
    LayerRuntime<?> runtime = (LayerRuntime<?>) network.getLayer(0);
    org.deeplearning4j.nn.api.Layer layer = runtime.clone();
    AssertClose.same("parameters", Elements.doubles(network.getLayer(0).params()), layer.params());
    layer.params().addi(1);
    assertNotEquals(network.getLayer(0).params(), layer.params());
  }

  @Test
  void transferLearningKeepsTheTable() {
    MultiLayerNetwork network = trained();
    MultiLayerNetwork replaced =
        new TransferLearning.Builder(network).nOutReplace(1, 2, WeightInit.XAVIER).build();
    sameParameters(network.getLayer(0), replaced.getLayer(0));

    ComputationGraph graph = sequences();
    ComputationGraph changed =
        new TransferLearning.GraphBuilder(graph).nOutReplace("out", 2, WeightInit.XAVIER).build();
    sameParameters(graph.getLayer("memory"), changed.getLayer("memory"));
  }

  @Test
  void frozenTableDoesNotChange() {
    MultiLayerNetwork network = trained();
    MultiLayerNetwork frozen =
        new TransferLearning.Builder(network)
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Sgd(0.1)).build())
            .setFeatureExtractor(0)
            .build();
    assertInstanceOf(FrozenLayer.class, frozen.getLayer(0));
    RowSparseTraining.attach(frozen);
    INDArray memory = frozen.getLayer(0).params().dup();
    INDArray output = frozen.getLayer(1).params().dup();
    frozen.fit(batch(3));
    frozen.fit(batch(4));
    AssertClose.same("frozen parameters", Elements.doubles(memory), frozen.getLayer(0).params());
    assertNotEquals(output, frozen.getLayer(1).params());
  }

  @Test
  void setParamAssigns() {
    MultiLayerNetwork network = trained();
    INDArray values = network.getLayer(0).getParam("V");
    network.setParam("0_V", values.mul(2));
    AssertClose.same("V", Elements.doubles(values), network.getParam("0_V"));
    INDArray gate = Nd4j.rand(DataType.FLOAT, Networks.IN, 7);
    network.getLayer(0).setParam("Wg", gate);
    AssertClose.same("Wg", Elements.doubles(gate), network.getLayer(0).getParam("Wg"));
    assertEquals(network.getLayer(0).params().length(), network.getLayer(0).numParams());
    network.setParamTable(network.clone().paramTable());
    AssertClose.same("Wg", Elements.doubles(gate), network.getLayer(0).getParam("Wg"));
  }

  @Test
  void evaluates() {
    MultiLayerNetwork network = trained();
    RegressionEvaluation evaluation =
        network.evaluateRegression(new ListDataSetIterator<>(batch(1).asList(), 4));
    assertTrue(Double.isFinite(evaluation.averageMeanSquaredError()));
    assertEquals(
        network.score(batch(1)), evaluation.averageMeanSquaredError(), 1e-4, "score is the MSE");
  }

  @Test
  void earlyStopping() {
    ListDataSetIterator<DataSet> data = new ListDataSetIterator<>(batch(1).asList(), 11);
    EarlyStoppingResult<MultiLayerNetwork> result =
        new EarlyStoppingTrainer(
                new EarlyStoppingConfiguration.Builder<MultiLayerNetwork>()
                    .epochTerminationConditions(new MaxEpochsTerminationCondition(4))
                    .scoreCalculator(new DataSetLossCalculator(data, true))
                    .modelSaver(new InMemoryModelSaver<>())
                    .build(),
                Networks.forTraining(Networks.memory().build()),
                data)
            .fit();
    assertEquals(4, result.getTotalEpochs());
    double first = result.getScoreVsEpoch().get(0);
    assertTrue(result.getBestModelScore() < first, result.getScoreVsEpoch().toString());
  }

  @Test
  void regularisationCountsTheWeightsButNotTheTable() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().l2(0.5).build());
    double expected = 0;
    for (String key : new String[] {"Wq", "K", "g", "Wg", "Wo"}) {
      double norm = network.getLayer(0).getParam(key).norm2Number().doubleValue();
      expected += 0.5 * 0.5 * norm * norm;
    }
    assertEquals(expected, network.getLayer(0).calcRegularizationScore(true), 1e-4 * expected);
  }

  @Test
  void dropOutOfTheInput() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().dropOut(0.5).build());
    INDArray x = batch(1).getFeatures();
    AssertClose.same(
        "output", Elements.doubles(network.output(x, false)), network.output(x, false));
    assertNotEquals(network.output(x, false), network.output(x, true));
    network.fit(batch(1));
  }

  private static void sameParameters(
      org.deeplearning4j.nn.api.Layer expected, org.deeplearning4j.nn.api.Layer actual) {
    assertEquals(expected.paramTable().keySet(), actual.paramTable().keySet());
    expected
        .paramTable()
        .forEach(
            (key, value) -> AssertClose.same(key, Elements.doubles(value), actual.getParam(key)));
  }

  static MultiLayerNetwork trained() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().build());
    for (int step = 0; step < 5; step++) {
      network.fit(batch(step));
    }
    return network;
  }

  private static ComputationGraph sequences() {
    ComputationGraph network =
        Networks.sequenceGraph(
            Networks.memory().build(), RNNFormat.NWC, DataType.FLOAT, new Adam(1e-2));
    network.fit(sequenceBatch(0));
    network.fit(sequenceBatch(1));
    return network;
  }

  private static DataSet sequenceBatch(int seed) {
    Nd4j.getRandom().setSeed(300 + seed);
    return new DataSet(
        Nd4j.randn(DataType.FLOAT, 3, 2, Networks.IN),
        Nd4j.randn(DataType.FLOAT, 3, 2, Networks.OUT));
  }

  static DataSet batch(int seed) {
    Nd4j.getRandom().setSeed(200 + seed);
    return new DataSet(
        Nd4j.randn(DataType.FLOAT, 11, Networks.IN), Nd4j.randn(DataType.FLOAT, 11, Networks.OUT));
  }
}
