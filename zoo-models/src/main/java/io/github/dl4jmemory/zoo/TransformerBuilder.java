package io.github.dl4jmemory.zoo;

import org.nd4j.linalg.api.buffer.DataType;

/**
 * Settings that a transformer takes over from the dense {@link MemoryTransformer}.
 *
 * @param <T> the builder itself
 */
public abstract class TransformerBuilder<T extends TransformerBuilder<T>> {
  private final MemoryTransformer.Builder dense = MemoryTransformer.builder();

  /** Settings at their defaults. */
  TransformerBuilder() {}

  /**
   * Number of token ids; default 1024.
   *
   * @param vocabulary at least 2
   * @return this builder
   */
  public final T vocabulary(long vocabulary) {
    dense.vocabulary(vocabulary);
    return self();
  }

  /**
   * Features of a token in the residual stream; default that of {@link MemoryTransformer}.
   *
   * @param model a multiple of 2 heads
   * @return this builder
   */
  public final T model(int model) {
    dense.model(model);
    return self();
  }

  /**
   * Number of blocks; default that of {@link MemoryTransformer}.
   *
   * @param layers at least 1
   * @return this builder
   */
  public final T layers(int layers) {
    dense.layers(layers);
    return self();
  }

  /**
   * Attention heads; default that of {@link MemoryTransformer}.
   *
   * @param heads at least 1
   * @return this builder
   */
  public final T heads(int heads) {
    dense.heads(heads);
    return self();
  }

  /**
   * Hidden features of the feed-forward layers, or of one expert; default that of {@link
   * MemoryTransformer}. Of a mixture of experts, that number divided by topK gives a model of the
   * same compute.
   *
   * @param hidden at least 1
   * @return this builder
   */
  public final T hidden(int hidden) {
    dense.hidden(hidden);
    return self();
  }

  /**
   * Longest sequence trained on, for {@link TokenZooModel#multiplyAddsPerToken}; the network takes
   * any length.
   *
   * @param context at least 1
   * @return this builder
   */
  public final T context(int context) {
    dense.context(context);
    return self();
  }

  /**
   * Learning rate (Adam, beta1 0.9, beta2 0.98) of all but the values; default that of {@link
   * MemoryTransformer}.
   *
   * @param learningRate positive
   * @return this builder
   */
  public final T learningRate(double learningRate) {
    dense.learningRate(learningRate);
    return self();
  }

  /**
   * The learning rate rises over the first {@code warmup} steps and falls to zero at {@code steps};
   * default constant.
   *
   * @param warmup 0 to steps
   * @param steps at least 1, or 0 for a constant rate
   * @return this builder
   */
  public final T schedule(int warmup, int steps) {
    dense.schedule(warmup, steps);
    return self();
  }

  /**
   * Seed of the random parameters; default 1.
   *
   * @param seed any
   * @return this builder
   */
  public final T seed(long seed) {
    dense.seed(seed);
    return self();
  }

  /**
   * Type of parameters and activations; default FLOAT.
   *
   * @param dataType FLOAT or DOUBLE
   * @return this builder
   */
  public final T dataType(DataType dataType) {
    dense.dataType(dataType);
    return self();
  }

  /** The settings, checked, for the zoo model that errors name. */
  final TransformerSettings dense(String owner) {
    return dense.settings(owner);
  }

  @SuppressWarnings("unchecked") // T is the builder itself
  private T self() {
    return (T) this;
  }
}
