package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The SameDiff definition of every block and its runtime: equal outputs and gradients. */
@ExtendWith(Seeded.class)
class BlocksDefinitionTest {

  private static final int BATCH = 3;
  private static final int TIME = 37; // more than one block of 32 query rows
  private static final int IN = 24;

  static Stream<Arguments> layers() {
    List<Arguments> all = new ArrayList<>();
    for (RNNFormat format : RNNFormat.values()) {
      for (DataType type : List.of(DataType.FLOAT, DataType.DOUBLE)) {
        all.add(Arguments.of(type, RmsNorm.builder().nIn(IN).rnnFormat(format).build()));
        all.add(
            Arguments.of(
                type, SwiGlu.builder().nIn(IN).nOut(7).hiddenSize(11).rnnFormat(format).build()));
        all.add(
            Arguments.of(
                type,
                CausalAttention.builder().nIn(IN).heads(3).theta(500).rnnFormat(format).build()));
        all.add(
            Arguments.of(
                type,
                CausalAttention.builder()
                    .nIn(IN)
                    .heads(6)
                    .keyValueHeads(2)
                    .rnnFormat(format)
                    .build()));
        all.add(
            Arguments.of(
                type,
                CausalAttention.builder()
                    .nIn(IN)
                    .heads(3)
                    .rotaryFraction(0.5)
                    .rnnFormat(format)
                    .build()));
      }
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("layers")
  void outputsAndGradientsAreEqual(DataType type, TokenwiseLayer layer, Random random) {
    boolean channelsFirst = layer.getRnnFormat() == RNNFormat.NCW;
    INDArray x =
        channelsFirst
            ? Elements.uniform(random, type, BATCH, IN, TIME)
            : Elements.uniform(random, type, BATCH, TIME, IN);
    INDArray outGradient =
        channelsFirst
            ? Elements.uniform(random, type, BATCH, layer.getNOut(), TIME)
            : Elements.uniform(random, type, BATCH, TIME, layer.getNOut());
    compare(layer, type, x, outGradient, null, random);
  }

  @ParameterizedTest
  @MethodSource("layers")
  void withoutTime(DataType type, TokenwiseLayer layer, Random random) {
    if (!(layer instanceof CausalAttention)) {
      INDArray x = Elements.uniform(random, type, 5, IN);
      compare(layer, type, x, Elements.uniform(random, type, 5, layer.getNOut()), null, random);
    }
  }

  @Test
  void attentionWithAMask(Random random) {
    CausalAttention layer =
        CausalAttention.builder().nIn(IN).heads(3).rnnFormat(RNNFormat.NWC).build();
    INDArray mask = Nd4j.ones(DataType.DOUBLE, BATCH, TIME);
    for (int i = 0; i < 30; i++) {
      mask.putScalar(random.nextInt(BATCH), random.nextInt(TIME), 0);
    }
    INDArray x = Elements.uniform(random, DataType.DOUBLE, BATCH, TIME, IN);
    INDArray outGradient = Elements.uniform(random, DataType.DOUBLE, BATCH, TIME, IN);
    compare(layer, DataType.DOUBLE, x, outGradient, mask, random);
  }

  @Test
  @Tag("native")
  void tokenEmbedding(Random random) {
    TokenEmbedding layer = TokenEmbedding.builder().vocabulary(19).nOut(IN).build();
    INDArray ids = Elements.slots(random, 19, BATCH, TIME).castTo(DataType.FLOAT);
    INDArray outGradient = Elements.uniform(random, DataType.FLOAT, BATCH, TIME, IN);
    compare(layer, DataType.FLOAT, ids, outGradient, null, random);
  }

  /** The loss of the output layer against -log p of its SameDiff definition; in 1 and 2 chunks. */
  @ParameterizedTest
  @ValueSource(ints = {17, 20011})
  void nextTokenOutput(int vocabulary, Random random) {
    NextTokenOutput layer =
        NextTokenOutput.builder().nIn(IN).vocabulary(vocabulary).rnnFormat(RNNFormat.NWC).build();
    NextTokenOutputRuntime<?> runtime =
        (NextTokenOutputRuntime<?>) Runtimes.of(layer, DataType.DOUBLE, random);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, BATCH, TIME, IN);
    INDArray ids = Elements.slots(random, vocabulary, BATCH, TIME);
    runtime.setInput(x, LayerWorkspaceMgr.noWorkspaces());
    runtime.setLabels(ids);
    Pair<Gradient, INDArray> backward =
        runtime.backpropGradient(null, LayerWorkspaceMgr.noWorkspaces());
    double score = runtime.computeScore(0, true, LayerWorkspaceMgr.noWorkspaces());

    SameDiff sd = SameDiff.create();
    SDVariable in = sd.var("in", x);
    SDVariable w = sd.var("w", runtime.getParam("W"));
    SDVariable p = layer.defineLayer(sd, in, Map.of("W", w), null);
    INDArray oneHot = Nd4j.create(DataType.DOUBLE, BATCH, TIME, vocabulary);
    for (int b = 0; b < BATCH; b++) {
      for (int t = 0; t < TIME; t++) {
        oneHot.putScalar(b, t, ids.getInt(b, t), 1);
      }
    }
    SDVariable loss = sd.math().log(p).mul(sd.constant(oneHot)).sum().mul(-1.0 / (BATCH * TIME));
    sd.setLossVariables(loss);
    AssertClose.close("score", new double[] {score}, loss.eval(), 1e-12);
    Map<String, INDArray> gradients = sd.calculateGradients(Map.of(), "in", "w");
    INDArray dw = backward.getFirst().getGradientFor("W").div(BATCH); // as DL4J divides
    AssertClose.close("dW", gradients.get("w"), dw, 1e-12);
    AssertClose.close("dx", gradients.get("in"), backward.getSecond().div(BATCH), 1e-12);
  }

  @Test
  void addToMakesInitialisedVariables() {
    CausalAttention layer =
        CausalAttention.builder().nIn(IN).heads(2).rnnFormat(RNNFormat.NWC).build();
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, -1, IN);
    SDVariable out = layer.addTo(sd, "attention", x);
    INDArray y =
        sd.output(Map.of("x", Nd4j.ones(DataType.FLOAT, 2, 5, IN)), out.name()).get(out.name());
    assertArrayEquals(new long[] {2, 5, IN}, y.shape());
    assertArrayEquals(new long[] {IN, IN}, sd.getVariable("attention/Wo").getArr().shape());
  }

