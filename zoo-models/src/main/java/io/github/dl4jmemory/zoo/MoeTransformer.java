package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.MixtureOfExperts;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * A decoder language model whose feed-forward layers are mixtures of experts, as a DL4J zoo model:
 * {@link MemoryTransformer} with a {@link MixtureOfExperts} in the place of every SwiGLU. Inputs,
 * labels and names of the vertices are those of the dense MemoryTransformer; so are {@link
 * MemoryTransformer#save} and {@link MemoryTransformer#load}, which take this network too.
 *
 * <pre>{@code
 * ComputationGraph model =
 *     MoeTransformer.builder().vocabulary(1024).model(64).experts(8).hidden(88).build().init();
 * }</pre>
 *
 * <p>Immutable. Source: Muennighoff et al., OLMoE, arXiv 2409.02060 (experts in every block, no
 * dropped tokens, load-balance loss).
 */
@SuppressWarnings("unchecked") // DL4J declares <M extends Model> M init()
public final class MoeTransformer extends TokenZooModel {
  private static final String OWNER = "MoeTransformer";

  private final TransformerSettings settings;
  private final ExpertSettings experts;

  private MoeTransformer(TransformerSettings settings, ExpertSettings experts) {
    this.settings = settings;
    this.experts = experts;
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
   * Configuration of the graph.
   *
   * @return a new configuration
   */
  public ComputationGraphConfiguration conf() {
    return new TransformerGraph(settings, experts, null).conf();
  }

  /**
   * A new network with random parameters, ready to train: row-sparse training of the embedding is
   * attached.
   *
   * @return an initialised graph
   */
  @Override
  public ComputationGraph init() {
    return MemoryTransformer.network(conf());
  }

  /**
   * Multiply-adds of one forward pass for one token, as {@link
   * MemoryTransformer#multiplyAddsPerToken} counts them; a feed-forward layer has {@code model
   * experts + 3 topK model hidden}.
   *
   * @return multiply-adds per token
   */
  @Override
  public long multiplyAddsPerToken() {
    return new TransformerCost(settings, experts, null).multiplyAddsPerToken();
  }

  /**
   * Number of trained parameters, counted without making them.
   *
   * @return the number that {@code init().numParams()} has
   */
  @Override
  public long parameterCount() {
    return new TransformerCost(settings, experts, null).parameterCount();
  }

  /** Settings of a {@link MoeTransformer}; {@link #build} checks them against each other. */
  public static final class Builder extends TransformerBuilder<Builder> {
    private int experts = 8;
    private int topK = 2;
    private boolean normalizeTopK;
    private double balanceLoss = 0.01;

    private Builder() {}

    /**
     * Experts of a feed-forward layer; default 8.
     *
     * @param experts at least topK
     * @return this builder
     */
    public Builder experts(int experts) {
      this.experts = experts;
      return this;
    }

    /**
     * Experts that a token goes through; default 2.
     *
     * @param topK from 1 to experts
     * @return this builder
     */
    public Builder topK(int topK) {
      this.topK = topK;
      return this;
    }

    /**
     * Whether the weights of a token's experts are divided by their sum; default false.
     *
     * @param normalizeTopK true for weights that sum to 1
     * @return this builder
     */
    public Builder normalizeTopK(boolean normalizeTopK) {
      this.normalizeTopK = normalizeTopK;
      return this;
    }

    /**
     * Coefficient of the load-balance loss of every feed-forward layer; default 0.01.
     *
     * @param balanceLoss 0 for none, or a positive number
     * @return this builder
     */
    public Builder balanceLoss(double balanceLoss) {
      this.balanceLoss = balanceLoss;
      return this;
    }

    /**
     * Checks the settings and makes the model.
     *
     * @return the model; later changes of this builder do not change it
     * @throws IllegalArgumentException when a setting is out of range, or settings contradict
     */
    public MoeTransformer build() {
      Require.that(
          topK >= 1 && topK <= experts,
          OWNER,
          "topK",
          "1 to experts = " + experts,
          topK,
          "change topK(...) or experts(...)");
      Require.that(
          balanceLoss >= 0 && balanceLoss < Double.POSITIVE_INFINITY,
          OWNER,
          "balanceLoss",
          "0 or a positive number",
          balanceLoss,
          "use 0.01");
      return new MoeTransformer(
          dense(OWNER), new ExpertSettings(experts, topK, normalizeTopK, balanceLoss));
    }
  }
}
