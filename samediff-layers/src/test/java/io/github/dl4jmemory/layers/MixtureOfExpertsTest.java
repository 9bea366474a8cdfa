package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
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

/** The runtime of a mixture of experts against its oracle and against its SameDiff definition. */
@ExtendWith(Seeded.class)
class MixtureOfExpertsTest {

  private static final int BATCH = 3;
  private static final int TIME = 29;
  private static final int IN = 13;

  static MixtureOfExperts.Builder small(RNNFormat format) {
    return MixtureOfExperts.builder()
        .nIn(IN)
        .nOut(7)
        .hiddenSize(11)
        .experts(5)
        .topK(3)
        .balanceLoss(0.3)
        .rnnFormat(format);
  }

  static Stream<Arguments> kinds() {
    List<Arguments> all = new ArrayList<>();
    for (DataType type : List.of(DataType.FLOAT, DataType.DOUBLE)) {
      for (RNNFormat format : RNNFormat.values()) {
        for (boolean masked : new boolean[] {false, true}) {
          all.add(Arguments.of(type, masked, small(format).build()));
          all.add(Arguments.of(type, masked, small(format).topK(1).build()));
          all.add(Arguments.of(type, masked, small(format).topK(5).build()));
          all.add(Arguments.of(type, masked, small(format).topK(2).normalizeTopK(true).build()));
        }
      }
    }
    return all.stream();
  }

  /** Scores are multiples of 1/4: both sides choose alike, of equal scores the lower expert. */
  @ParameterizedTest
  @MethodSource("kinds")
  void outputAndBalanceLossOfTheOracle(
      DataType type, boolean masked, MixtureOfExperts layer, Random random) {
    LayerRuntime<?> runtime = runtime(layer, type, random);
    INDArray x = Elements.whole(random, type, 2, BATCH, TIME, IN);
    boolean[] keep = keep(masked, random);
    runtime.setMaskArray(masked ? mask(keep, type) : null);
    INDArray out = runtime.activate(asIn(layer, x), true, LayerWorkspaceMgr.noWorkspaces());
    MixtureOfExpertsOracle oracle = new MixtureOfExpertsOracle(layer, runtime.paramTable());
    double[][] all = x.reshape(BATCH * TIME, IN).castTo(DataType.DOUBLE).toDoubleMatrix();
    double[][] kept =
        IntStream.range(0, keep.length)
            .filter(t -> keep[t])
            .mapToObj(t -> all[t])
            .toArray(double[][]::new);
    double[][] expected = oracle.run(kept);
    INDArray rows = asNwc(layer, out).reshape('c', BATCH * TIME, layer.getNOut());
    double tolerance = AssertClose.tolerance(type, 600, 60);
    int row = 0;
    for (int t = 0; t < keep.length; t++) {
      double[] wanted = keep[t] ? expected[row++] : new double[(int) layer.getNOut()];
      AssertClose.close("token " + t, wanted, rows.getRow(t), tolerance);
    }
    double balance = oracle.balanceLoss(kept);
    double close = AssertClose.tolerance(type, 600, 1);
    assertEquals(balance, runtime.calcRegularizationScore(true), close);
    runtime.activate(asIn(layer, x), false, LayerWorkspaceMgr.noWorkspaces());
    assertEquals(0, runtime.calcRegularizationScore(true), "not in training");
  }

  /** No two scores of a token are equal: the offsets of the experts are below their steps. */
  @ParameterizedTest
  @MethodSource("kinds")
  void outputsAndGradientsOfTheDefinition(
      DataType type, boolean masked, MixtureOfExperts layer, Random random) {
    LayerRuntime<?> runtime = runtime(layer, type, random);
    for (int expert = 0; expert < layer.getExperts(); expert++) {
      runtime.getParam("Wr").putScalar(IN - 1, expert, expert / 64.0);
    }
    INDArray x = Elements.whole(random, type, 1, BATCH, TIME, IN);
    x.reshape(BATCH * TIME, IN).getColumn(IN - 1).assign(1);
    INDArray mask = masked ? mask(keep(true, random), type) : null;
    INDArray outGradient = Elements.uniform(random, type, BATCH, TIME, layer.getNOut());
    compare(layer, runtime, asIn(layer, x), asIn(layer, outGradient), mask);
  }

