package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Random;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.NoOp;

/** What SeparatorAttention refuses, and in which words. */
class SeparatorAttentionRefusalTest {

  private static final LayerWorkspaceMgr NONE = LayerWorkspaceMgr.noWorkspaces();

  private static void refused(String message, Runnable action) {
    IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class, action::run);
    assertEquals("[SeparatorAttention" + message, refusal.getMessage());
  }

  private static SeparatorAttention.Builder builder() {
    return SeparatorAttention.builder().heads(2).window(3);
  }

  @Test
  void settings() {
    refused(
        "] window: expected a number of tokens, got none. Fix: call window(...) with 64, or with 0"
            + " for full attention.",
        () -> SeparatorAttention.builder().heads(2).build());
    refused(
        "] window: expected a number >= 0, got -1. Fix: use 64, or 0 for full attention.",
        () -> builder().window(-1));
    refused(
        "] initial: expected a number >= 0, got -1. Fix: use 3, or 0.",
        () -> builder().initial(-1));
    refused(
        "] heads: expected a positive number, got 0. Fix: call heads(...).",
        () -> SeparatorAttention.builder().window(3).build());
    refused(
        "] keyValueHeads: expected a divisor of heads 2, got 3. Fix: leave keyValueHeads(...) away"
            + " for one to each head.",
        () -> builder().keyValueHeads(3).build());
    refused(
        "] nOut: expected nIn - 1, 8, got 9. Fix: leave nOut(...) away, the layer keeps the number"
            + " of features.",
        () -> builder().nIn(9).nOut(9).build().getLayerParams());
  }

  /** Without the flag, model features are one too few to be cut into heads. */
  @Test
  void aMissingFlagIsNamed() {
    String message =
        "] heads: expected a number of heads that cuts nIn - 1 = 7 features into even parts, got 2."
            + " Fix: add the layer by addTo(graph, name, input, marks), which merges the separator"
            + " flag in as the last feature, and choose heads so that (nIn - 1) / heads is an even"
            + " number.";
    refused(message, () -> builder().nIn(8).build().getLayerParams());
    GraphBuilder graph =
        Networks.settings(DataType.FLOAT, new NoOp())
            .graphBuilder()
            .addInputs("x")
            .setInputTypes(InputType.recurrent(8))
            .addLayer("attention", builder().build(), "x")
            .setOutputs("attention")
            .allowDisconnected(true);
    refused(
        message.replaceFirst("]", " attention]"),
        () -> new org.deeplearning4j.nn.graph.ComputationGraph(graph.build()).init());
    refused(
        message.replace("7 features", "0 features"),
        () -> builder().nIn(1).build().getLayerParams());
  }

  @Test
  void argumentsOfAddTo() {
    GraphBuilder graph = Networks.settings(DataType.FLOAT, new NoOp()).graphBuilder();
    SeparatorAttention layer = builder().build();
    refused(
        "] graph: expected a graph builder, got null. Fix: pass graphBuilder().",
        () -> layer.addTo(null, "a", "x", "m"));
    refused(
        "] name: expected a name that is unique in the graph, got null. Fix: name it.",
        () -> layer.addTo(graph, null, "x", "m"));
    refused(
        "] input: expected a layer or network input, got null. Fix: name one.",
        () -> layer.addTo(graph, "a", null, "m"));
    refused(
        "] marks: expected the name of a SeparatorMarks layer, got null. Fix: call"
            + " graph.addLayer(\"separators\", SeparatorMarks.builder()...build(), \"ids\")"
            + " before.",
        () -> layer.addTo(graph, "a", "x", null));
  }

  @Test
  void inputs() {
    LayerRuntime<?> runtime =
        Runtimes.of(
            builder().nIn(9).rnnFormat(RNNFormat.NWC).build(), DataType.FLOAT, new Random(5));
    refused(
        " (layer 0)] input: expected rank 3 [batch, time, nIn], got FLOAT array (shape [2, 9])."
            + " Fix: pass sequences; a single step is a sequence of time 1.",
        () -> runtime.activate(Nd4j.zeros(DataType.FLOAT, 2, 9), false, NONE));
    INDArray x = Nd4j.zeros(DataType.FLOAT, 2, 3, 9);
    for (float bad : new float[] {0.5f, 2, -1, Float.NaN}) {
      refused(
          " (layer 0)] separator flag: expected 0 or 1, got "
              + (double) bad
              + " at token 4. Fix: pass the flags of a SeparatorMarks layer.",
          () -> runtime.activate(x.dup().putScalar(1, 1, 8, bad), false, NONE));
    }
    runtime.setMaskArray(Nd4j.ones(DataType.FLOAT, 2, 4));
    refused(
        " (layer 0)] mask: expected one value per token, 6 in all, got FLOAT array (shape [2, 4])."
            + " Fix: pass a mask of shape [batch, time].",
        () -> runtime.activate(x, false, NONE));
  }

  @Test
  void truncatedBackpropagation() {
    SeparatorAttentionRuntime<?> runtime =
        (SeparatorAttentionRuntime<?>)
            Runtimes.of(
                builder().nIn(9).rnnFormat(RNNFormat.NWC).build(), DataType.FLOAT, new Random(5));
    assertThrows(
        UnsupportedOperationException.class,
        () -> runtime.rnnActivateUsingStoredState(null, true, true, null));
  }
}
