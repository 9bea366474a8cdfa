package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
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
import java.util.stream.Stream;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;

/** The blocks in DL4J's tools: MultiLayerNetwork, JSON, clone, freezing, transfer, masks. */
@ExtendWith(Seeded.class)
class BlocksLifecycleTest {

  private static final int VOCABULARY = 13;
  private static final int BATCH = 3;
  private static final int TIME = 5;

  private static MultiLayerNetwork network(DataType type, IUpdater updater) {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            Networks.settings(type, updater)
                .list()
                .layer(TokenEmbedding.builder().vocabulary(VOCABULARY).nOut(4).build())
                .layer(CausalAttention.builder().heads(2).keyValueHeads(1).theta(100).build())
                .layer(RmsNorm.builder().epsilon(1e-4).build())
                .layer(SwiGlu.builder().hiddenSize(3).nOut(5).build())
                .layer(NextTokenOutput.builder().vocabulary(VOCABULARY).build())
                .setInputType(InputType.recurrent(1))
                .build());
    network.init();
    return network;
  }

  private static DataSet data(Random random, DataType type) {
    return new DataSet(
        Elements.slots(random, VOCABULARY, BATCH, TIME).castTo(type),
        Elements.slots(random, VOCABULARY, BATCH, TIME).castTo(type));
  }

  private static INDArray mask(int... masked) {
    INDArray mask = Nd4j.ones(DataType.FLOAT, BATCH, TIME);
    for (int i : masked) {
      mask.putScalar(i / TIME, i % TIME, 0);
    }
    return mask;
  }

  @Test
  void gradientInAMultiLayerNetwork(Random random) {
    AssertGradient.of(network(DataType.DOUBLE, new NoOp()), data(random, DataType.DOUBLE));
  }

  static Stream<DefinedLayer> layers() {
    return Stream.of(
        TokenEmbedding.builder().vocabulary(7).nOut(4).weightInit(WeightInit.NORMAL).build(),
        RmsNorm.builder().nIn(4).epsilon(1e-3).build(),
        CausalAttention.builder().nIn(8).heads(4).keyValueHeads(2).theta(77).build(),
        CausalAttention.builder().nIn(8).heads(2).rotaryFraction(0.5).build(),
        SwiGlu.builder().nIn(4).nOut(6).hiddenSize(5).build(),
        NextTokenOutput.builder().nIn(4).vocabulary(9).build());
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
    assertNotSame(back, back.clone());
    assertEquals(back, back.clone());
    back.setLayerName("another");
    assertNotEquals(configuration.getConf(0).getLayer(), back);
  }

  @Test
  void settingsAreReadBack() {
    CausalAttention attention =
        CausalAttention.builder().nIn(8).heads(4).keyValueHeads(2).theta(77).build();
    assertEquals(4, attention.getHeads());
    assertEquals(2, attention.getKeyValueHeads());
    assertEquals(77, attention.getTheta());
    assertEquals(1, attention.getRotaryFraction());
    assertEquals(
        0.5, CausalAttention.builder().heads(1).rotaryFraction(0.5).build().getRotaryFraction());
    assertEquals(8, attention.getNOut());
    assertEquals(1e-3, RmsNorm.builder().epsilon(1e-3).build().getEpsilon());
    assertEquals(5, SwiGlu.builder().hiddenSize(5).build().getHiddenSize());
    assertEquals(9, NextTokenOutput.builder().vocabulary(9).build().getVocabulary());
    TokenEmbedding embedding = TokenEmbedding.builder().vocabulary(7).nOut(4).build();
    assertEquals(7, embedding.getVocabulary());
    assertEquals(4, embedding.getNOut());
    assertEquals(
        InputType.recurrent(4, 6, RNNFormat.NWC),
        embedding.getOutputType(0, InputType.feedForward(6)));
  }

  @Test
  void savedAndRestoredItTrainsOnToTheSameBits(@TempDir Path folder, Random random)
      throws Exception {
    MultiLayerNetwork network = network(DataType.FLOAT, new Adam(1e-2));
    DataSet data = data(random, DataType.FLOAT);
    network.fit(data);
    File file = folder.resolve("network.zip").toFile();
    ModelSerializer.writeModel(network, file, true);
    MultiLayerNetwork restored = ModelSerializer.restoreMultiLayerNetwork(file, true);
    network.fit(data);
    restored.fit(data);
    AssertClose.same("parameters", Elements.doubles(network.params()), restored.params());
  }

  @Test
  void aCloneTrainsOnItsOwn(Random random) {
    MultiLayerNetwork network = network(DataType.FLOAT, new Adam(1e-2));
    double[] before = Elements.doubles(network.params());
    MultiLayerNetwork clone = network.clone();
    clone.fit(data(random, DataType.FLOAT));
    AssertClose.same("original", before, network.params());
    assertTrue(clone.params().distance2(network.params()) > 0);
  }

  @Test
  void frozenBlocksKeepTheirParametersAndNewOutputsLearn(Random random) {
    MultiLayerNetwork trained = network(DataType.FLOAT, new Adam(1e-2));
    DataSet data = data(random, DataType.FLOAT);
    trained.fit(data);
    MultiLayerNetwork tuned =
        new TransferLearning.Builder(trained)
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Adam(1e-2)).build())
            .setFeatureExtractor(2)
            .removeOutputLayer()
            .addLayer(NextTokenOutput.builder().nIn(5).vocabulary(VOCABULARY).build())
            .build();
    List.of("0_W", "1_Wq", "1_Wo", "2_gain", "3_W1", "3_W2")
        .forEach(
            key ->
                AssertClose.same(
                    key, Elements.doubles(trained.getParam(key)), tuned.getParam(key)));
    INDArray glu = tuned.getParam("3_W1").dup();
    tuned.fit(data);
    List.of("0_W", "1_Wq", "1_Wo", "2_gain")
        .forEach(
            key ->
                AssertClose.same(
                    key, Elements.doubles(trained.getParam(key)), tuned.getParam(key)));
    assertTrue(tuned.getParam("3_W1").distance2(glu) > 0);
  }

  @Test
  void graphJsonIsReadBack() {
    ComputationGraphConfiguration configuration =
        Decoders.tiny().graph(DataType.FLOAT, new Adam(1e-3)).getConfiguration();
    assertEquals(configuration, ComputationGraphConfiguration.fromJson(configuration.toJson()));
  }

  /** What stands at masked places, ids out of range included, changes neither score nor step. */
  @Test
  void maskedTokensDoNotMatter(Random random) {
    DataSet data = data(random, DataType.FLOAT);
    INDArray mask = mask(0, 9, 13, 14);
    DataSet other = new DataSet(data.getFeatures().dup(), data.getLabels().dup(), mask, mask);
    for (int i : new int[] {0, 9, 13, 14}) {
      other.getFeatures().putScalar(i / TIME, i % TIME, -1);
      other.getLabels().putScalar(i / TIME, i % TIME, 1e6);
    }
    data.setFeaturesMaskArray(mask);
    data.setLabelsMaskArray(mask);
    MultiLayerNetwork first = network(DataType.FLOAT, new Adam(1e-2));
    MultiLayerNetwork second = network(DataType.FLOAT, new Adam(1e-2));
    assertEquals(first.score(data), second.score(other));
    first.fit(data);
    second.fit(other);
    AssertClose.same("parameters", Elements.doubles(first.params()), second.params());
    INDArray p = first.output(data.getFeatures(), false, mask, mask);
    assertEquals(0, p.slice(1).slice(4).amaxNumber().doubleValue());
  }

  @Test
  void aBatchOfNothingButMasksChangesNothing(Random random) {
    DataSet data = data(random, DataType.FLOAT);
    data.setFeaturesMaskArray(Nd4j.zeros(DataType.FLOAT, BATCH, TIME));
    data.setLabelsMaskArray(Nd4j.zeros(DataType.FLOAT, BATCH, TIME));
    MultiLayerNetwork network = network(DataType.FLOAT, new Adam(1e-2));
    double[] before = Elements.doubles(network.params());
    network.fit(data);
    AssertClose.same("parameters", before, network.params());
    assertEquals(0, network.score());
  }

  @Test
  void scoresAndPerplexity(Random random) {
    MultiLayerNetwork network = network(DataType.DOUBLE, new NoOp());
    DataSet data = data(random, DataType.DOUBLE);
    data.setLabelsMaskArray(mask(3).castTo(DataType.DOUBLE));
    double score = network.score(data);
    INDArray examples = network.scoreExamples(data, false);
    assertEquals(score, examples.sumNumber().doubleValue() / 14, 1e-12);
    DataSet second = data(random, DataType.DOUBLE);
    double mean = (score * 14 + network.score(second) * 15) / 29;
    double perplexity =
        NextTokenOutput.perplexity(
            network, new ListDataSetIterator<>(List.of(data, second), BATCH));
    assertEquals(Math.exp(mean), perplexity, 1e-9);
  }

  /** Ids as [batch, time], [batch, time, 1] and [batch, 1, time], of any type that holds them. */
  @Test
  void idsOfEveryShapeAndType(Random random) {
    MultiLayerNetwork network = network(DataType.FLOAT, new NoOp());
    INDArray ids = Elements.slots(random, VOCABULARY, BATCH, TIME);
    double[] expected = Elements.doubles(network.output(ids));
    for (DataType type : List.of(DataType.FLOAT, DataType.DOUBLE, DataType.INT32)) {
      INDArray cast = ids.castTo(type);
      AssertClose.same(type.toString(), expected, network.output(cast));
      AssertClose.same("last", expected, network.output(cast.reshape(BATCH, TIME, 1)));
      AssertClose.same("middle", expected, network.output(cast.reshape(BATCH, 1, TIME)));
    }
  }

  @Test
  void dropOutIsAppliedToTheInputOfEveryBlockInTrainingOnly(Random random) {
    for (DefinedLayer layer :
        List.of(
            RmsNorm.builder().nIn(8).rnnFormat(RNNFormat.NWC).dropOut(0.5).build(),
            CausalAttention.builder().nIn(8).heads(2).rnnFormat(RNNFormat.NWC).dropOut(0.5).build(),
            SwiGlu.builder().nIn(8).hiddenSize(3).rnnFormat(RNNFormat.NWC).dropOut(0.5).build(),
            NextTokenOutput.builder()
                .nIn(8)
                .vocabulary(5)
                .rnnFormat(RNNFormat.NWC)
                .dropOut(0.5)
                .build())) {
      LayerRuntime<?> runtime = Runtimes.of(layer, DataType.FLOAT, random);
      INDArray x = Elements.uniform(random, DataType.FLOAT, BATCH, TIME, 8);
      LayerWorkspaceMgr none = LayerWorkspaceMgr.noWorkspaces();
      INDArray plain = runtime.activate(x.dup(), false, none).dup();
      AssertClose.same("test", Elements.doubles(plain), runtime.activate(x.dup(), false, none));
      assertTrue(runtime.activate(x.dup(), true, none).distance2(plain) > 0, layer.title());
    }
  }

  /** Without DL4J's division by the batch, gradients are those of the mean as they are. */
  @Test
  void withoutMinibatchDivision(Random random) {
    NextTokenOutput layer =
        NextTokenOutput.builder().nIn(4).vocabulary(5).rnnFormat(RNNFormat.NWC).build();
    NextTokenOutputRuntime<?> output =
        (NextTokenOutputRuntime<?>) Runtimes.of(layer, DataType.DOUBLE, random);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, BATCH, TIME, 4);
    output.setInput(x, LayerWorkspaceMgr.noWorkspaces());
    output.setLabels(Elements.slots(random, 5, BATCH, TIME));
    output.backpropGradient(null, LayerWorkspaceMgr.noWorkspaces());
    INDArray divided = output.gradientOf("W").div(BATCH);
    output.conf().setMiniBatch(false);
    output.backpropGradient(null, LayerWorkspaceMgr.noWorkspaces());
    AssertClose.close("dW", divided, output.gradientOf("W"), 1e-12);
  }

  @Test
  void perplexityOfAGraph() {
    ComputationGraph graph = Decoders.tiny().graph(DataType.FLOAT, new NoOp());
    INDArray ids = Nd4j.createFromArray(new int[][] {{1, 2, 3}, {4, 5, 6}});
    MultiDataSet data = new MultiDataSet(ids, ids);
    double perplexity =
        NextTokenOutput.perplexity(
            graph,
            new org.deeplearning4j.datasets.iterator.utilty.SingletonMultiDataSetIterator(data));
    assertEquals(Math.exp(graph.score(data)), perplexity, 1e-6);
  }
}
