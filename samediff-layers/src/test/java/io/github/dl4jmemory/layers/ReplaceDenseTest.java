package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Map;
import java.util.Random;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.NoOp;

/** A trained dense network goes on with separator attention. */
@ExtendWith(Seeded.class)
class ReplaceDenseTest {

  private static final int[] SEPARATORS = SeparatorDecoders.SEPARATORS;

  private static ComputationGraph trained(MultiDataSet data) {
    ComputationGraph dense = Decoders.tiny().graph(DataType.FLOAT, new Adam(1e-2));
    dense.fit(data);
    dense.fit(data);
    return dense;
  }

  private static void assertSame(String what, ComputationGraph expected, ComputationGraph actual) {
    assertEquals(expected.numParams(), actual.numParams());
    for (Map.Entry<String, INDArray> parameter : expected.paramTable().entrySet()) {
      String key = parameter.getKey();
      AssertClose.same(
          what + ", " + key, Elements.doubles(parameter.getValue()), actual.getParam(key));
    }
  }

  @Test
  void withinTheWindowItTrainsOnToTheSameBits(Random random) {
    MultiDataSet data = SeparatorDecoders.text(random, DataType.FLOAT);
    ComputationGraph dense = trained(data);
    ComputationGraph full = SeparatorAttention.replaceDense(dense, SEPARATORS, 3, 0);
    ComputationGraph wide = SeparatorAttention.replaceDense(dense, SEPARATORS, 0, 9, 100);
    assertSame("made", dense, full);
    assertEquals(dense.score(data), full.score(data));
    assertEquals(dense.getIterationCount(), full.getIterationCount());
    for (int i = 0; i < 2; i++) {
      dense.fit(data);
      full.fit(data);
      wide.fit(data);
    }
    assertSame("full", dense, full);
    assertSame("wide", dense, wide);
  }

  @Test
  void settingsAreThoseOfTheDenseLayersAndTheDenseNetworkStays(Random random) {
    MultiDataSet data = SeparatorDecoders.text(random, DataType.FLOAT);
    ComputationGraph dense = trained(data);
    double[] before = Elements.doubles(dense.params());
    ComputationGraph network = SeparatorAttention.replaceDense(dense, SEPARATORS, 1, 2, 0);
    SeparatorAttention first = layer(network, "attention0");
    assertEquals(1, first.getInitial());
    assertEquals(2, first.getWindow());
    assertEquals(0, layer(network, "attention1").getWindow());
    assertEquals(2, first.getHeads());
    assertEquals(1, first.getKeyValueHeads());
    assertEquals(new Adam(1e-2), first.getUpdater());
    assertTrue(network.score(data) != dense.score(data), "narrow windows see less");
    network.fit(data);
    AssertClose.same("dense", before, dense.params());
  }

  private static SeparatorAttention layer(ComputationGraph network, String name) {
    return (SeparatorAttention) network.getLayer(name).conf().getLayer();
  }

  /** Marks of every token let all be seen. */
  @Test
  void marksOfAnotherKindServe(Random random) {
    MultiDataSet data = SeparatorDecoders.text(random, DataType.FLOAT);
    ComputationGraph dense = trained(data);
    IntervalMarks every = IntervalMarks.builder().interval(1).initial(0).build();
    ComputationGraph all = SeparatorAttention.replaceDense(dense, every, 0, 2);
    assertEquals(dense.score(data), all.score(data), 1e-6);
    IntervalMarks second = IntervalMarks.builder().interval(2).initial(0).build();
    ComputationGraph some = SeparatorAttention.replaceDense(dense, second, 0, 2);
    assertTrue(Math.abs(dense.score(data) - some.score(data)) > 1e-6, "some are not seen");
    refused(
        "marks: expected a SeparatorMarks or IntervalMarks layer, got null. Fix: pass"
            + " SeparatorMarks.builder().separators(...).build().",
        () -> SeparatorAttention.replaceDense(dense, (TokenMark) null, 0, 2));
  }