  private static void compare(
      DefinedLayer layer,
      DataType type,
      INDArray x,
      INDArray outGradient,
      INDArray mask,
      Random random) {
    LayerRuntime<?> runtime = Runtimes.of(layer, type, random);
    runtime.setMaskArray(mask);
    INDArray out = runtime.activate(x, true, LayerWorkspaceMgr.noWorkspaces());
    Pair<Gradient, INDArray> backward =
        runtime.backpropGradient(outGradient, LayerWorkspaceMgr.noWorkspaces());

    SameDiff sd = SameDiff.create();
    boolean ids = layer instanceof TokenEmbedding;
    SDVariable in = ids ? sd.constant("in", x) : sd.var("in", x);
    Map<String, SDVariable> parameters = new LinkedHashMap<>();
    runtime.paramTable().forEach((key, value) -> parameters.put(key, sd.var(key, value)));
    SDVariable maskVariable = mask == null ? null : sd.constant("mask", mask);
    SDVariable defined = layer.defineLayer(sd, in, parameters, maskVariable);
    double tolerance = AssertClose.tolerance(type, 400, 30);
    AssertClose.close("output", defined.eval(), out, tolerance);

    SDVariable loss = defined.mul(sd.constant(outGradient)).sum();
    sd.setLossVariables(loss);
    List<String> wanted = new ArrayList<>(parameters.keySet());
    if (!ids) {
      wanted.add("in");
    }
    Map<String, INDArray> expected = new HashMap<>(sd.calculateGradients(Map.of(), wanted));
    for (String key : parameters.keySet()) {
      INDArray actual = backward.getFirst().getGradientFor(key);
      AssertClose.close("gradient of " + key, expected.get(key), actual, BATCH * tolerance);
    }
    INDArray ofIds = Nd4j.zeros(type, x.shape()); // they have no gradient
    AssertClose.close(
        "gradient of x", ids ? ofIds : expected.get("in"), backward.getSecond(), tolerance);
  }
}
