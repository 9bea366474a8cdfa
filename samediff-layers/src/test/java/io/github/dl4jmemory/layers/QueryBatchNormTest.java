package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;

/** Queries standardised by running statistics. */
class QueryBatchNormTest {

  private static final String STATISTICS = "queryStatistics";
  private static final int TOKENS = 23;

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void equalsTheOracle(boolean norm) {
    Layer layer = network(memory().queryKeyNorm(norm).build(), DataType.DOUBLE).getLayer(0);
    anyStatistics(layer);
    INDArray x = Nd4j.randn(DataType.DOUBLE, TOKENS, Networks.IN);
    INDArray out = layer.activate(x, false, LayerWorkspaceMgr.noWorkspaces());
    ProductKeyMemory memory = (ProductKeyMemory) layer.conf().getLayer();
    for (int token = 0; token < TOKENS; token++) {
      double[] expected =
          ProductKeyMemoryOracle.token(
              memory, layer.paramTable(), x.getRow(token).toDoubleVector());
      AssertClose.close("token " + token, expected, out.getRow(token), 1e-12);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void gradientsWithTheStatisticsHeld(boolean norm) {
    ProductKeyMemory memory =
        memory()
            .queryKeyNorm(norm)
            .subKeys(7)
            .nOut(4)
            .valueSize(2)
            .valuesUpdater(new NoOp())
            .build();
    MultiLayerNetwork network = Networks.forGradients(memory);
    anyStatistics(network.getLayer(1));
    Nd4j.getRandom().setSeed(23);
    DataSet data =
        new DataSet(
            Nd4j.randn(DataType.DOUBLE, 19, Networks.IN),
            Nd4j.randn(DataType.DOUBLE, 19, Networks.OUT));
    AssertGradient.of(network, data, Set.of("1_" + STATISTICS));
  }

  @ParameterizedTest
  @EnumSource(
      value = GradientNormalization.class,
      names = {"None", "ClipElementWiseAbsoluteValue", "RenormalizeL2PerLayer"})
  void aStepMovesTheStatisticsATenthOfTheWay(GradientNormalization normalization) {
    MultiLayerNetwork network = network(memory().l2(0.1).build(), DataType.DOUBLE, normalization);
    INDArray x = Nd4j.randn(DataType.DOUBLE, TOKENS, Networks.IN).muli(3).addi(2);
    INDArray query = x.mmul(network.getLayer(0).getParam("Wq"));
    INDArray expected =
        Nd4j.vstack(
            query.mean(true, 0).mul(0.1), query.var(false, 0).reshape(1, -1).mul(0.1).add(0.9));
    network.output(x);
    assertEquals(0, statistics(network).getDouble(0, 0), "inference changes nothing");
    network.fit(new DataSet(x, Nd4j.randn(DataType.DOUBLE, TOKENS, Networks.OUT)));
    AssertClose.close("statistics", expected, statistics(network), 1e-12);
  }

  @Test
  void maskedTokensDoNotCount() {
    Nd4j.getRandom().setSeed(37);
    ComputationGraph network =
        Networks.sequenceGraph(memory().build(), RNNFormat.NWC, DataType.DOUBLE, new Sgd(0.1));
    INDArray x = Nd4j.randn(DataType.DOUBLE, 2, 3, Networks.IN);
    INDArray y = Nd4j.randn(DataType.DOUBLE, 2, 3, Networks.OUT);
    INDArray mask = Nd4j.createFromArray(new double[][] {{1, 1, 0}, {1, 0, 0}});
    INDArray kept = Nd4j.vstack(x.slice(0).getRow(0), x.slice(0).getRow(1), x.slice(1).getRow(0));
    INDArray mean = kept.mmul(network.getLayer("memory").getParam("Wq")).mean(0).mul(0.1);
    fit(network, x, y, mask);
    INDArray statistics = network.getLayer("memory").getParam(STATISTICS);
    AssertClose.close("mean", mean, statistics.getRow(0), 1e-12);
    INDArray before = statistics.dup();
    fit(network, x, y, Nd4j.zeros(DataType.DOUBLE, 2, 3));
    AssertClose.same("a step of nothing", Elements.doubles(before), statistics);
  }

  private static void fit(ComputationGraph network, INDArray x, INDArray y, INDArray mask) {
    network.fit(
        new MultiDataSet(
            new INDArray[] {x}, new INDArray[] {y}, new INDArray[] {mask}, new INDArray[] {mask}));
  }

  @Test
  void savedAndRestoredContinuesBitEqual() throws IOException {
    MultiLayerNetwork network = Networks.forTraining(memory().build());
    for (int step = 0; step < 3; step++) {
      network.fit(ProductKeyMemoryLifecycleTest.batch(step));
    }
    File file = folder.resolve("network.zip").toFile();
    ModelSerializer.writeModel(network, file, true);
    MultiLayerNetwork restored = ModelSerializer.restoreMultiLayerNetwork(file, true);
    RowSparseTraining.attach(restored);
    network.fit(ProductKeyMemoryLifecycleTest.batch(4));
    restored.fit(ProductKeyMemoryLifecycleTest.batch(4));
    AssertClose.same("parameters", Elements.doubles(network.params()), restored.params());
    assertNotEquals(0, statistics(restored).getDouble(0, 0));
  }

  @Test
  void frozenStatisticsStay() {
    MultiLayerNetwork network = Networks.forTraining(memory().build());
    network.fit(ProductKeyMemoryLifecycleTest.batch(1));
    MultiLayerNetwork frozen =
        new TransferLearning.Builder(network)
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Adam(1e-2)).seed(3).build())
            .setFeatureExtractor(0)
            .build();
    double[] before = Elements.doubles(frozen.getLayer(0).params());
    frozen.fit(ProductKeyMemoryLifecycleTest.batch(2));
    AssertClose.same("frozen", before, frozen.getLayer(0).params());
  }

