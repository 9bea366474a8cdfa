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
 * Feed-forward block of many SwiGLU experts, of which every token goes through topK:
 *
 * <pre>
 * p      = softmax(x Wr)                              over all experts
 * S      = the topK experts of the largest x Wr       of equal scores the lower expert
 * w_e    = p_e                                        with normalizeTopK: p_e / sum of p over S
 * out    = sum over e in S of w_e (silu(x W1_e) * (x W3_e)) W2_e
 * </pre>
 *
 * <p>No token is dropped and no expert has a capacity. In training the layer adds a load-balance
 * loss to the score of the network,
 *
 * <pre>
 * balanceLoss * experts * sum over e of f_e P_e
 * </pre>
 *
 * <p>where f_e is the share of all choices that fell on expert e (constant for the gradient) and
 * P_e the mean of p_e over the tokens of the step: it is balanceLoss when all experts are chosen
 * alike. Its gradient is added to that of the router's scores, so that it reaches Wr and x. The
 * score of data that is not trained on ({@code score(data)}, {@code evaluate}) does not contain it.
 *
 * <p>Input {@code [batch, nIn]}, {@code [batch, nIn, time]} (NCW) or {@code [batch, time, nIn]}
 * (NWC), float or double; output the same with nOut features (default nIn). Parameters {@code Wr}
 * [nIn, experts], {@code W1} and {@code W3} [experts, nIn, hiddenSize] and {@code W2} [experts,
 * hiddenSize, nOut]; weight initialisation of the builder (default Xavier), for each expert by
 * itself. Masked time steps (mask [batch, time]) give zeros, go to no expert and do not count in
 * the balance. A router score that is NaN or infinite is refused with its token.
 *
 * <p>Cost a token: {@code nIn experts + topK hiddenSize (2 nIn + nOut)} multiply-adds forward,
 * twice that backward; 3 topK hiddenSize + experts values a token are kept for backward. Tokens are
 * sorted by expert, and each expert that has any makes one product over its tokens; the weights of
 * the others are not read. Gradients of experts are dense: the updater visits all of them.
 *
 * <p>The SameDiff definition gives the same outputs and gradients, but M2.1 has no op for it that
 * leaves experts out: it runs all experts on all tokens, and holds arrays of [tokens, experts,
 * hiddenSize]. There the load-balance loss is the variable {@code name/balanceLoss}, to be named in
 * {@code setLossVariables} beside the loss.
 *
 * <p>Source: Shazeer et al. 2017, arXiv 1701.06538; Fedus et al., Switch Transformers, arXiv
 * 2101.03961, equations 4 to 6 (load balance); Muennighoff et al., OLMoE, arXiv 2409.02060, section
 * 2 (no dropped tokens, weights not normalised, 0.01).
 */
public final class MixtureOfExperts extends TokenwiseLayer {

  private static final long serialVersionUID = 1L;

  static final String ROUTER = "Wr";
  static final String W1 = "W1";
  static final String W2 = "W2";
  static final String W3 = "W3";
  static final String BALANCE = "balanceLoss";

  private int experts;
  private int topK;
  private long hiddenSize;
  private boolean normalizeTopK;
  private double balanceLoss;

  /** For Jackson. */
  private MixtureOfExperts() {}

  private MixtureOfExperts(Builder builder) {
    super(builder);
    experts = builder.experts;
    topK = builder.topK;
    hiddenSize = builder.hiddenSize;
    normalizeTopK = builder.normalizeTopK;
    balanceLoss = builder.balanceLoss;
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
   * Number of experts.
   *
   * @return experts
   */
  public int getExperts() {
    return experts;
  }

  /**
   * Experts that a token goes through.
   *
   * @return topK
   */
  public int getTopK() {
    return topK;
  }

  /**
   * Features of the hidden layer of one expert.
   *
   * @return hidden size
   */
  public long getHiddenSize() {
    return hiddenSize;
  }

  /**
   * Whether the weights of a token's experts are divided by their sum.
   *
   * @return true if they sum to 1
   */
  public boolean isNormalizeTopK() {
    return normalizeTopK;
  }

  /**
   * Coefficient of the load-balance loss.
   *
   * @return 0 for none
   */
  public double getBalanceLoss() {
    return balanceLoss;
  }

  @Override
  public void defineParameters(SDLayerParams params) {
    params.addWeightParam(ROUTER, getNIn(), experts);
    params.addWeightParam(W1, experts, getNIn(), hiddenSize);
    params.addWeightParam(W2, experts, hiddenSize, getNOut());
    params.addWeightParam(W3, experts, getNIn(), hiddenSize);
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    initializeMatrix(ROUTER, params.get(ROUTER));
    for (int expert = 0; expert < experts; expert++) {
      initializeMatrix(W1, ExpertProducts.of(params.get(W1), expert));
      initializeMatrix(W2, ExpertProducts.of(params.get(W2), expert));
      initializeMatrix(W3, ExpertProducts.of(params.get(W3), expert));
    }
  }

  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable input, Map<String, SDVariable> parameters, SDVariable mask) {
    return new ExpertsDefinition(this, sd, parameters).layer(input, mask);
  }

