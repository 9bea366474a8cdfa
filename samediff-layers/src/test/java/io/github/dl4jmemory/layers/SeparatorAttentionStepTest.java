package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.PageExample;
import io.github.dl4jmemory.testkit.Seeded;
import java.io.IOException;
import java.util.Map;
import java.util.Random;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.NoOp;

/** rnnTimeStep of separator attention. */
@ExtendWith(Seeded.class)
class SeparatorAttentionStepTest {

  private static final int MODEL = 24;
  private static final int TIME = 67;
  private static final String[] ROWS = {"", "_".repeat(9), ""};

  private static SeparatorAttention.Builder builder(RNNFormat format) {
    return SeparatorAttention.builder()
        .nIn(MODEL + 1)
        .heads(6)
        .keyValueHeads(3)
        .rotaryFraction(0.5)
        .window(7)
        .theta(50)
        .rnnFormat(format);
  }

  private static SeparatorAttentionRuntime<?> runtime(SeparatorAttention layer, Random random) {
    return (SeparatorAttentionRuntime<?>) Runtimes.of(layer, DataType.DOUBLE, random);
  }

  /** Features with a flag at about every fifth token: [batch, time, model + 1]. */
  private static INDArray input(Random random) {
    INDArray x = Elements.uniform(random, DataType.DOUBLE, ROWS.length, TIME, MODEL + 1);
    for (int row = 0; row < ROWS.length; row++) {
      for (int t = 0; t < TIME; t++) {
        x.putScalar(row, t, MODEL, random.nextInt(5) == 0 ? 1 : 0);
      }
    }
    return x;
  }

  /** The second row is padded on the left, the third on the right. */
  private static INDArray mask() {
    INDArray mask = Nd4j.ones(DataType.DOUBLE, ROWS.length, TIME);
    mask.get(NDArrayIndex.point(1), NDArrayIndex.interval(0, 9)).assign(0);
    mask.get(NDArrayIndex.point(2), NDArrayIndex.interval(TIME - 5, TIME)).assign(0);
    return mask;
  }

  private static INDArray times(INDArray x, int from, int to) {
    return x.get(NDArrayIndex.all(), NDArrayIndex.interval(from, to), NDArrayIndex.all());
  }

  private static INDArray step(SeparatorAttentionRuntime<?> runtime, INDArray x) {
    return runtime.rnnTimeStep(x, LayerWorkspaceMgr.noWorkspaces());
  }

  /** Tokens [from, to) with their part of the mask, in the layout of the layer. */
  private static INDArray step(
      SeparatorAttentionRuntime<?> runtime, RNNFormat format, INDArray x, int from, int to) {
    runtime.setMaskArray(mask().get(NDArrayIndex.all(), NDArrayIndex.interval(from, to)).dup());
    INDArray part = times(x, from, to);
    INDArray out = step(runtime, format == RNNFormat.NCW ? part.permute(0, 2, 1).dup() : part);
    return format == RNNFormat.NCW ? out.permute(0, 2, 1) : out;
  }

  /** Without a cache of its own, steps give what the whole sequence gives. */
  @Test
  void stepsAreTheWholeSequence(Random random) {
    for (RNNFormat format : RNNFormat.values()) {
      for (int window : new int[] {0, 1, 7}) {
        SeparatorAttentionRuntime<?> runtime =
            runtime(builder(format).window(window).initial(2).build(), random);
        INDArray x = input(random);
        runtime.setMaskArray(mask());
        INDArray whole =
            runtime.activate(
                format == RNNFormat.NCW ? x.permute(0, 2, 1).dup() : x,
                false,
                LayerWorkspaceMgr.noWorkspaces());
        INDArray expected = format == RNNFormat.NCW ? whole.permute(0, 2, 1) : whole;
        AssertClose.close(
            "prompt",
            Elements.doubles(times(expected, 0, 31)),
            step(runtime, format, x, 0, 31),
            1e-11);
        for (int t = 31; t < TIME; t++) {
          AssertClose.close(
              format + ", window " + window + ", step " + t,
              Elements.doubles(times(expected, t, t + 1)),
              step(runtime, format, x, t, t + 1),
              1e-11);
        }
      }
    }
  }