  @Test
  void definitionWithoutTime(Random random) {
    MixtureOfExperts layer = small(null).build();
    LayerRuntime<?> runtime = Runtimes.of(layer, DataType.DOUBLE, random);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, 17, IN);
    INDArray outGradient = Elements.uniform(random, DataType.DOUBLE, 17, layer.getNOut());
    compare(layer, runtime, x, outGradient, null);
  }

  private static void compare(
      MixtureOfExperts layer,
      LayerRuntime<?> runtime,
      INDArray x,
      INDArray outGradient,
      INDArray mask) {
    runtime.setMaskArray(mask);
    INDArray out = runtime.activate(x, true, LayerWorkspaceMgr.noWorkspaces());
    Pair<Gradient, INDArray> backward =
        runtime.backpropGradient(outGradient, LayerWorkspaceMgr.noWorkspaces());

    SameDiff sd = SameDiff.create();
    SDVariable in = sd.var("in", x);
    Map<String, SDVariable> parameters = new LinkedHashMap<>();
    runtime.paramTable().forEach((key, value) -> parameters.put(key, sd.var(key, value)));
    SDVariable maskVariable = mask == null ? null : sd.constant("mask", mask);
    SDVariable defined = layer.defineLayer(sd, in, parameters, maskVariable);
    double tolerance = AssertClose.tolerance(x.dataType(), 600, 60);
    AssertClose.close("output", defined.eval(), out, tolerance);

    // DL4J divides gradients by the examples, so that the runtime's are that many times larger.
    SDVariable balance = sd.getVariable("balanceLoss").mul((double) x.size(0));
    defined.mul(sd.constant(outGradient)).sum().add("loss", balance);
    sd.setLossVariables("loss");
    List<String> wanted = new ArrayList<>(parameters.keySet());
    wanted.add("in");
    Map<String, INDArray> expected = new HashMap<>(sd.calculateGradients(Map.of(), wanted));
    for (String key : parameters.keySet()) {
      INDArray actual = backward.getFirst().getGradientFor(key);
      AssertClose.close("gradient of " + key, expected.get(key), actual, 30 * tolerance);
    }
    AssertClose.close("gradient of x", expected.get("in"), backward.getSecond(), 30 * tolerance);
  }

  /** The weights of experts that no token goes to may be anything: they are not read. */
  @Test
  void expertsThatAreNotHitAreNotRead(Random random) {
    MixtureOfExperts layer = small(RNNFormat.NWC).topK(2).build();
    LayerRuntime<?> runtime = Runtimes.of(layer, DataType.FLOAT, random);
    INDArray router = runtime.getParam("Wr").assign(0);
    router.getColumn(1).assign(2);
    router.getColumn(4).assign(1);
    for (String key : List.of("W1", "W2", "W3")) {
      for (int expert : new int[] {0, 2, 3}) {
        ExpertProducts.of(runtime.getParam(key), expert).assign(Float.NaN);
      }
    }
    runtime.gradientOf("W1").assign(Float.NaN);
    INDArray x = Nd4j.ones(DataType.FLOAT, 2, 3, IN);
    INDArray out = runtime.activate(x, true, LayerWorkspaceMgr.noWorkspaces());
    assertTrue(Double.isFinite(out.sumNumber().doubleValue()));
    runtime.backpropGradient(out.ulike().assign(1), LayerWorkspaceMgr.noWorkspaces());
    assertEquals(0, ExpertProducts.of(runtime.gradientOf("W1"), 3).amaxNumber().doubleValue());
    assertEquals(0, ExpertProducts.of(runtime.gradientOf("W2"), 0).amaxNumber().doubleValue());
  }

  @Test
  void addToMakesInitialisedVariablesAndNamesTheBalanceLoss() {
    MixtureOfExperts layer = small(RNNFormat.NWC).build();
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, -1, IN);
    SDVariable out = layer.addTo(sd, "first", x);
    small(RNNFormat.NWC).nIn(7).build().addTo(sd, "second", out);
    Map<String, INDArray> got =
        sd.output(
            Map.of("x", Nd4j.ones(DataType.FLOAT, 2, 5, IN)),
            out.name(),
            "first/balanceLoss",
            "second/balanceLoss");
    assertEquals(List.of(2L, 5L, 7L), shape(got.get(out.name())));
    assertEquals(List.of(5L, (long) IN, 11L), shape(sd.getVariable("first/W1").getArr()));
  }

  private static List<Long> shape(INDArray array) {
    return java.util.Arrays.stream(array.shape()).boxed().toList();
  }

  private static LayerRuntime<?> runtime(MixtureOfExperts layer, DataType type, Random random) {
    LayerRuntime<?> runtime = Runtimes.of(layer, type, random);
    runtime.getParam("Wr").assign(Elements.whole(random, type, 3, IN, layer.getExperts()).divi(4));
    return runtime;
  }

  private static boolean[] keep(boolean masked, Random random) {
    boolean[] keep = new boolean[BATCH * TIME];
    IntStream.range(0, keep.length).forEach(i -> keep[i] = !masked || random.nextInt(4) > 0);
    return keep;
  }

  private static INDArray mask(boolean[] keep, DataType type) {
    double[] values = IntStream.range(0, keep.length).mapToDouble(i -> keep[i] ? 1 : 0).toArray();
    return Nd4j.createFromArray(values).castTo(type).reshape(BATCH, TIME);
  }

  /** An array [batch, time, features] in the layout of the layer. */
  private static INDArray asIn(MixtureOfExperts layer, INDArray array) {
    return layer.getRnnFormat() == RNNFormat.NCW ? array.permute(0, 2, 1).dup('c') : array;
  }

  private static INDArray asNwc(MixtureOfExperts layer, INDArray array) {
    return layer.getRnnFormat() == RNNFormat.NCW ? array.permute(0, 2, 1).dup('c') : array;
  }
}
