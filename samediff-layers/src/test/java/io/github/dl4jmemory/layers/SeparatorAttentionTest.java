package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;

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
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** The layer against its oracle, and its SameDiff definition against both. */
@ExtendWith(Seeded.class)
class SeparatorAttentionTest {

  private static final int MODEL = 24;
  private static final int TIME = 41;

  /** Tokens of four examples: . token, s separator, p padding: left, right, inner and none. */
  private static final String[] KINDS = {
    "ppppp..s....s.......s..........s.........",
    "s....s..........s............s.....pppppp",
    "..p....s.pp....p.....s.....p.....s...p.p.",
    "........................................."
  };

  static Stream<Arguments> layers() {
    List<Arguments> all = new ArrayList<>();
    for (DataType type : List.of(DataType.FLOAT, DataType.DOUBLE)) {
      for (RNNFormat format : RNNFormat.values()) {
        all.add(Arguments.of(type, builder(format).window(5).keyValueHeads(2).build()));
        all.add(Arguments.of(type, builder(format).window(0).initial(0).build()));
        all.add(Arguments.of(type, builder(format).window(7).bilevelPositions(true).build()));
        all.add(Arguments.of(type, builder(format).window(1).rotaryFraction(0.5).build()));
      }
    }
    return all.stream();
  }

  private static SeparatorAttention.Builder builder(RNNFormat format) {
    return SeparatorAttention.builder().nIn(MODEL + 1).heads(6).theta(50).rnnFormat(format);
  }

  /** Random features with flags; the flags of padding are no flags. */
  private static INDArray input(Random random, DataType type) {
    INDArray x = Elements.uniform(random, type, KINDS.length, TIME, MODEL + 1);
    for (int b = 0; b < KINDS.length; b++) {
      for (int t = 0; t < TIME; t++) {
        char kind = KINDS[b].charAt(t);
        x.putScalar(b, t, MODEL, kind == 'p' ? 0.3 : kind == 's' ? 1 : 0);
      }
    }
    return x;
  }

  private static INDArray mask(DataType type) {
    INDArray mask = Nd4j.ones(type, KINDS.length, TIME);
    for (int b = 0; b < KINDS.length; b++) {
      for (int t = 0; t < TIME; t++) {
        mask.putScalar(b, t, KINDS[b].charAt(t) == 'p' ? 0 : 1);
      }
    }
    return mask;
  }

  private static INDArray inLayout(TokenwiseLayer layer, INDArray byTime) {
    return layer.getRnnFormat() == RNNFormat.NCW ? byTime.permute(0, 2, 1).dup('c') : byTime;
  }