  /** With one, the layer keeps what a cache beside it keeps, and stops growing. */
  @Test
  void cacheStopsGrowing(Random random) {
    SeparatorCacheSettings settings =
        SeparatorCacheSettings.builder().initial(2).separators(3).window(5).size(13).build();
    SeparatorAttentionRuntime<?> runtime =
        runtime(builder(RNNFormat.NWC).cache(settings).build(), random);
    INDArray x = input(random);
    SeparatorCache beside = new SeparatorCache(settings, DataType.DOUBLE, ROWS.length, 1, 1, 2);
    INDArray any = Nd4j.zeros(DataType.DOUBLE, ROWS.length, 1, 1, 2);
    for (int t = 0; t < TIME; t++) {
      step(runtime, times(x, t, t + 1));
      INDArray flags =
          times(x, t, t + 1).get(NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.point(MODEL));
      beside.append(any, any, flags.castTo(DataType.INT8).reshape(ROWS.length, 1));
    }
    Map<String, INDArray> state = runtime.rnnGetPreviousState();
    assertEquals(beside.state().get("positions"), state.get("positions"));
    assertTrue(state.get("keys").size(2) <= 13, "tokens kept");
  }

  @Test
  void stateIsTakenAndGiven(Random random) {
    SeparatorAttentionRuntime<?> runtime = runtime(builder(RNNFormat.NWC).build(), random);
    INDArray x = input(random);
    assertTrue(runtime.rnnGetPreviousState().isEmpty());
    step(runtime, times(x, 0, 40));
    Map<String, INDArray> state = runtime.rnnGetPreviousState();
    INDArray expected = step(runtime, times(x, 40, 41)).dup();
    runtime.rnnClearPreviousState();
    INDArray forgotten = step(runtime, times(x, 40, 41)).dup();
    assertThrows(AssertionError.class, () -> AssertClose.close("", expected, forgotten, 1e-6));
    runtime.rnnSetPreviousState(state);
    AssertClose.same("restored", Elements.doubles(expected), step(runtime, times(x, 40, 41)));
    runtime.rnnSetPreviousState(Map.of());
    AssertClose.same("cleared", Elements.doubles(forgotten), step(runtime, times(x, 40, 41)));
  }

  @Test
  void stepsAsDl4jMakesThemOfMatrices(Random random) {
    SeparatorAttentionRuntime<?> runtime = runtime(builder(RNNFormat.NWC).build(), random);
    INDArray x = input(random);
    INDArray expected = step(runtime, times(x, 0, 1)).dup();
    runtime.rnnClearPreviousState();
    INDArray row = times(x, 0, 1).dup('c').reshape(ROWS.length, MODEL + 1, 1);
    AssertClose.same("step", Elements.doubles(expected), step(runtime, row));
  }

  /** A graph of token ids, flags, embedding and attention, step by step. */
  @Test
  void graphStepByStep(Random random) {
    ComputationGraph network = network(builder(RNNFormat.NWC).initial(2).window(3).build());
    int[] text = random.ints(23, 0, 11).toArray();
    INDArray ids = Nd4j.createFromArray(text).reshape(1, text.length);
    INDArray expected = network.outputSingle(ids);
    for (int t = 0; t < text.length; t++) {
      INDArray out = network.rnnTimeStep(Nd4j.createFromArray(text[t]).reshape(1, 1))[0];
      AssertClose.close("step " + t, Elements.doubles(times(expected, t, t + 1)), out, 1e-11);
    }
  }

  /** A network as it is goes on with another cache: after twelve tokens, it keeps less. */
  @Test
  void networksTakeOtherCaches(Random random) {
    ComputationGraph network = network(builder(RNNFormat.NWC).window(0).build());
    INDArray ids = Nd4j.createFromArray(random.ints(31, 0, 11).toArray()).reshape(1, 31);
    INDArray whole = network.rnnTimeStep(ids)[0].dup();
    SeparatorCacheSettings recent =
        SeparatorCacheSettings.builder()
            .initial(1)
            .size(11)
            .rule(CacheRule.STREAMING_LLM)
            .positions(KeyPositions.ORIGINAL)
            .build();
    SeparatorAttention.setCaches(network, recent);
    INDArray out = network.rnnTimeStep(ids)[0];
    AssertClose.same("before", Elements.doubles(times(whole, 0, 12)), times(out, 0, 12));
    assertThrows(
        AssertionError.class,
        () ->
            AssertClose.close(
                "", Elements.doubles(times(whole, 12, 31)), times(out, 12, 31), 1e-9));
    assertEquals(11, network.rnnGetPreviousState("attention").get("keys").size(2));
    assertEquals(2 * 12 * 12 * Double.BYTES, SeparatorAttention.cacheBytes(network), "12 tokens");
    network.rnnClearPreviousState();
    assertEquals(0, SeparatorAttention.cacheBytes(network));
    refused(
        "[SeparatorAttention] caches: expected one for all, or one for each of the 1 layers of the"
            + " network, got 2. Fix: pass a network with such layers, and as many settings.",
        () -> SeparatorAttention.setCaches(network, recent, recent));
    refused(
        "[SeparatorAttention] cache: expected settings without rotary(...), got null. Fix: leave"
            + " rotary(...) away: theta and rotaryFraction of the layer are used.",
        () -> SeparatorAttention.setCaches(network, (SeparatorCacheSettings) null));
  }

