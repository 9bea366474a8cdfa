package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Map;
import java.util.Random;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** rnnTimeStep of the attention: the same as the full forward pass, in any steps. */
@ExtendWith(Seeded.class)
class CausalAttentionStepTest {

  private static final int BATCH = 3;
  private static final int TIME = 149; // capacity grows twice from 64
  private static final int IN = 24;

  private static CausalAttentionRuntime<?> runtime(RNNFormat format, Random random) {
    return (CausalAttentionRuntime<?>)
        Runtimes.of(
            CausalAttention.builder().nIn(IN).heads(6).keyValueHeads(3).rnnFormat(format).build(),
            DataType.DOUBLE,
            random);
  }

  private static INDArray full(CausalAttentionRuntime<?> runtime, INDArray x) {
    return runtime.activate(x, false, LayerWorkspaceMgr.noWorkspaces());
  }

  private static INDArray step(CausalAttentionRuntime<?> runtime, INDArray x) {
    return runtime.rnnTimeStep(x, LayerWorkspaceMgr.noWorkspaces());
  }

  private static INDArray times(INDArray x, int from, int to) {
    return x.get(NDArrayIndex.all(), NDArrayIndex.interval(from, to), NDArrayIndex.all());
  }

  @Test
  void promptThenSingleSteps(Random random) {
    CausalAttentionRuntime<?> runtime = runtime(RNNFormat.NWC, random);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, BATCH, TIME, IN);
    INDArray expected = full(runtime, x);
    int prompt = 7;
    AssertClose.close(
        "prompt", times(expected, 0, prompt).dup('c'), step(runtime, times(x, 0, prompt)), 1e-12);
    for (int t = prompt; t < TIME; t++) {
      INDArray out = step(runtime, times(x, t, t + 1));
      AssertClose.close("step " + t, times(expected, t, t + 1).dup('c'), out, 1e-12);
    }
  }

  @ParameterizedTest
  @EnumSource(RNNFormat.class)
  void stepsAsDl4jMakesThemOfMatrices(RNNFormat format, Random random) {
    CausalAttentionRuntime<?> runtime = runtime(format, random);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, BATCH, 5, IN);
    boolean channelsFirst = format == RNNFormat.NCW;
    INDArray expected = full(runtime, channelsFirst ? x.permute(0, 2, 1) : x);
    for (int t = 0; t < 5; t++) {
      INDArray row = times(x, t, t + 1).dup('c').reshape(BATCH, IN, 1); // reshapeTimeStepInput
      INDArray wanted = channelsFirst ? expected.permute(0, 2, 1) : expected;
      double[] elements = Elements.doubles(times(wanted, t, t + 1));
      AssertClose.close("step " + t, elements, step(runtime, row), 1e-12);
    }
  }

  @Test
  void stateIsTakenAndGiven(Random random) {
    CausalAttentionRuntime<?> runtime = runtime(RNNFormat.NWC, random);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, BATCH, 9, IN);
    assertTrue(runtime.rnnGetPreviousState().isEmpty());
    step(runtime, times(x, 0, 8));
    Map<String, INDArray> state = runtime.rnnGetPreviousState();
    assertEquals(8, state.get("keys").size(1));
    INDArray expected = step(runtime, times(x, 8, 9)).dup();
    runtime.rnnClearPreviousState();
    INDArray forgotten = step(runtime, times(x, 8, 9)).dup();
    assertThrows(AssertionError.class, () -> AssertClose.close("", expected, forgotten, 1e-6));
    runtime.rnnSetPreviousState(state);
    AssertClose.same("after restoring", Elements.doubles(expected), step(runtime, times(x, 8, 9)));
  }

  @Test
  void maskedStepsStayMasked(Random random) {
    CausalAttentionRuntime<?> runtime = runtime(RNNFormat.NWC, random);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, BATCH, 6, IN);
    INDArray mask = Nd4j.ones(DataType.DOUBLE, BATCH, 6);
    mask.putScalar(0, 0, 0).putScalar(0, 1, 0).putScalar(2, 3, 0);
    runtime.setMaskArray(mask);
    INDArray expected = full(runtime, x).dup();
    runtime.setMaskArray(mask.get(NDArrayIndex.all(), NDArrayIndex.interval(0, 4)));
    step(runtime, times(x, 0, 4));
    runtime.rnnSetPreviousState(runtime.rnnGetPreviousState());
    runtime.setMaskArray(null);
    AssertClose.close("rest", times(expected, 4, 6).dup('c'), step(runtime, times(x, 4, 6)), 1e-12);
  }

  @Test
  void refusals(Random random) {
    CausalAttentionRuntime<?> runtime = runtime(RNNFormat.NWC, random);
    step(runtime, Nd4j.ones(DataType.DOUBLE, BATCH, 2, IN));
    refused(
        "[CausalAttention (layer 0)] input of rnnTimeStep: expected batch 3, as in the steps before,"
            + " got DOUBLE array (shape [2, 1, 24]). Fix: call rnnClearPreviousState() before another"
            + " batch.",
        () -> step(runtime, Nd4j.ones(DataType.DOUBLE, 2, 1, IN)));
    refused(
        "[CausalAttention (layer 0)] state: expected keys and values of shape [batch, time, 12], got"
            + " keys DOUBLE array (shape [3, 2, 5]), values null. Fix: pass what"
            + " rnnGetPreviousState() returned.",
        () -> runtime.rnnSetPreviousState(Map.of("keys", Nd4j.ones(DataType.DOUBLE, BATCH, 2, 5))));
    UnsupportedOperationException refusal =
        assertThrows(
            UnsupportedOperationException.class,
            () -> runtime.rnnActivateUsingStoredState(null, true, true, null));
    assertEquals(
        "[CausalAttention (layer 0)] backpropType: expected Standard, got TruncatedBPTT. Fix: remove"
            + " backpropType(BackpropType.TruncatedBPTT) and cut the text into shorter sequences.",
        refusal.getMessage());
    assertThrows(
        UnsupportedOperationException.class, () -> runtime.tbpttBackpropGradient(null, 5, null));
  }

  private static void refused(String message, Runnable action) {
    IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class, action::run);
    assertEquals(message, refusal.getMessage());
  }
}
