package io.github.dl4jmemory.layers;

import java.util.Map;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Causal multi-head self-attention with rotary positions, no biases. For every head, with {@code q
 * = rotary(x Wq)}, {@code k = rotary(x Wk)}, {@code v = x Wv}:
 *
 * <pre>
 * out_i = (concat over heads of sum over j &lt;= i of softmax_j(q_i . k_j / sqrt(headSize)) v_j) Wo
 * </pre>
 *
 * <p>Input {@code [batch, time, nIn]} (NWC) or {@code [batch, nIn, time]} (NCW), float or double;
 * output of the same shape and layout. headSize is {@code nIn / heads} and even. Parameters: {@code
 * Wq} [nIn, nIn], {@code Wk}, {@code Wv} [nIn, keyValueHeads * headSize], {@code Wo} [nIn, nIn].
 * With fewer keyValueHeads than heads, groups of neighbouring heads share keys and values.
 *
 * <p>Positions count from 0 at the first time step, masked or not. The pairing is that of Llama and
 * GPT-NeoX: element i of a head turns with element {@code i + r/2} by {@code position *
 * theta^(-2i/r)}, for the first r elements; r is {@code rotaryFraction * headSize}, all by default.
 *
 * <p>Mask [batch, time]: a masked time step (0) is never attended to, gives zeros and takes no
 * gradient.
 *
 * <p>{@code rnnTimeStep} of MultiLayerNetwork and ComputationGraph continues the sequence: keys and
 * values of all steps so far are the layer's state, so one more step costs time proportional to the
 * steps so far. Several steps may be passed at once (first the prompt, then token by token). The
 * state that {@code rnnGetPreviousState} returns are copies: {@code keys} and {@code values}
 * [batch, time, keyValueHeads * headSize] (keys are rotated) and, only if some were masked, {@code
 * mask} [batch, time]. Truncated backpropagation through time is refused.
 *
 * <p>Cost of a token forward: {@code 2 nIn (nIn + keyValueHeads * headSize)} multiply-adds for the
 * projections and {@code nIn * time} on average for the attention itself; backward 2 and 2.5 times
 * that. Probabilities are not kept: backward computes them again, so memory grows linearly with
 * time. It is {@link SeparatorAttention} with a window of all tokens, by the same kernels.
 *
 * <p>Sources: Vaswani et al. 2017, arXiv 1706.03762, equation 1; Su et al. 2021, arXiv 2104.09864,
 * equation 34; Ainslie et al. 2023, arXiv 2305.13245 (grouped queries).
 */
public final class CausalAttention extends AttentionLayer {

  private static final long serialVersionUID = 1L;

  /** For Jackson. */
  private CausalAttention() {}

  private CausalAttention(Builder builder) {
    super(builder);
  }

  /**
   * Settings at their defaults.
   *
   * @return a new builder
   */
  public static Builder builder() {
    return new Builder();
  }

  @Override
  long width() {
    return getNIn();
  }

  @Override
  void requireComplete() {
    super.requireComplete();
    Require.that(
        getNOut() == getNIn(),
        title(),
        "nOut",
        "nIn, " + getNIn(),
        getNOut(),
        "leave nOut(...) away, the layer keeps the number of features");
    requireParts("nIn " + getNIn(), "choose heads so that nIn / heads is an even number");
  }

  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable input, Map<String, SDVariable> parameters, SDVariable mask) {
    AttentionDefinition definition = new AttentionDefinition(sd, this);
    boolean turn = isChannelsFirst(input);
    SDVariable x = turn ? input.permute(0, 2, 1) : input;
    SDVariable positions = definition.positions(x);
    SDVariable q = definition.rotated(definition.queries(x, parameters), positions);
    SDVariable k = definition.rotated(definition.keys(x, parameters), positions);
    SDVariable v = definition.values(x, parameters);
    // [batch, heads, time, headSize], and keys [batch, heads, headSize, time]
    SDVariable scores =
        sd.linalg()
            .matmul(q.permute(0, 2, 1, 3), repeated(definition, k).permute(0, 2, 3, 1))
            .mul(1 / Math.sqrt(headSize()))
            .add(forbidden(sd, x, positions, mask));
    SDVariable mixed =
        sd.linalg()
            .matmul(sd.nn().softmax(scores, -1), repeated(definition, v).permute(0, 2, 1, 3));
    SDVariable out = definition.output(mixed.permute(0, 2, 1, 3), x, parameters, mask);
    return turn ? out.permute(0, 2, 1) : out;
  }

  /** Each key-value head as often as there are heads that read it. */
  private SDVariable repeated(AttentionDefinition definition, SDVariable keys) {
    int group = getHeads() / getKeyValueHeads();
    if (group == 1) {
      return keys;
    }
    SDVariable[] parts = new SDVariable[getHeads()];
    for (int head = 0; head < parts.length; head++) {
      parts[head] = definition.onAxis(keys, 4, 2, head / group, head / group + 1);
    }
    return definition.sd().concat(2, parts);
  }

  /** 0 where query i may read key j, else -1e9: [time, time], or with a mask [batch, 1, ...]. */
  private static SDVariable forbidden(
      SameDiff sd, SDVariable x, SDVariable positions, SDVariable mask) {
    DataType type = x.dataType();
    SDVariable position = sd.squeeze(positions, 0);
    SDVariable later = sd.expandDims(position, 0).gt(sd.expandDims(position, 1)).castTo(type);
    if (mask
        != null) { // its own key is left to every query: M2.1's softmax of an all-masked row is NaN
      SDVariable other = sd.expandDims(position, 0).neq(sd.expandDims(position, 1)).castTo(type);
      SDVariable masked = mask.castTo(type).rsub(1);
      later = later.add(sd.expandDims(sd.expandDims(masked, 1), 1).mul(other));
    }
    return later.mul(-1e9);
  }

  @Override
  LayerRuntime<?> runtime(NeuralNetConfiguration conf, DataType dataType) {
    return new CausalAttentionRuntime<>(conf, dataType, this, Reals.of(dataType));
  }

  /** Settings of a {@link CausalAttention}; {@link #build} checks them against each other. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder extends AttentionLayer.Builder<Builder> {

    private Builder() {}

    @Override
    String layerTitle() {
      return "CausalAttention";
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if heads was not set or keyValueHeads does not divide it
     */
    @Override
    public CausalAttention build() {
      requireHeads();
      return new CausalAttention(this);
    }
  }
}