  @Override
  LayerRuntime<?> runtime(NeuralNetConfiguration conf, DataType dataType) {
    return new MixtureOfExpertsRuntime<>(conf, dataType, this, Reals.of(dataType));
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other)
        && other instanceof MixtureOfExperts that
        && experts == that.experts
        && topK == that.topK
        && hiddenSize == that.hiddenSize
        && normalizeTopK == that.normalizeTopK
        && Double.compare(balanceLoss, that.balanceLoss) == 0;
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), experts, topK, hiddenSize);
  }

  /** Settings of a {@link MixtureOfExperts}; {@link #build} checks them against each other. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder extends TokenwiseLayer.Builder<Builder> {

    private int experts;
    private int topK = 2;
    private long hiddenSize;
    private boolean normalizeTopK;
    private double balanceLoss = 0.01;

    private Builder() {}

    /**
     * Number of experts.
     *
     * @param experts at least topK
     * @return this builder
     * @throws IllegalArgumentException if experts is not positive
     */
    public Builder experts(int experts) {
      Require.positive(experts, layerTitle(), "experts", "use 8 to 64");
      this.experts = experts;
      return this;
    }

    /**
     * Experts that a token goes through; default 2.
     *
     * @param topK from 1 to experts
     * @return this builder
     * @throws IllegalArgumentException if topK is not positive
     */
    public Builder topK(int topK) {
      Require.positive(topK, layerTitle(), "topK", "use 2, or 8 of 64 small experts");
      this.topK = topK;
      return this;
    }

    /**
     * Features of the hidden layer of one expert; 8/3 of nIn / topK gives the cost of a plain
     * feed-forward block of 4 nIn.
     *
     * @param hiddenSize at least 1
     * @return this builder
     * @throws IllegalArgumentException if hiddenSize is not positive
     */
    public Builder hiddenSize(long hiddenSize) {
      Require.positive(hiddenSize, layerTitle(), "hiddenSize", "use about 8/3 of nIn / topK");
      this.hiddenSize = hiddenSize;
      return this;
    }

    /**
     * Whether the weights of a token's experts are divided by their sum; default false. With topK 1
     * they are then all 1, and the router learns from the load-balance loss alone.
     *
     * @param normalizeTopK true for weights that sum to 1
     * @return this builder
     */
    public Builder normalizeTopK(boolean normalizeTopK) {
      this.normalizeTopK = normalizeTopK;
      return this;
    }

    /**
     * Coefficient of the load-balance loss; default 0.01.
     *
     * @param balanceLoss 0 for none, or a positive number
     * @return this builder
     * @throws IllegalArgumentException if it is negative, infinite or NaN
     */
    public Builder balanceLoss(double balanceLoss) {
      Require.that(
          balanceLoss >= 0 && balanceLoss < Double.POSITIVE_INFINITY,
          layerTitle(),
          "balanceLoss",
          "0 or a positive number",
          balanceLoss,
          "use 0.01");
      this.balanceLoss = balanceLoss;
      return this;
    }

    @Override
    String layerTitle() {
      return "MixtureOfExperts";
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if experts or hiddenSize was not set, or topK is greater
     *     than experts
     */
    @Override
    public MixtureOfExperts build() {
      Require.positive(experts, layerTitle(), "experts", "call experts(...)");
      Require.positive(hiddenSize, layerTitle(), "hiddenSize", "call hiddenSize(...)");
      Require.that(
          topK <= experts,
          layerTitle(),
          "topK",
          "1 to experts = " + experts,
          topK,
          "change topK(...) or experts(...)");
      return new MixtureOfExperts(this);
    }
  }
}
