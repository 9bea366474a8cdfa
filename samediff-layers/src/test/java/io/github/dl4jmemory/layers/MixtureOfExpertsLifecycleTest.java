package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** A mixture of experts in DL4J's tools: gradients, score, JSON, saving, transfer, masks. */
@ExtendWith(Seeded.class)
class MixtureOfExpertsLifecycleTest {

  private static final int BATCH = 4;
  private static final int TIME = 5;

  /** 7 experts of 3 hidden features; a large load-balance loss, so that its gradient is seen. */
  private static MixtureOfExperts.Builder experts() {
    return MixtureOfExperts.builder().nOut(6).experts(7).hiddenSize(3).balanceLoss(0.5);
  }

  private static DataSet rows(Random random, DataType type) {
    return new DataSet(
        Elements.uniform(random, type, 17, Networks.IN),
        Elements.uniform(random, type, 17, Networks.OUT));
  }

  private static MultiDataSet sequences(Random random, RNNFormat format, DataType type) {
    boolean nwc = format == RNNFormat.NWC;
    INDArray mask = Nd4j.ones(type, BATCH, TIME);
    mask.putScalar(0, 4, 0);
    mask.putScalar(2, 0, 0);
    mask.putScalar(2, 1, 0);
    INDArray x = Elements.uniform(random, type, BATCH, nwc ? TIME : 5, nwc ? 5 : TIME);
    INDArray y = Elements.uniform(random, type, BATCH, nwc ? TIME : 3, nwc ? 3 : TIME);
    return new MultiDataSet(
        new INDArray[] {x}, new INDArray[] {y}, new INDArray[] {mask}, new INDArray[] {mask});
  }

  // Fixed seeds: a step of 1e-6 must not make a token change its experts.

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void gradientInAMultiLayerNetwork(boolean normalize) {
    MixtureOfExperts layer = experts().normalizeTopK(normalize).build();
    AssertGradient.of(Networks.forGradients(layer), rows(new Random(7), DataType.DOUBLE));
  }

  @ParameterizedTest
  @EnumSource(RNNFormat.class)
  void gradientInAGraphOfMaskedSequences(RNNFormat format) {
    ComputationGraph graph =
        Networks.sequenceGraph(experts().topK(3).build(), format, DataType.DOUBLE, new NoOp());
    AssertGradient.of(graph, sequences(new Random(11), format, DataType.DOUBLE));
  }

  @Test
  void theScoreOfTrainingHoldsTheBalanceLossAndThatOfOtherDataDoesNot(Random random) {
    DataSet data = rows(random, DataType.DOUBLE);
    MultiLayerNetwork network = Networks.forGradients(experts().build());
    MultiLayerNetwork without = Networks.forGradients(experts().balanceLoss(0).build());
    without.setParams(network.params());
    assertEquals(without.score(data, false), network.score(data, false), 1e-12);
    double added = network.score(data, true) - without.score(data, true);
    assertTrue(added > 0.1 && added < 0.5 * 7, "balance loss " + added);
  }

  /** With a strong load-balance loss, a router that prefers one expert comes to use all. */
  @Test
  void theBalanceLossBalances(Random random) {
    MultiLayerNetwork network = Networks.forTraining(experts().topK(1).balanceLoss(3).build());
    DataSet data = rows(random, DataType.FLOAT);
    data.getFeatures().getColumn(0).assign(1);
    network.getLayer(0).getParam("Wr").getRow(0).assign(0).putScalar(3, 3);
    MixtureOfExpertsRuntime<?> runtime = (MixtureOfExpertsRuntime<?>) network.getLayer(0);
    network.score(data, true);
    double before = runtime.ownLoss();
    for (int i = 0; i < 60; i++) {
      network.fit(data);
    }
    network.score(data, true);
    assertTrue(before > 2 * 3, "before " + before);
    assertTrue(runtime.ownLoss() < before / 2, before + " before, after " + runtime.ownLoss());
  }