  /** What all queries have in common would pick the same slots for all of them. */
  @Test
  void moreSlotsAreReadWhereTheInputsHaveMuchInCommon() {
    assertTrue(slotsRead(true) > 2 * slotsRead(false));
  }

  private static int slotsRead(boolean batchNorm) {
    ProductKeyMemory memory =
        memory().subKeys(31).queryBatchNorm(batchNorm).valuesUpdater(new Sgd(1)).build();
    MultiLayerNetwork network = network(memory, DataType.FLOAT);
    Nd4j.getRandom().setSeed(41);
    INDArray x = Nd4j.randn(DataType.FLOAT, 499, Networks.IN).addi(7);
    INDArray y = Nd4j.zeros(DataType.FLOAT, 499, Networks.OUT);
    for (int step = 0; step < 40; step++) {
      network.fit(new DataSet(x, y)); // labels that teach nothing; the statistics settle
    }
    BitSet read = new BitSet();
    ProductKeyMemoryRuntime runtime = (ProductKeyMemoryRuntime) network.getLayer(0);
    runtime.observe(
        (slots, weights) -> Arrays.stream(slots.ravel().toIntVector()).forEach(read::set));
    network.output(x);
    return read.cardinality();
  }

  @Test
  @Tag("native")
  void aSameDiffGraphHoldsTheStatisticsConstant() {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, Networks.IN);
    memory().nIn(Networks.IN).build().addTo(sd, "memory", x);
    assertEquals(VariableType.CONSTANT, sd.getVariable("memory/" + STATISTICS).getVariableType());
    assertEquals(VariableType.VARIABLE, sd.getVariable("memory/Wq").getVariableType());
  }

  private static ProductKeyMemory.Builder memory() {
    return Networks.memory().queryBatchNorm(true);
  }

  private static MultiLayerNetwork network(ProductKeyMemory memory, DataType type) {
    return network(memory, type, GradientNormalization.None);
  }

  private static MultiLayerNetwork network(
      ProductKeyMemory memory, DataType type, GradientNormalization normalization) {
    Nd4j.getRandom().setSeed(31);
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            Networks.settings(type, new Sgd(1e-3))
                .gradientNormalization(normalization)
                .gradientNormalizationThreshold(1e-3)
                .list()
                .layer(memory)
                .layer(Networks.output())
                .setInputType(InputType.feedForward(Networks.IN))
                .build());
    network.init();
    return network;
  }

  private static INDArray statistics(MultiLayerNetwork network) {
    return network.getLayer(0).getParam(STATISTICS);
  }

  private static void anyStatistics(Layer layer) {
    INDArray statistics = layer.getParam(STATISTICS);
    statistics.addi(Nd4j.rand(DataType.DOUBLE, statistics.shape()));
  }
}