  @Test
  void exampleOfThePage() throws IOException {
    ComputationGraph network = network(builder(RNNFormat.NWC).build());
    // page begin
    SeparatorAttention.setCaches(
        network,
        SeparatorCacheSettings.builder().initial(4).separators(64).window(256).size(800).build());
    // page end
    SeparatorAttention layer = (SeparatorAttention) network.getLayer("attention").conf().getLayer();
    assertEquals(800, layer.getCache().size());
    PageExample.assertStandsOn(
        "docs/layers/separator-attention.md", SeparatorAttentionStepTest.class);
  }

  private static ComputationGraph network(SeparatorAttention attention) {
    GraphBuilder graph =
        Networks.settings(DataType.DOUBLE, new NoOp())
            .graphBuilder()
            .addInputs("ids")
            .setInputTypes(InputType.recurrent(1))
            .addLayer(
                "embedding", TokenEmbedding.builder().vocabulary(11).nOut(MODEL).build(), "ids")
            .addLayer("separators", SeparatorMarks.builder().separators(3, 7).build(), "ids");
    attention.addTo(graph, "attention", "embedding", "separators");
    ComputationGraph network = new ComputationGraph(graph.setOutputs("attention").build());
    network.init();
    return network;
  }

  @Test
  void settingsAreSavedWithTheLayer() {
    SeparatorCacheSettings settings =
        SeparatorCacheSettings.builder()
            .initial(2)
            .separators(3)
            .window(5)
            .size(13)
            .rule(CacheRule.CACHE)
            .positions(KeyPositions.ORIGINAL)
            .build();
    SeparatorAttention layer = builder(RNNFormat.NWC).cache(settings).build();
    NeuralNetConfiguration conf =
        Networks.settings(DataType.DOUBLE, new NoOp()).layer(layer).build();
    NeuralNetConfiguration restored = NeuralNetConfiguration.fromJson(conf.toJson());
    assertEquals(conf.getLayer(), restored.getLayer());
    assertEquals(settings, ((SeparatorAttention) restored.getLayer()).getCache());
    assertNull(builder(RNNFormat.NWC).build().getCache());
  }

  @Test
  void refusals(Random random) {
    SeparatorAttentionRuntime<?> runtime = runtime(builder(RNNFormat.NWC).build(), random);
    INDArray x = input(random);
    step(runtime, times(x, 0, 2));
    refused(
        "[SeparatorAttention (layer 0)] input of rnnTimeStep: expected batch 3, as in the steps"
            + " before, got DOUBLE array (shape [2, 1, 25]). Fix: call rnnClearPreviousState()"
            + " before another batch.",
        () -> step(runtime, times(x, 2, 3).get(NDArrayIndex.interval(0, 2))));
    refused(
        "[SeparatorAttention (layer 0)] state: expected keys of shape [batch, keyValueHeads, kept,"
            + " headSize], got null. Fix: pass what rnnGetPreviousState() returned.",
        () -> runtime.rnnSetPreviousState(Map.of("values", Nd4j.zeros(1))));
    SeparatorCacheSettings turning = SeparatorCacheSettings.builder().rotary(10000, 4).build();
    refused(
        "[SeparatorAttention] cache: expected settings without rotary(...), got "
            + turning
            + ". Fix: leave rotary(...) away: theta and rotaryFraction of the layer are used.",
        () -> builder(RNNFormat.NWC).cache(turning));
    SeparatorAttentionRuntime<?> bilevel =
        runtime(builder(RNNFormat.NWC).bilevelPositions(true).build(), random);
    assertEquals(
        "[SeparatorAttention (layer 0)] rnnTimeStep: expected positions in the text or in the cache,"
            + " got bilevelPositions. Fix: call output(...) with all tokens so far.",
        assertThrows(UnsupportedOperationException.class, () -> step(bilevel, times(x, 0, 1)))
            .getMessage());
  }

  private static void refused(String message, Runnable action) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action::run).getMessage());
  }
}
