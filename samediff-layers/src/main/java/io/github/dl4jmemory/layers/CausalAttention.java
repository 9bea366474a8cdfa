package io.github.dl4jmemory.layers;

import java.util.Map;
import java.util.Objects;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

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
 * <p>Positions count from 0 at the first time step, masked or not. The pairing is Llama's: element
 * i of a head turns with element {@code i + headSize/2} by {@code position * theta^(-2i/headSize)}.
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
 * time.
 *
 * <p>Sources: Vaswani et al. 2017, arXiv 1706.03762, equation 1; Su et al. 2021, arXiv 2104.09864,
 * equation 34; Ainslie et al. 2023, arXiv 2305.13245 (grouped queries).
 */
public final class CausalAttention extends TokenwiseLayer {

  private static final long serialVersionUID = 1L;

  static final String WQ = "Wq";
  static final String WK = "Wk";
  static final String WV = "Wv";
  static final String WO = "Wo";

  private int heads;
  private int keyValueHeads;
  private double theta;

  /** For Jackson. */
  private CausalAttention() {}

  private CausalAttention(Builder builder) {
    super(builder);
    heads = builder.heads;
    keyValueHeads = builder.keyValueHeads == 0 ? builder.heads : builder.keyValueHeads;
    theta = builder.theta;
  }

  /**
   * Settings at their defaults.
   *
   * @return a new builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Heads of the queries.
   *
   * @return heads
   */
  public int getHeads() {
    return heads;
  }

  /**
   * Heads of the keys and values.
   *
   * @return keyValueHeads, a divisor of heads
   */
  public int getKeyValueHeads() {
    return keyValueHeads;
  }

  /**
   * Base of the rotary frequencies.
   *
   * @return theta
   */
  public double getTheta() {
    return theta;
  }

  int headSize() {
    return Math.toIntExact(getNIn() / heads);
  }

  long keyWidth() {
    return (long) keyValueHeads * headSize();
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
    Require.that(
        getNIn() % (2L * heads) == 0,
        title(),
        "heads",
        "a number of heads that cuts nIn " + getNIn() + " into even parts",
        heads,
        "choose heads so that nIn / heads is an even number");
  }

