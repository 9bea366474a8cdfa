package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.ops.UltraMemOps;
import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The runtime of both memories against loops over an expanded table. */
@ExtendWith(Seeded.class)
class TuckerMemoryForwardTest {

  private static final int BATCH = 3;
  private static final int TIME = 7;

  static Stream<Arguments> kinds() {
    List<Arguments> all = new ArrayList<>();
    for (TuckerMemory layer : TuckerMemories.all()) {
      for (RNNFormat format : RNNFormat.values()) {
        all.add(Arguments.of(layer, format, format == RNNFormat.NCW));
      }
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void equalsTheOracle(TuckerMemory settings, RNNFormat format, boolean masked, Random random) {
    LayerRuntime<?> runtime = runtime(settings, format, random);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, BATCH, TIME, Networks.IN);
    INDArray mask = Nd4j.ones(DataType.DOUBLE, BATCH, TIME);
    mask.putScalar(0, 2, masked ? 0 : 1).putScalar(2, 0, masked ? 0 : 1);
    runtime.setMaskArray(masked ? mask : null);
    compare(runtime, x, mask, asNwc(format, activate(runtime, asIn(format, x), false)));
    INDArray filters = runtime.getParam("F");
    double[] before = Elements.doubles(filters);
    compare(runtime, x, mask, asNwc(format, activate(runtime, asIn(format, x), true)));
    INDArray previous = Nd4j.createFromArray(before).reshape(filters.shape());
    INDArray anew = UltraMemOps.tuckerFilters(runtime.getParam("C"), previous);
    AssertClose.same("filters", Elements.doubles(anew), filters);
  }

  /** Filters as they are after the pass: inference leaves them, training computes them first. */
  private static void compare(LayerRuntime<?> runtime, INDArray x, INDArray mask, INDArray out) {
    TuckerMemory layer = (TuckerMemory) runtime.conf().getLayer();
    TuckerMemoryOracle oracle = new TuckerMemoryOracle(layer, runtime.paramTable());
    for (int b = 0; b < BATCH; b++) {
      double[][] tokens = x.slice(b).toDoubleMatrix();
      for (int t = 0; t < TIME; t++) {
        tokens[t] = mask.getDouble(b, t) > 0 ? tokens[t] : null;
      }
      double[][] expected = oracle.sequence(tokens);
      for (int t = 0; t < TIME; t++) {
        AssertClose.close("sequence " + b + ", token " + t, expected[t], row(out, b, t), 1e-11);
      }
    }
  }

  private static INDArray row(INDArray out, int b, int t) {
    return out.slice(b).getRow(t);
  }

  /** On small whole numbers every sum is exact, so that both types choose and add alike. */
  @Test
  void floatIsTheSameAsDouble(Random random) {
    TuckerMemory[] kinds = {
      TuckerMemories.first().queryKeyNorm(false).queryConvolution(2).nIn(5).build(),
      TuckerMemories.second().queryKeyNorm(false).nIn(5).build()
    };
    for (TuckerMemory layer : kinds) {
      LayerRuntime<?> doubles = Runtimes.of(layer, DataType.DOUBLE, random);
      LayerRuntime<?> floats = Runtimes.of(layer, DataType.FLOAT, random);
      INDArray params = Elements.whole(random, DataType.DOUBLE, 1, 1, doubles.numParams());
      doubles.setParams(params);
      floats.setParams(params.castTo(DataType.FLOAT));
      INDArray x = Elements.whole(random, DataType.DOUBLE, 1, BATCH, Networks.IN, TIME);
      INDArray out = activate(floats, x.castTo(DataType.FLOAT), false);
      AssertClose.same("out", Elements.doubles(activate(doubles, x, false)), out);
    }
  }

  /** Without a time axis, a convolution has its last tap only. */
  @Test
  void tokensWithoutTime(Random random) {
    for (int taps : new int[] {0, 3}) {
      UltraMem settings = TuckerMemories.first().queryConvolution(taps).build();
      LayerRuntime<?> runtime = runtime(settings, null, random);
      INDArray x = Elements.uniform(random, DataType.DOUBLE, BATCH, Networks.IN);
      INDArray out = activate(runtime, x, false);
      TuckerMemory layer = (TuckerMemory) runtime.conf().getLayer();
      TuckerMemoryOracle oracle = new TuckerMemoryOracle(layer, runtime.paramTable());
      for (int b = 0; b < BATCH; b++) {
        double[][] token = {x.getRow(b).toDoubleVector()};
        AssertClose.close("token " + b, oracle.sequence(token)[0], out.getRow(b), 1e-11);
      }
    }
  }

  /** Cores that turn slowly keep the sign of their filters, also where the plain rule flips it. */
  @Test
  void filtersTurnWithTheCores(Random random) {
    UltraMem settings = TuckerMemories.first().heads(1).cores(1).build();
    LayerRuntime<?> runtime = runtime(settings, RNNFormat.NWC, random);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, 1, 2, Networks.IN);
    INDArray filters = runtime.getParam("F");
    for (int step = 0; step <= 60; step++) {
      double angle = step * Math.PI / 40;
      double cos = Math.cos(angle);
      double sin = Math.sin(angle);
      INDArray core = Nd4j.createFromArray(new double[][] {{cos, 0.1 * sin}, {sin, -0.1 * cos}});
      runtime.getParam("C").assign(core.reshape(1, 1, 2, 2));
      INDArray before = filters.dup();
      activate(runtime, x, true);
      double along = filters.mul(before).sumNumber().doubleValue();
      assertTrue(step == 0 || along > 1.9, "step " + step + ": along the filters before " + along);
      if (step == 0) {
        filters.muli(Math.signum(filters.getDouble(0, 0, 0)));
      }
    }
    assertEquals(-1, filters.getDouble(0, 0, 1), 1e-9, "after three quarters of a turn");
  }

