package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Map;
import java.util.Random;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** rnnTimeStep of marks that depend on the tokens before. */
@ExtendWith(Seeded.class)
class TokenMarkStepTest {

  /** Marks that count. */
  enum Kind {
    INTERVALS(IntervalMarks.builder().interval(3).initial(2).build(), "tokens"),
    PLACES(SegmentPositions.builder().positions(19).build(), "places");

    private final TokenMark layer;
    private final String title;

    Kind(TokenMark layer, String title) {
      this.layer = layer;
      this.title = title;
    }

    CountingMarkRuntime runtime() {
      return (CountingMarkRuntime) Runtimes.of(layer, DataType.FLOAT, new Random(1));
    }
  }

  private static INDArray step(CountingMarkRuntime runtime, INDArray x) {
    return runtime.rnnTimeStep(x, LayerWorkspaceMgr.noWorkspaces()).dup();
  }

  private static INDArray columns(INDArray array, int from, int to) {
    return array.get(NDArrayIndex.all(), NDArrayIndex.interval(from, to)).dup('c');
  }

  /** Padding between the tokens of a step is not counted there either. */
  @ParameterizedTest
  @EnumSource
  void stepsAreTheWholeSequence(Kind kind, Random random) {
    INDArray flags = Elements.slots(random, 5, 3, 19).eq(0).castTo(DataType.FLOAT);
    INDArray mask = Elements.slots(random, 4, 3, 19).gt(0).castTo(DataType.FLOAT);
    for (INDArray of : new INDArray[] {null, mask}) {
      CountingMarkRuntime runtime = kind.runtime();
      runtime.setMaskArray(of);
      INDArray whole = runtime.activate(flags, false, LayerWorkspaceMgr.noWorkspaces()).dup();
      for (int text = 0; text < 2; text++) {
        int from = 0;
        for (int to : new int[] {5, 6, 7, 18, 19}) {
          runtime.setMaskArray(of == null ? null : columns(of, from, to));
          INDArray out = step(runtime, columns(flags, from, to));
          AssertClose.same(kind.title, Elements.doubles(columns(whole, from, to)), out);
          from = to;
        }
        runtime.rnnClearPreviousState();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void theStateGoesOnElsewhereAndWholeSequencesDoNotTouchIt(Kind kind, Random random) {
    INDArray flags = Elements.slots(random, 5, 2, 11).eq(0).castTo(DataType.FLOAT);
    CountingMarkRuntime runtime = kind.runtime();
    assertEquals(Map.of(), runtime.rnnGetPreviousState());
    step(runtime, columns(flags, 0, 4));
    Map<String, INDArray> state = runtime.rnnGetPreviousState();
    assertArrayEquals(new long[] {2}, state.get("counts").shape());
    assertEquals(DataType.INT64, state.get("counts").dataType());
    INDArray whole = runtime.activate(flags, false, LayerWorkspaceMgr.noWorkspaces()).dup();
    CountingMarkRuntime other = kind.runtime();
    other.rnnSetPreviousState(state);
    double[] expected = Elements.doubles(columns(whole, 4, 11));
    AssertClose.same("other", expected, step(other, columns(flags, 4, 11)));
    AssertClose.same("itself", expected, step(runtime, columns(flags, 4, 11)));
    other.rnnSetPreviousState(Map.of());
    AssertClose.same("anew", Elements.doubles(whole), step(other, flags));
  }

  /** A step that is refused changes nothing. */
  @Test
  void aSegmentThatGrowsTooLongStepByStepIsRefused() {
    CountingMarkRuntime runtime = Kind.PLACES.runtime();
    step(runtime, Nd4j.zeros(DataType.FLOAT, 1, 18));
    refused(
        "[SegmentPositions (layer 0)] input: expected segments of at most 19 tokens, got a longer"
            + " one, at token 1. Fix: set positions(...) and the TokenEmbedding behind to the"
            + " longest sequence.",
        () -> step(runtime, Nd4j.zeros(DataType.FLOAT, 1, 2)));
    AssertClose.same("18", new double[] {18}, step(runtime, Nd4j.ones(DataType.FLOAT, 1, 1)));
    AssertClose.same("0", new double[] {0}, step(runtime, Nd4j.ones(DataType.FLOAT, 1, 1)));
  }

  /** Ids to marks to an output, as DL4J steps it. */
  @Test
  void inAMultiLayerNetwork(Random random) {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            Networks.settings(DataType.DOUBLE, new NoOp())
                .list()
                .layer(IntervalMarks.builder().interval(3).initial(2).build())
                .layer(
                    new RnnOutputLayer.Builder(LossFunctions.LossFunction.MSE)
                        .nOut(2)
                        .dataFormat(RNNFormat.NWC)
                        .activation(Activation.IDENTITY)
                        .build())
                .setInputType(InputType.recurrent(1, RNNFormat.NWC))
                .build());
    network.init();
    INDArray ids = Elements.slots(random, 17, 2, 13).castTo(DataType.DOUBLE).reshape(2, 13, 1);
    INDArray whole = network.output(ids);
    for (int t = 0; t < 13; t++) {
      INDArray out = network.rnnTimeStep(columns(ids, t, t + 1));
      AssertClose.close(
          "step " + t, Elements.doubles(columns(whole, t, t + 1)), out.reshape(2, 1, 2), 1e-12);
    }
  }

  @Test
  void refusals() {
    CountingMarkRuntime runtime = Kind.INTERVALS.runtime();
    step(runtime, Nd4j.zeros(DataType.FLOAT, 2, 3));
    refused(
        "[IntervalMarks (layer 0)] input of rnnTimeStep: expected batch 2, as in the steps before,"
            + " got 1. Fix: call rnnClearPreviousState() before another batch.",
        () -> step(runtime, Nd4j.zeros(DataType.FLOAT, 1, 3)));
    refused(
        "[IntervalMarks (layer 0)] state: expected counts, LONG [batch], got FLOAT array (shape"
            + " [2]). Fix: pass what rnnGetPreviousState() returned.",
        () -> runtime.rnnSetPreviousState(Map.of("counts", Nd4j.zeros(DataType.FLOAT, 2))));
    UnsupportedOperationException refusal =
        assertThrows(
            UnsupportedOperationException.class,
            () ->
                runtime.rnnActivateUsingStoredState(
                    Nd4j.zeros(1, 3), true, true, LayerWorkspaceMgr.noWorkspaces()));
    assertEquals(
        "[IntervalMarks (layer 0)] backpropType: expected Standard, got TruncatedBPTT. Fix: remove"
            + " backpropType(BackpropType.TruncatedBPTT) and cut the text into shorter sequences.",
        refusal.getMessage());
    assertThrows(
        UnsupportedOperationException.class,
        () -> runtime.tbpttBackpropGradient(null, 1, LayerWorkspaceMgr.noWorkspaces()));
    assertEquals(Map.of(), runtime.rnnGetTBPTTState());
    runtime.rnnSetTBPTTState(Map.of());
    assertThrows(
        UnsupportedOperationException.class,
        () -> runtime.rnnSetTBPTTState(Map.of("counts", Nd4j.zeros(2))));
  }

  private static void refused(String message, Runnable action) {
    IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class, action::run);
    assertEquals(message, refusal.getMessage());
  }
}