  @Override
  public void defineParameters(SDLayerParams params) {
    params.addWeightParam(WQ, getNIn(), getNIn());
    params.addWeightParam(WK, getNIn(), keyWidth());
    params.addWeightParam(WV, getNIn(), keyWidth());
    params.addWeightParam(WO, getNIn(), getNIn());
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    params.forEach(this::initializeMatrix);
  }

  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable input, Map<String, SDVariable> parameters, SDVariable mask) {
    boolean turn = isChannelsFirst(input);
    SDVariable x = turn ? input.permute(0, 2, 1) : input;
    SDVariable time = sd.squeeze(sd.stridedSlice(x.shape(), new long[] {1}, new long[] {2}, 1), 0);
    SDVariable q = rotated(sd, split(sd, x, parameters.get(WQ), heads), time);
    SDVariable k = rotated(sd, split(sd, x, parameters.get(WK), keyValueHeads), time);
    SDVariable v = split(sd, x, parameters.get(WV), keyValueHeads);
    // [batch, keyValueHeads, heads a group, time, headSize] against [batch, keyValueHeads, 1, ...]
    long group = heads / keyValueHeads;
    SDVariable scores =
        sd.linalg()
            .matmul(q, repeated(sd, k, group).permute(0, 1, 3, 2))
            .mul(1 / Math.sqrt(headSize()))
            .add(forbidden(sd, x, time, mask));
    SDVariable mixed = sd.linalg().matmul(sd.nn().softmax(scores, -1), repeated(sd, v, group));
    SDVariable rows = sd.reshape(mixed.permute(0, 2, 1, 3), -1, getNIn());
    SDVariable out = rows.mmul(parameters.get(WO));
    out = GraphShapes.likeSequence(sd, out, x, getNIn());
    if (mask != null) {
      out = out.mul(sd.expandDims(mask, -1).castTo(out.dataType()));
    }
    return turn ? out.permute(0, 2, 1) : out;
  }

  /** x W as [batch, heads, time, headSize]. */
  private SDVariable split(SameDiff sd, SDVariable x, SDVariable w, int parts) {
    SDVariable rows = sd.reshape(x, -1, getNIn()).mmul(w);
    long headSize = headSize();
    return GraphShapes.likeSequence(sd, rows, x, parts, headSize).permute(0, 2, 1, 3);
  }

  /** Each key-value head as often as there are heads that read it. */
  private SDVariable repeated(SameDiff sd, SDVariable keys, long group) {
    if (group == 1) {
      return keys;
    }
    SDVariable[] parts = new SDVariable[heads];
    for (int head = 0; head < heads; head++) {
      parts[head] = onAxis(sd, keys, 1, head / group, head / group + 1);
    }
    return sd.concat(1, parts);
  }

  private SDVariable rotated(SameDiff sd, SDVariable x, SDVariable time) {
    int half = headSize() / 2;
    double[] frequencies = new double[half];
    for (int i = 0; i < half; i++) {
      frequencies[i] = Math.pow(theta, -2.0 * i / headSize());
    }
    SDVariable frequency = sd.constant(Nd4j.createFromArray(frequencies).castTo(x.dataType()));
    SDVariable angle = sd.expandDims(positions(sd, time, x.dataType()), -1).mul(frequency);
    SDVariable cos = sd.math().cos(angle);
    SDVariable sin = sd.math().sin(angle);
    SDVariable first = onAxis(sd, x, 3, 0, half);
    SDVariable second = onAxis(sd, x, 3, half, 2L * half);
    return sd.concat(3, first.mul(cos).sub(second.mul(sin)), second.mul(cos).add(first.mul(sin)));
  }

  private static SDVariable onAxis(SameDiff sd, SDVariable x, int axis, long from, long to) {
    long[] begin = new long[4];
    long[] end = new long[4];
    long[] stride = {1, 1, 1, 1};
    begin[axis] = from;
    end[axis] = to;
    int whole = 0b1111 & ~(1 << axis);
    return sd.stridedSlice(x, begin, end, stride, whole, whole, 0, 0, 0);
  }

  private static SDVariable positions(SameDiff sd, SDVariable time, DataType dataType) {
    SDVariable zero = sd.constant(Nd4j.scalar(dataType, 0));
    SDVariable one = sd.constant(Nd4j.scalar(dataType, 1));
    return sd.range(zero, time.castTo(dataType), one, dataType);
  }

  /** 0 where query i may read key j, else -1e9: [time, time], or with a mask [batch, 1, ...]. */
  private static SDVariable forbidden(SameDiff sd, SDVariable x, SDVariable time, SDVariable mask) {
    SDVariable position = positions(sd, time, x.dataType());
    SDVariable later =
        sd.expandDims(position, 0).gt(sd.expandDims(position, 1)).castTo(x.dataType());
    if (mask
        != null) { // its own key is left to every query: M2.1's softmax of an all-masked row is NaN
      SDVariable other =
          sd.expandDims(position, 0).neq(sd.expandDims(position, 1)).castTo(x.dataType());
      SDVariable masked = mask.castTo(x.dataType()).rsub(1);
      later = later.add(sd.expandDims(sd.expandDims(masked, 1), 1).mul(other));
    }
    return later.mul(-1e9);
  }

  @Override
  LayerRuntime<?> runtime(NeuralNetConfiguration conf, DataType dataType) {
    return new CausalAttentionRuntime<>(conf, dataType, Reals.of(dataType));
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other)
        && heads == ((CausalAttention) other).heads
        && keyValueHeads == ((CausalAttention) other).keyValueHeads
        && Double.compare(theta, ((CausalAttention) other).theta) == 0;
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), heads, keyValueHeads, theta);
  }

  /** Settings of a {@link CausalAttention}; {@link #build} checks them against each other. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder extends TokenwiseLayer.Builder<Builder> {

    private int heads;
    private int keyValueHeads;
    private double theta = 10000;

    private Builder() {}

    /**
     * Heads of the queries; {@code nIn / heads}, the size of a head, must be even.
     *
     * @param heads at least 1
     * @return this builder
     * @throws IllegalArgumentException if heads is not positive
     */
    public Builder heads(int heads) {
      Require.positive(heads, layerTitle(), "heads", "use 4, or nIn / 64");
      this.heads = heads;
      return this;
    }

    /**
     * Heads of the keys and values; default as many as heads. Fewer make the state of rnnTimeStep
     * smaller.
     *
     * @param keyValueHeads a divisor of heads
     * @return this builder
     * @throws IllegalArgumentException if keyValueHeads is not positive
     */
    public Builder keyValueHeads(int keyValueHeads) {
      Require.positive(keyValueHeads, layerTitle(), "keyValueHeads", "use a divisor of heads");
      this.keyValueHeads = keyValueHeads;
      return this;
    }

    /**
     * Base of the rotary frequencies; default 10000. Larger values keep far positions apart in long
     * sequences.
     *
     * @param theta greater than 1
     * @return this builder
     * @throws IllegalArgumentException if theta is not greater than 1 or not finite
     */
    public Builder theta(double theta) {
      Require.that(
          theta > 1 && theta < Double.POSITIVE_INFINITY,
          layerTitle(),
          "theta",
          "a number greater than 1",
          theta,
          "use 10000");
      this.theta = theta;
      return this;
    }

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
      Require.positive(heads, layerTitle(), "heads", "call heads(...)");
      Require.that(
          keyValueHeads == 0 || heads % keyValueHeads == 0,
          layerTitle(),
          "keyValueHeads",
          "a divisor of heads " + heads,
          keyValueHeads,
          "leave keyValueHeads(...) away for one to each head");
      return new CausalAttention(this);
    }
  }
}