  @ParameterizedTest
  @MethodSource("layers")
  void outputIsThatOfTheOracle(DataType type, SeparatorAttention layer, Random random) {
    LayerRuntime<?> runtime = Runtimes.of(layer, type, random);
    runtime.setMaskArray(mask(type));
    INDArray x = input(random, type);
    INDArray out = runtime.activate(inLayout(layer, x), false, LayerWorkspaceMgr.noWorkspaces());
    INDArray byTime = layer.getRnnFormat() == RNNFormat.NCW ? out.permute(0, 2, 1) : out;
    assertEquals(MODEL, byTime.size(2));
    for (int b = 0; b < KINDS.length; b++) {
      boolean[] keep = new boolean[TIME];
      for (int t = 0; t < TIME; t++) {
        keep[t] = KINDS[b].charAt(t) != 'p';
      }
      double[][] example = x.slice(b).castTo(DataType.DOUBLE).toDoubleMatrix();
      double[][] expected = BlockOracles.attention(layer, runtime.paramTable(), example, keep);
      for (int t = 0; t < TIME; t++) {
        double tolerance = AssertClose.tolerance(type, 200, 20);
        AssertClose.close(b + " " + t, expected[t], byTime.slice(b).slice(t), tolerance);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("layers")
  @Tag("native")
  void definitionAndRuntimeAreEqual(DataType type, SeparatorAttention layer, Random random) {
    LayerRuntime<?> runtime = Runtimes.of(layer, type, random);
    INDArray x = inLayout(layer, input(random, type));
    INDArray mask = mask(type);
    INDArray outGradient =
        inLayout(layer, Elements.uniform(random, type, KINDS.length, TIME, MODEL));
    runtime.setMaskArray(mask);
    INDArray out = runtime.activate(x, true, LayerWorkspaceMgr.noWorkspaces());
    Pair<Gradient, INDArray> backward =
        runtime.backpropGradient(outGradient, LayerWorkspaceMgr.noWorkspaces());

    SameDiff sd = SameDiff.create();
    SDVariable in = sd.var("in", x);
    Map<String, SDVariable> parameters = new LinkedHashMap<>();
    runtime.paramTable().forEach((key, value) -> parameters.put(key, sd.var(key, value)));
    SDVariable defined = layer.defineLayer(sd, in, parameters, sd.constant("mask", mask));
    double tolerance = AssertClose.tolerance(type, 400, 30);
    AssertClose.close("output", defined.eval(), out, tolerance);
    SDVariable loss = defined.mul(sd.constant(outGradient)).sum();
    sd.setLossVariables(loss);
    List<String> wanted = new ArrayList<>(parameters.keySet());
    wanted.add("in");
    Map<String, INDArray> expected = new HashMap<>(sd.calculateGradients(Map.of(), wanted));
    for (String key : parameters.keySet()) {
      INDArray actual = backward.getFirst().getGradientFor(key);
      AssertClose.close("gradient of " + key, expected.get(key), actual, 4 * tolerance);
    }
    AssertClose.close("gradient of x", expected.get("in"), backward.getSecond(), tolerance);
  }

  /** A window of all tokens, or of more, is dense attention to the bit. */
  @ParameterizedTest
  @MethodSource("layers")
  void windowsOfAllTokensAreDenseAttention(
      DataType type, SeparatorAttention unused, Random random) {
    RNNFormat format = unused.getRnnFormat();
    CausalAttention dense =
        CausalAttention.builder().nIn(MODEL).heads(6).theta(50).rnnFormat(format).build();
    LayerRuntime<?> of = Runtimes.of(dense, type, random);
    INDArray x = input(random, type);
    INDArray features =
        x.get(NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.interval(0, MODEL)).dup('c');
    LayerWorkspaceMgr none = LayerWorkspaceMgr.noWorkspaces();
    of.setMaskArray(mask(type));
    INDArray expected = of.activate(inLayout(dense, features), true, none);
    INDArray outGradient = Elements.uniform(random, type, expected.shape());
    Pair<Gradient, INDArray> gradients = of.backpropGradient(outGradient, none);
    for (int window : new int[] {0, TIME, TIME + 100}) {
      SeparatorAttention separator = builder(format).window(window).build();
      LayerRuntime<?> runtime = Runtimes.of(separator, type, random);
      runtime.setParams(of.params());
      runtime.setMaskArray(mask(type));
      INDArray out = runtime.activate(inLayout(separator, x), true, none);
      AssertClose.same("window " + window, Elements.doubles(expected), out);
      Pair<Gradient, INDArray> backward = runtime.backpropGradient(outGradient, none);
      AssertClose.same(
          "parameters",
          Elements.doubles(of.getGradientsViewArray()),
          runtime.getGradientsViewArray());
      INDArray inputGradient =
          format == RNNFormat.NCW ? backward.getSecond().permute(0, 2, 1) : backward.getSecond();
      INDArray ofFeatures =
          format == RNNFormat.NCW ? gradients.getSecond().permute(0, 2, 1) : gradients.getSecond();
      AssertClose.same(
          "features",
          Elements.doubles(ofFeatures),
          inputGradient.get(
              NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.interval(0, MODEL)));
      AssertClose.same(
          "flag",
          new double[KINDS.length * TIME],
          inputGradient.get(
              NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.interval(MODEL, MODEL + 1)));
    }
  }

  /** A SameDiff graph put together by addTo, of ids, embedding, flags and attention. */
  @Test
  @Tag("native")
  void addToASameDiffGraph(Random random) {
    SameDiff sd = SameDiff.create();
    SDVariable ids = sd.placeHolder("ids", DataType.DOUBLE, -1, -1);
    TokenEmbedding embedding = TokenEmbedding.builder().vocabulary(9).nOut(MODEL).build();
    SDVariable embedded = embedding.addTo(sd, "embedding", ids);
    SeparatorMarks marks = SeparatorMarks.builder().separators(3, 7).build();
    SDVariable merged = sd.concat(2, embedded, marks.addTo(sd, "separators", ids));
    SeparatorAttention layer = builder(null).window(2).initial(1).build();
    SDVariable out = layer.addTo(sd, "attention", merged);

    INDArray tokens = Elements.slots(random, 9, 3, 17).castTo(DataType.DOUBLE);
    INDArray got = sd.output(Map.of("ids", tokens), out.name()).get(out.name());
    LayerRuntime<?> runtime =
        Runtimes.of(builder(RNNFormat.NWC).window(2).initial(1).build(), DataType.DOUBLE, random);
    for (String key : List.of("Wq", "Wk", "Wv", "Wo")) {
      runtime.setParam(key, sd.getVariable("attention/" + key).getArr());
    }
    INDArray input = sd.output(Map.of("ids", tokens), merged.name()).get(merged.name());
    INDArray expected = runtime.activate(input, false, LayerWorkspaceMgr.noWorkspaces());
    AssertClose.close("output", expected, got, 1e-12);
  }

  /** Epsilons from outside: without a forward pass in training, backward makes one. */
  @Test
  void backwardWithoutForward(Random random) {
    SeparatorAttention layer = builder(RNNFormat.NWC).window(5).build();
    LayerRuntime<?> runtime = Runtimes.of(layer, DataType.DOUBLE, random);
    LayerWorkspaceMgr none = LayerWorkspaceMgr.noWorkspaces();
    INDArray x = input(random, DataType.DOUBLE);
    runtime.setMaskArray(mask(DataType.DOUBLE));
    INDArray outGradient = Elements.uniform(random, DataType.DOUBLE, KINDS.length, TIME, MODEL);
    runtime.activate(x, true, none);
    double[] expected = Elements.doubles(runtime.backpropGradient(outGradient, none).getSecond());
    runtime.activate(x, false, none);
    AssertClose.same(
        "gradient of x", expected, runtime.backpropGradient(outGradient, none).getSecond());
  }
}