  @Test
  void jsonAndCloneKeepEverySetting() {
    MixtureOfExperts layer =
        MixtureOfExperts.builder()
            .nIn(4)
            .nOut(6)
            .experts(9)
            .topK(3)
            .hiddenSize(5)
            .normalizeTopK(true)
            .balanceLoss(0.25)
            .build();
    MultiLayerConfiguration configuration =
        Networks.settings(DataType.FLOAT, new Adam(1e-3)).list().layer(layer).build();
    MultiLayerConfiguration read = MultiLayerConfiguration.fromJson(configuration.toJson());
    MixtureOfExperts back = (MixtureOfExperts) read.getConf(0).getLayer();
    assertEquals(configuration.getConf(0).getLayer(), back);
    assertEquals(back.hashCode(), configuration.getConf(0).getLayer().hashCode());
    assertNotSame(back, back.clone());
    assertEquals(back, back.clone());
    assertEquals(9, back.getExperts());
    assertEquals(3, back.getTopK());
    assertEquals(5, back.getHiddenSize());
    assertTrue(back.isNormalizeTopK());
    assertEquals(0.25, back.getBalanceLoss());
    for (MixtureOfExperts.Builder other :
        List.of(
            base().experts(10),
            base().topK(2),
            base().hiddenSize(6),
            base().normalizeTopK(true),
            base().balanceLoss(0))) {
      assertNotEquals(base().build(), other.build());
    }
    assertEquals(base().build(), base().build());
  }

  private static MixtureOfExperts.Builder base() {
    return MixtureOfExperts.builder().nIn(4).experts(9).topK(3).hiddenSize(5);
  }

  @Test
  void defaultsAreThoseOfTheJavadoc() {
    MixtureOfExperts layer = MixtureOfExperts.builder().nIn(4).experts(9).hiddenSize(5).build();
    assertEquals(2, layer.getTopK());
    assertEquals(0.01, layer.getBalanceLoss());
    assertFalse(layer.isNormalizeTopK());
    assertEquals(4, layer.getNOut());
  }

  @Test
  void savedAndRestoredItTrainsOnToTheSameBits(@TempDir Path folder, Random random)
      throws Exception {
    MultiLayerNetwork network = Networks.forTraining(experts().build());
    DataSet data = rows(random, DataType.FLOAT);
    network.fit(data);
    File file = folder.resolve("network.zip").toFile();
    ModelSerializer.writeModel(network, file, true);
    MultiLayerNetwork restored = ModelSerializer.restoreMultiLayerNetwork(file, true);
    double[] output = Elements.doubles(network.output(data.getFeatures()));
    AssertClose.same("output", output, restored.output(data.getFeatures()));
    network.fit(data);
    restored.fit(data);
    AssertClose.same("parameters", Elements.doubles(network.params()), restored.params());
    assertEquals(network.score(), restored.score());
  }

  @Test
  void aCloneTrainsOnItsOwn(Random random) {
    MultiLayerNetwork network = Networks.forTraining(experts().build());
    double[] before = Elements.doubles(network.params());
    MultiLayerNetwork clone = network.clone();
    clone.fit(rows(random, DataType.FLOAT));
    AssertClose.same("original", before, network.params());
    assertTrue(clone.params().distance2(network.params()) > 0);
  }

