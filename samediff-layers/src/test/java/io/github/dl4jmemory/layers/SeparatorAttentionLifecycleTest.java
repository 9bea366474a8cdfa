package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
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
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** Separator attention in DL4J's tools: graphs, JSON, clone, freezing, transfer, masks. */
@ExtendWith(Seeded.class)
class SeparatorAttentionLifecycleTest {

  private static ComputationGraph graph(DataType type, IUpdater updater) {
    return SeparatorDecoders.graph(
        type,
        updater,
        SeparatorDecoders.attention().build(),
        SeparatorDecoders.attention().bilevelPositions(true).build());
  }

  @Test
  void gradientInAGraphWithPaddedRows(Random random) {
    AssertGradient.of(
        graph(DataType.DOUBLE, new NoOp()), SeparatorDecoders.text(random, DataType.DOUBLE));
  }

  /** The flag as a feature of the data, in both layouts. */
  @ParameterizedTest
  @EnumSource(RNNFormat.class)
  void gradientInAMultiLayerNetwork(RNNFormat format, Random random) {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            Networks.settings(DataType.DOUBLE, new NoOp())
                .list()
                .layer(SeparatorDecoders.attention().window(3).build())
                .layer(
                    new RnnOutputLayer.Builder(LossFunctions.LossFunction.MSE)
                        .nOut(3)
                        .dataFormat(format)
                        .activation(Activation.IDENTITY)
                        .build())
                .setInputType(InputType.recurrent(5, format))
                .build());
    network.init();
    INDArray x = Elements.uniform(random, DataType.DOUBLE, 2, 7, 5);
    INDArray labels = Elements.uniform(random, DataType.DOUBLE, 2, 7, 3);
    for (int t = 0; t < 7; t++) {
      x.putScalar(0, t, 4, t % 3 == 1 ? 1 : 0).putScalar(1, t, 4, t % 4 == 0 ? 1 : 0);
    }
    boolean channelsFirst = format == RNNFormat.NCW;
    AssertGradient.of(
        network,
        new DataSet(
            channelsFirst ? x.permute(0, 2, 1).dup('c') : x,
            channelsFirst ? labels.permute(0, 2, 1).dup('c') : labels));
  }

  static Stream<DefinedLayer> layers() {
    return Stream.of(
        SeparatorDecoders.attention().nIn(5).build(),
        SeparatorDecoders.attention().nIn(5).initial(0).window(0).bilevelPositions(true).build(),
        SeparatorMarks.builder().separators(3, 1, 4).build(),
        SegmentPositions.builder().positions(17).build(),
        IntervalMarks.builder().interval(5).initial(2).build());
  }

  @ParameterizedTest
  @MethodSource("layers")
  void jsonAndCloneKeepEverySetting(DefinedLayer layer) {
    MultiLayerConfiguration configuration =
        Networks.settings(DataType.FLOAT, new Adam(1e-3)).list().layer(layer).build();
    MultiLayerConfiguration read = MultiLayerConfiguration.fromJson(configuration.toJson());
    assertEquals(configuration.toJson(), read.toJson());
    DefinedLayer back = (DefinedLayer) read.getConf(0).getLayer();
    assertEquals(configuration.getConf(0).getLayer(), back);
    assertEquals(back.hashCode(), configuration.getConf(0).getLayer().hashCode());
    assertEquals(back, back.clone());
    back.setLayerName("another");
    assertNotEquals(configuration.getConf(0).getLayer(), back);
  }

  @Test
  void settingsAreReadBack() {
    SeparatorAttention layer =
        SeparatorDecoders.attention().nIn(5).initial(4).window(7).bilevelPositions(true).build();
    assertEquals(4, layer.getInitial());
    assertEquals(7, layer.getWindow());
    assertTrue(layer.isBilevelPositions());
    assertEquals(4, layer.getNOut());
    assertEquals(3, SeparatorAttention.builder().heads(1).window(1).build().getInitial());
    for (SeparatorAttention.Builder other :
        List.of(
            SeparatorDecoders.attention().initial(2),
            SeparatorDecoders.attention().window(3),
            SeparatorDecoders.attention().bilevelPositions(true),
            SeparatorDecoders.attention().rotaryFraction(0.5))) {
      assertNotEquals(SeparatorDecoders.attention().build(), other.build());
    }
    assertNotEquals(
        SeparatorMarks.builder().separators(1).build(),
        SeparatorMarks.builder().separators(2).build());
    assertNotEquals(
        SegmentPositions.builder().positions(1).build(),
        SegmentPositions.builder().positions(2).build());
    assertEquals(17, SegmentPositions.builder().positions(17).build().getPositions());
  }

  @Test
  void savedAndRestoredItTrainsOnToTheSameBits(@TempDir Path folder, Random random)
      throws Exception {
    ComputationGraph network = graph(DataType.FLOAT, new Adam(1e-2));
    MultiDataSet data = SeparatorDecoders.text(random, DataType.FLOAT);
    network.fit(data);
    File file = folder.resolve("network.zip").toFile();
    ModelSerializer.writeModel(network, file, true);
    ComputationGraph restored = ModelSerializer.restoreComputationGraph(file, true);
    assertEquals(network.getConfiguration(), restored.getConfiguration());
    network.fit(data);
    restored.fit(data);
    AssertClose.same("parameters", Elements.doubles(network.params()), restored.params());
  }

  @Test
  void aCloneTrainsOnItsOwn(Random random) {
    ComputationGraph network = graph(DataType.FLOAT, new Adam(1e-2));
    MultiDataSet data = SeparatorDecoders.text(random, DataType.FLOAT);
    ComputationGraph clone = network.clone();
    assertEquals(network.score(data), clone.score(data));
    double[] before = Elements.doubles(network.params());
    clone.fit(data);
    AssertClose.same("original", before, network.params());
    network.fit(data);
    AssertClose.same("clone", Elements.doubles(network.params()), clone.params());
    LayerRuntime<?> marks = (LayerRuntime<?>) network.getLayer("separators");
    assertEquals(0, marks.clone().numParams());
  }

  @Test
  void frozenItKeepsItsParametersAndNewOutputsLearn(Random random) {
    ComputationGraph trained = graph(DataType.FLOAT, new Adam(1e-2));
    MultiDataSet data = SeparatorDecoders.text(random, DataType.FLOAT);
    trained.fit(data);
    ComputationGraph tuned =
        new TransferLearning.GraphBuilder(trained)
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Adam(1e-2)).build())
            .setFeatureExtractor("attention1")
            .removeVertexAndConnections("out")
            .addLayer(
                "next",
                NextTokenOutput.builder()
                    .nIn(4)
                    .vocabulary(SeparatorDecoders.VOCABULARY)
                    .rnnFormat(RNNFormat.NWC)
                    .build(),
                "sum1")
            .setOutputs("next")
            .build();
    double[] output = Elements.doubles(tuned.getParam("next_W"));
    tuned.fit(data);
    for (String key : List.of("embedding_W", "placed_W", "attention0_Wq", "attention1_Wo")) {
      AssertClose.same(key, Elements.doubles(trained.getParam(key)), tuned.getParam(key));
    }
    assertThrows(
        AssertionError.class, () -> AssertClose.same("", output, tuned.getParam("next_W")));
  }

  @Test
  void dropOutIsAppliedToTheFeaturesInTrainingOnlyAndNeverToTheFlag(Random random) {
    SeparatorAttention layer =
        SeparatorDecoders.attention().nIn(9).rnnFormat(RNNFormat.NWC).dropOut(0.5).build();
    LayerRuntime<?> runtime = Runtimes.of(layer, DataType.FLOAT, random);
    INDArray x = Elements.uniform(random, DataType.FLOAT, 3, 5, 9);
    for (int b = 0; b < 3; b++) {
      for (int t = 0; t < 5; t++) {
        x.putScalar(b, t, 8, t == 1 ? 1 : 0);
      }
    }
    LayerWorkspaceMgr none = LayerWorkspaceMgr.noWorkspaces();
    INDArray plain = runtime.activate(x.dup(), false, none).dup();
    AssertClose.same("test", Elements.doubles(plain), runtime.activate(x.dup(), false, none));
    INDArray dropped = runtime.activate(x.dup(), true, none);
    assertTrue(dropped.distance2(plain) > 0);
    INDArray gradient =
        runtime
            .backpropGradient(Elements.uniform(random, DataType.FLOAT, 3, 5, 8), none)
            .getSecond();
    assertNotEquals(0, gradient.amaxNumber().doubleValue());
  }

  /**
   * The vertex that DL4J makes for two inputs serves, but not in a clone: the day M2.1's
   * MergeVertex keeps its axis, {@link SeparatorMerge} can go.
   */
  @Test
  void dl4jsOwnMergeVertexForgetsItsAxisInAClone(Random random) {
    ComputationGraph network =
        new ComputationGraph(
            Networks.settings(DataType.FLOAT, new NoOp())
                .graphBuilder()
                .addInputs("ids")
                .setInputTypes(InputType.recurrent(1))
                .addLayer(
                    "embedding", TokenEmbedding.builder().vocabulary(9).nOut(4).build(), "ids")
                .addLayer("marks", SeparatorMarks.builder().separators(3).build(), "ids")
                .addLayer("attention", SeparatorDecoders.attention().build(), "embedding", "marks")
                .setOutputs("attention")
                .build());
    network.init();
    INDArray ids = Elements.slots(random, 9, 2, 7);
    assertEquals(4, network.outputSingle(ids).size(2));
    ComputationGraph clone = network.clone();
    assertThrows(RuntimeException.class, () -> clone.outputSingle(ids));
  }

  @Test
  void itLearnsAText(Random random) {
    ComputationGraph network = graph(DataType.FLOAT, new Adam(3e-2));
    MultiDataSet data = SeparatorDecoders.text(random, DataType.FLOAT);
    double before = network.score(data);
    for (int i = 0; i < 60; i++) {
      network.fit(data);
    }
    double after = network.score(data);
    assertTrue(after < 0.7 * before, "loss went from " + before + " to " + after);
  }
}