  @Test
  void frozenLayersStayFrozen(Random random) {
    MultiDataSet data = SeparatorDecoders.text(random, DataType.FLOAT);
    ComputationGraph tuned =
        new TransferLearning.GraphBuilder(trained(data))
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Adam(1e-2)).build())
            .setFeatureExtractor("attention0")
            .build();
    ComputationGraph network = SeparatorAttention.replaceDense(tuned, SEPARATORS, 1, 2);
    assertTrue(network.getLayer("attention0") instanceof FrozenLayer);
    double[] before = Elements.doubles(tuned.getParam("attention0_Wq"));
    double[] later = Elements.doubles(tuned.getParam("attention1_Wq"));
    network.fit(data);
    AssertClose.same("frozen", before, network.getParam("attention0_Wq"));
    assertThrows(
        AssertionError.class, () -> AssertClose.same("", later, network.getParam("attention1_Wq")));
  }

  @Test
  void refusals(Random random) {
    ComputationGraph dense = Decoders.tiny().graph(DataType.FLOAT, new NoOp());
    refused(
        "dense: expected an initialised network, got null. Fix: call init() before.",
        () -> SeparatorAttention.replaceDense(null, SEPARATORS, 3, 64));
    refused(
        "windows: expected one, or one for each of [attention0, attention1], got 3. Fix: pass 64,"
            + " or 0 for full attention, for each.",
        () -> SeparatorAttention.replaceDense(dense, SEPARATORS, 3, 64, 64, 64));
    refused(
        "window: expected a number >= 0, got -1. Fix: use 64, or 0 for full attention.",
        () -> SeparatorAttention.replaceDense(dense, SEPARATORS, 3, -1));
    refused(
        "initial: expected a number >= 0, got -2. Fix: use 3, or 0.",
        () -> SeparatorAttention.replaceDense(dense, SEPARATORS, -2, 4));
    ComputationGraph once = SeparatorAttention.replaceDense(dense, SEPARATORS, 3, 4);
    refused(
        "dense: expected CausalAttention layers, got none. Fix: pass a network that has some.",
        () -> SeparatorAttention.replaceDense(once, SEPARATORS, 3, 4));
    refused(
        "dense: expected one TokenEmbedding, whose input are the token ids, got []. Fix: build the"
            + " graph anew with SeparatorAttention, and copy the parameters.",
        () -> SeparatorAttention.replaceDense(attention("attention", "x"), SEPARATORS, 3, 4));
    refused(
        "dense: expected no vertex named separators, got one. Fix: give that vertex another name.",
        () -> SeparatorAttention.replaceDense(attention("separators", "ids"), SEPARATORS, 3, 4));
    IllegalArgumentException none =
        assertThrows(
            IllegalArgumentException.class,
            () -> SeparatorAttention.replaceDense(dense, new int[0], 3, 4));
    assertTrue(none.getMessage().startsWith("[SeparatorMarks] separators: "), none.getMessage());
  }

  /** A network of one attention layer; with a TokenEmbedding where the input are ids. */
  private static ComputationGraph attention(String name, String input) {
    boolean ids = input.equals("ids");
    var graph =
        Networks.settings(DataType.FLOAT, new NoOp())
            .graphBuilder()
            .addInputs(input)
            .setInputTypes(InputType.recurrent(ids ? 1 : 4));
    if (ids) {
      graph.addLayer("embedding", TokenEmbedding.builder().vocabulary(5).nOut(4).build(), input);
    }
    graph
        .addLayer(name, CausalAttention.builder().heads(2).build(), ids ? "embedding" : input)
        .addLayer("out", NextTokenOutput.builder().vocabulary(5).build(), name)
        .setOutputs("out");
    ComputationGraph network = new ComputationGraph(graph.build());
    network.init();
    return network;
  }

  private static void refused(String message, Runnable action) {
    IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class, action::run);
    assertEquals("[SeparatorAttention] " + message, refusal.getMessage());
  }
}