  @Test
  void frozenExpertsKeepTheirParametersAndAddNothingToTheScore(Random random) {
    MultiLayerNetwork trained = Networks.forTraining(experts().build());
    DataSet data = rows(random, DataType.FLOAT);
    trained.fit(data);
    MultiLayerNetwork tuned =
        new TransferLearning.Builder(trained)
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Adam(1e-2)).build())
            .setFeatureExtractor(0)
            .removeOutputLayer()
            .addLayer(
                new OutputLayer.Builder(LossFunctions.LossFunction.MSE)
                    .nIn(6)
                    .nOut(Networks.OUT)
                    .activation(Activation.IDENTITY)
                    .build())
            .build();
    tuned.fit(data);
    List.of("0_Wr", "0_W1", "0_W2", "0_W3")
        .forEach(
            key ->
                AssertClose.same(
                    key, Elements.doubles(trained.getParam(key)), tuned.getParam(key)));
    assertEquals(tuned.score(data, false), tuned.score(data, true), 1e-6);
  }

  /** What stands at masked places changes neither score nor step, nor the balance. */
  @Test
  void maskedTokensDoNotMatter(Random random) {
    MultiDataSet data = sequences(random, RNNFormat.NWC, DataType.FLOAT);
    MultiDataSet other = data.copy();
    other.getFeatures(0).slice(2).getRows(0, 1).assign(0);
    INDArray masked = other.getFeatures(0).slice(2);
    masked.getRow(0).assign(1e6);
    masked.getRow(1).assign(-1e6);
    ComputationGraph first = graph();
    ComputationGraph second = graph();
    first.fit(data);
    second.fit(other);
    assertEquals(first.score(), second.score());
    AssertClose.same("parameters", Elements.doubles(first.params()), second.params());
  }

  private static ComputationGraph graph() {
    return Networks.sequenceGraph(experts().build(), RNNFormat.NWC, DataType.FLOAT, new Adam(1e-2));
  }

  @Test
  void aBatchOfNothingButMasksTeachesTheExpertsNothing(Random random) {
    ComputationGraph graph =
        Networks.sequenceGraph(experts().build(), RNNFormat.NWC, DataType.FLOAT, new Adam(1e-2));
    MultiDataSet data = sequences(random, RNNFormat.NWC, DataType.FLOAT);
    graph.fit(data);
    INDArray mask = Nd4j.zeros(DataType.FLOAT, BATCH, TIME);
    MixtureOfExpertsRuntime<?> runtime = (MixtureOfExpertsRuntime<?>) graph.getLayer("memory");
    LayerWorkspaceMgr none = LayerWorkspaceMgr.noWorkspaces();
    runtime.setMaskArray(mask);
    runtime.gradientOf("W1").assign(1);
    INDArray out = runtime.activate(data.getFeatures(0), true, none);
    assertEquals(0, out.amaxNumber().doubleValue());
    INDArray dx = runtime.backpropGradient(out.ulike().assign(1), none).getSecond();
    assertEquals(0, dx.amaxNumber().doubleValue());
    assertEquals(0, runtime.ownLoss());
    for (String key : List.of("Wr", "W1", "W2", "W3")) {
      assertEquals(0, runtime.gradientOf(key).amaxNumber().doubleValue(), key);
    }
  }

  /** Epsilons from outside, without a forward pass in training. */
  @Test
  void backwardWithoutTrainingForwardIsTheSame(Random random) {
    LayerRuntime<?> runtime = Runtimes.of(experts().nIn(5).build(), DataType.DOUBLE, random);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, 17, 5);
    INDArray epsilon = Elements.uniform(random, DataType.DOUBLE, 17, 6);
    LayerWorkspaceMgr none = LayerWorkspaceMgr.noWorkspaces();
    runtime.activate(x, true, none);
    INDArray expected = runtime.backpropGradient(epsilon, none).getSecond().dup();
    runtime.activate(x, false, none);
    INDArray got = runtime.backpropGradient(epsilon, none).getSecond();
    AssertClose.same("gradient of x", Elements.doubles(expected), got);
  }

  @Test
  void dropOutIsAppliedToTheInputInTrainingOnly(Random random) {
    LayerRuntime<?> runtime =
        Runtimes.of(experts().nIn(8).dropOut(0.5).build(), DataType.FLOAT, random);
    INDArray x = Elements.uniform(random, DataType.FLOAT, 17, 8);
    LayerWorkspaceMgr none = LayerWorkspaceMgr.noWorkspaces();
    INDArray plain = runtime.activate(x.dup(), false, none).dup();
    AssertClose.same("test", Elements.doubles(plain), runtime.activate(x.dup(), false, none));
    assertTrue(runtime.activate(x.dup(), true, none).distance2(plain) > 0);
  }
}
