package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Every block against its oracle: float and double, both layouts, with and without a mask. */
@ExtendWith(Seeded.class)
class BlocksForwardTest {

  private static final int BATCH = 3;
  private static final int TIME = 41; // more than one block of 32 query rows

  private interface Oracle {
    double[][] run(Map<String, INDArray> params, double[][] x, boolean[] keep);
  }

  static Stream<Arguments> kinds() {
    return Stream.of(DataType.FLOAT, DataType.DOUBLE)
        .flatMap(
            type ->
                Stream.of(RNNFormat.values())
                    .flatMap(
                        format ->
                            Stream.of(true, false)
                                .map(masked -> Arguments.of(type, format, masked))));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void rmsNorm(DataType type, RNNFormat format, boolean masked, Random random) {
    RmsNorm layer = RmsNorm.builder().nIn(13).rnnFormat(format).epsilon(1e-3).build();
    check(layer, type, masked, random, (p, x, keep) -> BlockOracles.rmsNorm(layer, p, x));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void swiGlu(DataType type, RNNFormat format, boolean masked, Random random) {
    SwiGlu layer = SwiGlu.builder().nIn(13).nOut(7).hiddenSize(11).rnnFormat(format).build();
    check(layer, type, masked, random, (p, x, keep) -> BlockOracles.swiGlu(p, x));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void causalAttention(DataType type, RNNFormat format, boolean masked, Random random) {
    CausalAttention layer =
        CausalAttention.builder().nIn(36).heads(6).keyValueHeads(2).rnnFormat(format).build();
    check(layer, type, masked, random, (p, x, keep) -> BlockOracles.attention(layer, p, x, keep));
  }

  /** Cut down to whole elements as in GPT-NeoX: 4 of 8. */
  @ParameterizedTest
  @MethodSource("kinds")
  void causalAttentionThatTurnsAPartOfAHead(
      DataType type, RNNFormat format, boolean masked, Random random) {
    CausalAttention layer =
        CausalAttention.builder().nIn(24).heads(3).rotaryFraction(0.6).rnnFormat(format).build();
    check(layer, type, masked, random, (p, x, keep) -> BlockOracles.attention(layer, p, x, keep));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void nextTokenOutput(DataType type, RNNFormat format, boolean masked, Random random) {
    NextTokenOutput layer =
        NextTokenOutput.builder().nIn(13).vocabulary(17).rnnFormat(format).build();
    check(layer, type, masked, random, (p, x, keep) -> BlockOracles.nextToken(p, x));
  }

  /** A vocabulary so large that the tokens need more than one chunk. */
  @Test
  void nextTokenOutputInChunks(Random random) {
    NextTokenOutput layer =
        NextTokenOutput.builder().nIn(3).vocabulary(20011).rnnFormat(RNNFormat.NWC).build();
    check(layer, DataType.DOUBLE, false, random, (p, x, keep) -> BlockOracles.nextToken(p, x));
  }

  /** Masked tokens give zeros, whatever their id and whatever stands in row 0. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void tokenEmbedding(boolean masked, Random random) {
    TokenEmbedding layer = TokenEmbedding.builder().vocabulary(19).nOut(7).build();
    LayerRuntime<?> runtime = Runtimes.of(layer, DataType.FLOAT, random);
    INDArray table = runtime.getParam(TokenEmbedding.W);
    table.getRow(0).assign(Float.NaN);
    INDArray ids = Elements.slots(random, 18, BATCH, TIME).addi(1).castTo(DataType.FLOAT);
    INDArray expected = Nd4j.create(DataType.FLOAT, BATCH, TIME, 7);
    INDArray mask = Nd4j.ones(DataType.FLOAT, BATCH, TIME);
    for (int b = 0; b < BATCH; b++) {
      for (int t = 0; t < TIME; t++) {
        if (masked && (t > 30 || random.nextInt(4) == 0)) {
          mask.putScalar(b, t, 0);
          ids.putScalar(b, t, -5);
        } else {
          expected.slice(b).slice(t).assign(table.getRow(ids.getInt(b, t)));
        }
      }
    }
    runtime.setMaskArray(masked ? mask : null);
    INDArray out = runtime.activate(ids, false, LayerWorkspaceMgr.noWorkspaces());
    AssertClose.same("embedding", Elements.doubles(expected), out);
  }

  private static void check(
      TokenwiseLayer layer, DataType type, boolean masked, Random random, Oracle oracle) {
    LayerRuntime<?> runtime = Runtimes.of(layer, type, random);
    boolean channelsFirst = layer.getRnnFormat() == RNNFormat.NCW;
    INDArray x = Elements.uniform(random, type, BATCH, TIME, layer.getNIn());
    boolean[] keep = new boolean[BATCH * TIME];
    Arrays.fill(keep, true);
    if (masked) {
      IntStream.range(0, keep.length).forEach(i -> keep[i] = random.nextInt(4) > 0);
      runtime.setMaskArray(mask(keep, type));
    }
    INDArray out =
        runtime.activate(
            channelsFirst ? x.permute(0, 2, 1).dup('c') : x,
            false,
            LayerWorkspaceMgr.noWorkspaces());
    INDArray byTime = channelsFirst ? out.permute(0, 2, 1) : out;
    for (int b = 0; b < BATCH; b++) {
      boolean[] kept = Arrays.copyOfRange(keep, b * TIME, (b + 1) * TIME);
      double[][] expected =
          oracle.run(
              runtime.paramTable(), x.slice(b).castTo(DataType.DOUBLE).toDoubleMatrix(), kept);
      for (int t = 0; t < TIME; t++) {
        double[] row = kept[t] ? expected[t] : new double[expected[t].length];
        double tolerance = AssertClose.tolerance(type, 200, 20);
        AssertClose.close(
            layer.title() + " " + b + " " + t, row, byTime.slice(b).slice(t), tolerance);
      }
    }
  }

  private static INDArray mask(boolean[] keep, DataType type) {
    double[] values = IntStream.range(0, keep.length).mapToDouble(i -> keep[i] ? 1 : 0).toArray();
    return Nd4j.createFromArray(values).castTo(type).reshape(BATCH, TIME);
  }

  @Test
  void floatExponentialIsWithinItsStatedError(Random random) {
    for (int i = 0; i < 200_000; i++) {
      float x = (float) ((random.nextDouble() * 2 - 1) * 90);
      double expected = Math.exp(x);
      if (expected >= Float.MIN_NORMAL && expected <= Float.MAX_VALUE) {
        double error = Math.abs(FloatReals.exp(x) / expected - 1);
        if (!(error <= 1.2e-7)) {
          throw new AssertionError("exp(" + x + "): relative error " + error);
        }
      }
    }
  }
}
