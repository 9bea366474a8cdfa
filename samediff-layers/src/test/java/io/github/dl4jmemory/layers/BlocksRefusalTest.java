package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Random;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What the blocks refuse, and in which words. */
class BlocksRefusalTest {

  private static void refused(String message, Runnable action) {
    IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class, action::run);
    assertEquals(message, refusal.getMessage());
  }

  private static LayerRuntime<?> runtime(DefinedLayer layer) {
    return Runtimes.of(layer, DataType.FLOAT, new Random(5));
  }

  private static void activate(LayerRuntime<?> runtime, INDArray x) {
    runtime.activate(x, false, LayerWorkspaceMgr.noWorkspaces());
  }

  @Test
  void settings() {
    refused(
        "[RmsNorm] epsilon: expected a positive number, got 0.0. Fix: use 1e-5 or 1e-6.",
        () -> RmsNorm.builder().epsilon(0));
    refused(
        "[SwiGlu] hiddenSize: expected a positive number, got 0. Fix: call hiddenSize(...).",
        () -> SwiGlu.builder().build());
    refused(
        "[SwiGlu] hiddenSize: expected a positive number, got -1. Fix: use about 8/3 of nIn.",
        () -> SwiGlu.builder().hiddenSize(-1));
    refused(
        "[CausalAttention] heads: expected a positive number, got 0. Fix: call heads(...).",
        () -> CausalAttention.builder().build());
    refused(
        "[CausalAttention] heads: expected a positive number, got 0. Fix: use 4, or nIn / 64.",
        () -> CausalAttention.builder().heads(0));
    refused(
        "[CausalAttention] keyValueHeads: expected a positive number, got 0. Fix: use a divisor of"
            + " heads.",
        () -> CausalAttention.builder().keyValueHeads(0));
    refused(
        "[CausalAttention] keyValueHeads: expected a divisor of heads 4, got 3. Fix: leave"
            + " keyValueHeads(...) away for one to each head.",
        () -> CausalAttention.builder().heads(4).keyValueHeads(3).build());
    refused(
        "[CausalAttention] theta: expected a number greater than 1, got 1.0. Fix: use 10000.",
        () -> CausalAttention.builder().theta(1));
    for (double fraction : new double[] {0, 1.5, Double.NaN}) {
      refused(
          "[CausalAttention] rotaryFraction: expected a number above 0 and at most 1, got "
              + fraction
              + ". Fix: use 1, or 0.25 for GPT-NeoX.",
          () -> CausalAttention.builder().rotaryFraction(fraction));
    }
    refused(
        "[TokenEmbedding] vocabulary: expected a positive number, got 0. Fix: use the tokenizer's"
            + " number of tokens.",
        () -> TokenEmbedding.builder().vocabulary(0));
    refused(
        "[TokenEmbedding] nOut: expected a positive number, got 0. Fix: use the features of the"
            + " layers that follow.",
        () -> TokenEmbedding.builder().nOut(0));
    refused(
        "[TokenEmbedding] vocabulary: expected a positive number, got 0. Fix: call"
            + " vocabulary(...).",
        () -> TokenEmbedding.builder().nOut(3).build());
    refused(
        "[TokenEmbedding] nOut: expected a positive number, got 0. Fix: call nOut(...).",
        () -> TokenEmbedding.builder().vocabulary(3).build());
    refused(
        "[NextTokenOutput] vocabulary: expected a number of token ids, got none. Fix: call"
            + " vocabulary(...).",
        () -> NextTokenOutput.builder().build());
    refused(
        "[NextTokenOutput] vocabulary: expected at least 2 token ids, got 1. Fix: use the"
            + " tokenizer's number of tokens.",
        () -> NextTokenOutput.builder().vocabulary(1));
  }

  @Test
  void settingsThatContradictTheInput() {
    refused(
        "[CausalAttention] heads: expected a number of heads that cuts nIn 12 into even parts, got"
            + " 4. Fix: choose heads so that nIn / heads is an even number.",
        () -> CausalAttention.builder().nIn(12).heads(4).build().getLayerParams());
    refused(
        "[CausalAttention] rotaryFraction: expected a part of the 6 elements of a head that is an"
            + " even number of them, got 0.5. Fix: use 1, or a fraction that gives 2 elements or"
            + " more.",
        () ->
            CausalAttention.builder()
                .nIn(12)
                .heads(2)
                .rotaryFraction(0.5)
                .build()
                .getLayerParams());
    refused(
        "[CausalAttention] nOut: expected nIn, 8, got 4. Fix: leave nOut(...) away, the layer keeps"
            + " the number of features.",
        () -> CausalAttention.builder().nIn(8).nOut(4).heads(4).build().getLayerParams());
    refused(
        "[RmsNorm] nOut: expected nIn, 8, got 4. Fix: leave nOut(...) away, the layer keeps the"
            + " number of features.",
        () -> RmsNorm.builder().nIn(8).nOut(4).build().getLayerParams());
  }

  @Test
  void argumentsOfAddTo() {
    RmsNorm layer = RmsNorm.builder().nIn(8).build();
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, 8);
    refused(
        "[RmsNorm] sd: expected a SameDiff graph, got null. Fix: pass SameDiff.create().",
        () -> layer.addTo(null, "norm", x));
    refused(
        "[RmsNorm] name: expected a name scope, got null. Fix: pass a name that is unique in the"
            + " graph.",
        () -> layer.addTo(sd, null, x));
    refused(
        "[RmsNorm] x: expected a variable of the graph, got null. Fix: pass"
            + " sd.placeHolder(...) or the output of a layer.",
        () -> layer.addTo(sd, "norm", null));
  }

  @Test
  void ids() {
    LayerRuntime<?> embedding = runtime(TokenEmbedding.builder().vocabulary(7).nOut(4).build());
    refused(
        "[TokenEmbedding (layer 0)] input: expected whole numbers from 0 to 6, got 7.0 at token 1 of"
            + " FLOAT array (shape [1, 2]). Fix: check the tokenizer's vocabulary, and mask padding.",
        () -> activate(embedding, Nd4j.createFromArray(new float[][] {{6, 7}})));
    for (float bad : new float[] {-1, 0.5f, Float.NaN}) {
      refused(
          "[TokenEmbedding (layer 0)] input: expected whole numbers from 0 to 6, got "
              + (double) bad
              + " at token 0 of FLOAT array (shape [1, 2]). Fix: check the tokenizer's vocabulary,"
              + " and mask padding.",
          () -> activate(embedding, Nd4j.createFromArray(new float[][] {{bad, 1}})));
    }
    refused(
        "[TokenEmbedding (layer 0)] input: expected token ids as FLOAT, DOUBLE, INT or LONG, got"
            + " HALF array (shape [1, 2]). Fix: cast them, for example castTo(DataType.INT).",
        () -> activate(embedding, Nd4j.zeros(DataType.FLOAT16, 1, 2)));
    refused(
        "[TokenEmbedding (layer 0)] input: expected token ids [batch, time], [batch, time, 1] or"
            + " [batch, 1, time], got FLOAT array (shape [2, 3, 4]). Fix: pass ids, not one-hot"
            + " vectors.",
        () -> activate(embedding, Nd4j.zeros(DataType.FLOAT, 2, 3, 4)));
    embedding.setMaskArray(Nd4j.ones(DataType.FLOAT, 1, 3));
    refused(
        "[TokenEmbedding (layer 0)] mask: expected one value per token, 2 in all, got FLOAT array"
            + " (shape [1, 3]). Fix: pass a mask of shape [batch, time].",
        () -> activate(embedding, Nd4j.zeros(DataType.FLOAT, 1, 2)));
  }

  @Test
  void floatIdsOfVocabulariesThatFloatCannotCount() {
    refused(
        "[TokenEmbedding] input: expected INT or LONG ids for a vocabulary of more than 2^24, where"
            + " FLOAT is not exact, got FLOAT array (shape [1, 2]). Fix: pass castTo(DataType.INT)"
            + " made from exact ids.",
        () ->
            TokenIds.read(
                "TokenEmbedding", "input", Nd4j.zeros(DataType.FLOAT, 1, 2), 1 << 25, null));
  }

  @Test
  void attentionInput() {
    LayerRuntime<?> attention =
        runtime(CausalAttention.builder().nIn(8).heads(2).rnnFormat(RNNFormat.NWC).build());
    refused(
        "[CausalAttention (layer 0)] input: expected rank 3 [batch, time, nIn], got FLOAT array"
            + " (shape [2, 8]). Fix: pass sequences; a single step is a sequence of time 1.",
        () -> activate(attention, Nd4j.zeros(DataType.FLOAT, 2, 8)));
    attention.setMaskArray(Nd4j.ones(DataType.FLOAT, 2, 4));
    refused(
        "[CausalAttention (layer 0)] mask: expected one value per token, 6 in all, got FLOAT array"
            + " (shape [2, 4]). Fix: pass a mask of shape [batch, time].",
        () -> activate(attention, Nd4j.zeros(DataType.FLOAT, 2, 3, 8)));
  }

  @Test
  void labels() {
    NextTokenOutputRuntime<?> output =
        (NextTokenOutputRuntime<?>)
            runtime(
                NextTokenOutput.builder().nIn(4).vocabulary(7).rnnFormat(RNNFormat.NWC).build());
    output.setInput(Nd4j.zeros(DataType.FLOAT, 2, 3, 4), LayerWorkspaceMgr.noWorkspaces());
    Runnable score = () -> output.computeScore(0, false, LayerWorkspaceMgr.noWorkspaces());
    refused(
        "[NextTokenOutput (layer 0)] labels: expected token ids [batch, time], got null. Fix: pass"
            + " labels to fit(...) or score(...).",
        score);
    output.setLabels(Nd4j.zeros(DataType.FLOAT, 2, 3, 7));
    refused(
        "[NextTokenOutput (layer 0)] labels: expected one token id per token, 6 in all, of shape"
            + " [batch, time], got FLOAT array (shape [2, 3, 7]). Fix: pass ids, not one-hot"
            + " vectors.",
        score);
    output.setLabels(Nd4j.ones(DataType.INT32, 2, 3).muli(7));
    refused(
        "[NextTokenOutput (layer 0)] labels: expected whole numbers from 0 to 6, got 7.0 at token 0"
            + " of INT array (shape [2, 3]). Fix: check the tokenizer's vocabulary, and mask"
            + " padding.",
        score);
    UnsupportedOperationException oneHot =
        assertThrows(UnsupportedOperationException.class, () -> output.predict(Nd4j.zeros(1)));
    assertEquals(
        "[NextTokenOutput (layer 0)] predict: expected one-hot labels, got token ids. Fix: use"
            + " score(...) or NextTokenOutput.perplexity(...).",
        oneHot.getMessage());
  }
}
