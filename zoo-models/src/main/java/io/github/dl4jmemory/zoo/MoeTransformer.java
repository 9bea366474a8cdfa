package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.MixtureOfExperts;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;

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
  public static final class Builder {
    private final MemoryTransformer.Builder dense = MemoryTransformer.builder();
    private int experts = 8;
    private int topK = 2;
    private boolean normalizeTopK;
    private double balanceLoss = 0.01;

    private Builder() {}

    /**
     * Number of token ids; default 1024.
     *
     * @param vocabulary at least 2
     * @return this builder
     */
    public Builder vocabulary(long vocabulary) {
      dense.vocabulary(vocabulary);
      return this;
    }

    /**
     * Features of a token in the residual stream; default that of {@link MemoryTransformer}.
     *
     * @param model a multiple of 2 heads
     * @return this builder
     */
    public Builder model(int model) {
      dense.model(model);
      return this;
    }

    /**
     * Number of blocks; default that of {@link MemoryTransformer}.
     *
     * @param layers at least 1
     * @return this builder
     */
    public Builder layers(int layers) {
      dense.layers(layers);
      return this;
    }

    /**
     * Attention heads; default that of {@link MemoryTransformer}.
     *
     * @param heads at least 1
     * @return this builder
     */
    public Builder heads(int heads) {
      dense.heads(heads);
      return this;
    }

    /**
     * Hidden features of one expert; default those of {@link MemoryTransformer}'s feed-forward
     * layers. That number divided by topK gives a model of the same compute.
     *
     * @param hidden at least 1
     * @return this builder
     */
    public Builder hidden(int hidden) {
      dense.hidden(hidden);
      return this;
    }

    /**
     * Longest sequence trained on, for {@link #multiplyAddsPerToken}; the network takes any length.
     *
     * @param context at least 1
     * @return this builder
     */
    public Builder context(int context) {
      dense.context(context);
      return this;
    }

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
     * Learning rate (Adam, beta1 0.9, beta2 0.98); default that of {@link MemoryTransformer}.
     *
     * @param learningRate positive
     * @return this builder
     */
    public Builder learningRate(double learningRate) {
      dense.learningRate(learningRate);
      return this;
    }

    /**
     * The learning rate rises over the first {@code warmup} steps and falls to zero at {@code
     * steps}; default constant.
     *
     * @param warmup 0 to steps
     * @param steps at least 1, or 0 for a constant rate
     * @return this builder
     */
    public Builder schedule(int warmup, int steps) {
      dense.schedule(warmup, steps);
      return this;
    }

    /**
     * Seed of the random parameters; default 1.
     *
     * @param seed any
     * @return this builder
     */
    public Builder seed(long seed) {
      dense.seed(seed);
      return this;
    }

    /**
     * Type of parameters and activations; default FLOAT.
     *
     * @param dataType FLOAT or DOUBLE
     * @return this builder
     */
    public Builder dataType(DataType dataType) {
      dense.dataType(dataType);
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
          dense.settings(OWNER), new ExpertSettings(experts, topK, normalizeTopK, balanceLoss));
    }
  }
}
