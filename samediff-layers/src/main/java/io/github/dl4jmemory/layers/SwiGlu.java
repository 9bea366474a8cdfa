package io.github.dl4jmemory.layers;

import java.util.Map;
import java.util.Objects;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Feed-forward block with a gated hidden layer, no biases:
 *
 * <pre>
 * out = (silu(x W1) * (x W3)) W2,   silu(a) = a / (1 + exp(-a))
 * </pre>
 *
 * <p>Input {@code [batch, nIn]}, {@code [batch, nIn, time]} (NCW) or {@code [batch, time, nIn]}
 * (NWC), float or double; output the same with nOut features (default nIn). Parameters {@code W1},
 * {@code W3} [nIn, hiddenSize] and {@code W2} [hiddenSize, nOut], weight initialisation of the
 * builder (default Xavier). Masked time steps (mask [batch, time]) give zeros. Cost a token: {@code
 * hiddenSize * (2 nIn + nOut)} multiply-adds forward, twice that backward; 2 hiddenSize values a
 * token are kept for backward.
 *
 * <p>Source: Shazeer 2020, arXiv 2002.05202, equation 6 (W, V, W2 there are W1, W3, W2 here).
 */
public final class SwiGlu extends TokenwiseLayer {

  private static final long serialVersionUID = 1L;

  static final String W1 = "W1";
  static final String W2 = "W2";
  static final String W3 = "W3";

  private long hiddenSize;

  /** For Jackson. */
  private SwiGlu() {}

  private SwiGlu(Builder builder) {
    super(builder);
    hiddenSize = builder.hiddenSize;
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
   * Features of the hidden layer.
   *
   * @return hidden size
   */
  public long getHiddenSize() {
    return hiddenSize;
  }

  @Override
  public void defineParameters(SDLayerParams params) {
    params.addWeightParam(W1, getNIn(), hiddenSize);
    params.addWeightParam(W2, hiddenSize, getNOut());
    params.addWeightParam(W3, getNIn(), hiddenSize);
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    params.forEach(this::initializeMatrix);
  }

  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable input, Map<String, SDVariable> parameters, SDVariable mask) {
    boolean sequence = GraphShapes.isSequence(input);
    boolean turn = isChannelsFirst(input);
    SDVariable x = turn ? input.permute(0, 2, 1) : input;
    SDVariable a = GraphShapes.project(sd, sequence, x, parameters.get(W1), getNIn(), hiddenSize);
    SDVariable b = GraphShapes.project(sd, sequence, x, parameters.get(W3), getNIn(), hiddenSize);
    SDVariable h = a.mul(sd.nn().sigmoid(a)).mul(b);
    SDVariable out =
        GraphShapes.project(sd, sequence, h, parameters.get(W2), hiddenSize, getNOut());
    return turn ? out.permute(0, 2, 1) : out;
  }

  @Override
  LayerRuntime<?> runtime(NeuralNetConfiguration conf, DataType dataType) {
    return new SwiGluRuntime<>(conf, dataType, Reals.of(dataType));
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other) && hiddenSize == ((SwiGlu) other).hiddenSize;
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), hiddenSize);
  }

  /** Settings of a {@link SwiGlu}; {@link #build} checks them against each other. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder extends TokenwiseLayer.Builder<Builder> {

    private long hiddenSize;

    private Builder() {}

    /**
     * Features of the hidden layer; 8/3 of nIn gives the cost of a plain feed-forward block of 4
     * nIn.
     *
     * @param hiddenSize at least 1
     * @return this builder
     * @throws IllegalArgumentException if hiddenSize is not positive
     */
    public Builder hiddenSize(long hiddenSize) {
      Require.positive(hiddenSize, layerTitle(), "hiddenSize", "use about 8/3 of nIn");
      this.hiddenSize = hiddenSize;
      return this;
    }

    @Override
    String layerTitle() {
      return "SwiGlu";
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if hiddenSize was not set
     */
    @Override
    public SwiGlu build() {
      Require.positive(hiddenSize, layerTitle(), "hiddenSize", "call hiddenSize(...)");
      return new SwiGlu(this);
    }
  }
}