  @Test
  void inferenceLeavesTheFilters(Random random) {
    LayerRuntime<?> runtime = runtime(TuckerMemories.first().build(), RNNFormat.NWC, random);
    double[] before = Elements.doubles(runtime.getParam("F"));
    activate(runtime, Elements.uniform(random, DataType.DOUBLE, 1, 2, Networks.IN), false);
    AssertClose.same("filters", before, runtime.getParam("F"));
  }

  /** The score of training holds the loss of every singular value but the first. */
  @Test
  void singularValueLoss(Random random) {
    UltraMem settings =
        TuckerMemories.first().rank(3).heads(2).cores(2).singularValueMargin(0.25).build();
    LayerRuntime<?> runtime = runtime(settings, RNNFormat.NWC, random);
    INDArray cores = runtime.getParam("C").assign(0);
    // head 0: 2, 0.75 and 0.5, in two cores; head 1: 1, 0.25 and 0
    cores.putScalar(new int[] {0, 0, 0, 1}, 2);
    cores.putScalar(new int[] {0, 1, 1, 0}, -0.75);
    cores.putScalar(new int[] {0, 0, 2, 2}, 0.5);
    cores.putScalar(new int[] {1, 0, 1, 1}, 1);
    cores.putScalar(new int[] {1, 1, 0, 0}, 0.25);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, 1, 2, Networks.IN);
    activate(runtime, x, true);
    double expected = 0.7 / 2 * (0.5 * 0.5 + 0.25 * 0.25) / 2;
    assertEquals(expected, runtime.calcRegularizationScore(true), 1e-12);
    activate(runtime, x, false);
    assertEquals(0, runtime.calcRegularizationScore(true), "not in training");
  }

  static LayerRuntime<?> runtime(TuckerMemory settings, RNNFormat format, Random random) {
    TuckerMemory layer = settings.clone();
    layer.setNIn(
        format == null
            ? org.deeplearning4j.nn.conf.inputs.InputType.feedForward(Networks.IN)
            : org.deeplearning4j.nn.conf.inputs.InputType.recurrent(Networks.IN, format),
        false);
    return Runtimes.of(layer, DataType.DOUBLE, random);
  }

  private static INDArray activate(LayerRuntime<?> runtime, INDArray x, boolean training) {
    return runtime.activate(x, training, LayerWorkspaceMgr.noWorkspaces());
  }

  private static INDArray asIn(RNNFormat format, INDArray array) {
    return format == RNNFormat.NCW ? array.permute(0, 2, 1).dup('c') : array;
  }

  private static INDArray asNwc(RNNFormat format, INDArray array) {
    return format == RNNFormat.NCW ? array.permute(0, 2, 1).dup('c') : array;
  }
}
