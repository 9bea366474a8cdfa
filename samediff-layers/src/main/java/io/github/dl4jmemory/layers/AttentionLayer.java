package io.github.dl4jmemory.layers;

import java.util.Map;
import java.util.Objects;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What {@link CausalAttention} and {@link SeparatorAttention} share: heads, rotary positions, and
 * parameters of the same names and shapes, for {@code model} features: {@code Wq} [model, model],
 * {@code Wk}, {@code Wv} [model, keyValueHeads * headSize], {@code Wo} [model, model].
 */
public abstract class AttentionLayer extends TokenwiseLayer {

  private static final long serialVersionUID = 1L;

  static final String WQ = "Wq";
  static final String WK = "Wk";
  static final String WV = "Wv";
  static final String WO = "Wo";

  private int heads;
  private int keyValueHeads;
  private double theta;
  private double rotaryFraction = 1;

  /** For Jackson. */
  AttentionLayer() {}

  AttentionLayer(Builder<?> builder) {
    super(builder);
    heads = builder.heads;
    keyValueHeads = builder.keyValueHeads == 0 ? builder.heads : builder.keyValueHeads;
    theta = builder.theta;
    rotaryFraction = builder.rotaryFraction;
  }

  /**
   * Heads of the queries.
   *
   * @return heads
   */
  public final int getHeads() {
    return heads;
  }

  /**
   * Heads of the keys and values.
   *
   * @return keyValueHeads, a divisor of heads
   */
  public final int getKeyValueHeads() {
    return keyValueHeads;
  }

  /**
   * Base of the rotary frequencies.
   *
   * @return theta
   */
  public final double getTheta() {
    return theta;
  }

  /**
   * Part of a head that rotary positions turn.
   *
   * @return rotaryFraction
   */
  public final double getRotaryFraction() {
    return rotaryFraction;
  }

  /** Features that are projected: model. */
  abstract long width();

  final int headSize() {
    return Math.toIntExact(width() / heads);
  }

  final long keyWidth() {
    return (long) keyValueHeads * headSize();
  }

  /** The first elements of a head, which are turned; cut down as GPT-NeoX does. */
  final int rotarySize() {
    return (int) (headSize() * rotaryFraction);
  }

  /** Refuses widths that do not fall into heads, and heads without pairs to turn. */
  final void requireParts(String width, String fix) {
    Require.that(
        width() > 0 && width() % (2L * heads) == 0,
        title(),
        "heads",
        "a number of heads that cuts " + width + " into even parts",
        heads,
        fix);
    Require.that(
        rotarySize() >= 2 && rotarySize() % 2 == 0,
        title(),
        "rotaryFraction",
        "a part of the " + headSize() + " elements of a head that is an even number of them",
        rotaryFraction,
        "use 1, or a fraction that gives 2 elements or more");
  }

  @Override
  public final void defineParameters(SDLayerParams params) {
    params.addWeightParam(WQ, width(), width());
    params.addWeightParam(WK, width(), keyWidth());
    params.addWeightParam(WV, width(), keyWidth());
    params.addWeightParam(WO, width(), width());
  }

  @Override
  public final void initializeParameters(Map<String, INDArray> params) {
    params.forEach(this::initializeMatrix);
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other)
        && heads == ((AttentionLayer) other).heads
        && keyValueHeads == ((AttentionLayer) other).keyValueHeads
        && Double.compare(theta, ((AttentionLayer) other).theta) == 0
        && Double.compare(rotaryFraction, ((AttentionLayer) other).rotaryFraction) == 0;
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), heads, keyValueHeads, theta, rotaryFraction);
  }

  /**
   * Settings that the attention layers share.
   *
   * @param <T> the builder itself
   */
  public abstract static class Builder<T extends Builder<T>> extends TokenwiseLayer.Builder<T> {

    private int heads;
    private int keyValueHeads;
    private double theta = 10000;
    private double rotaryFraction = 1;

    /** Settings at their defaults. */
    Builder() {}

    /**
     * Heads of the queries; {@code model / heads}, the size of a head, must be even.
     *
     * @param heads at least 1
     * @return this builder
     * @throws IllegalArgumentException if heads is not positive
     */
    public T heads(int heads) {
      Require.positive(heads, layerTitle(), "heads", "use 4, or nIn / 64");
      this.heads = heads;
      return self();
    }

    /**
     * Heads of the keys and values; default as many as heads. Fewer make the state of rnnTimeStep
     * smaller.
     *
     * @param keyValueHeads a divisor of heads
     * @return this builder
     * @throws IllegalArgumentException if keyValueHeads is not positive
     */
    public T keyValueHeads(int keyValueHeads) {
      Require.positive(keyValueHeads, layerTitle(), "keyValueHeads", "use a divisor of heads");
      this.keyValueHeads = keyValueHeads;
      return self();
    }

    /**
     * Base of the rotary frequencies; default 10000. Larger values keep far positions apart in long
     * sequences.
     *
     * @param theta greater than 1
     * @return this builder
     * @throws IllegalArgumentException if theta is not greater than 1 or not finite
     */
    public T theta(double theta) {
      Require.that(
          theta > 1 && theta < Double.POSITIVE_INFINITY,
          layerTitle(),
          "theta",
          "a number greater than 1",
          theta,
          "use 10000");
      this.theta = theta;
      return self();
    }

    /**
     * Part of a head that rotary positions turn, from its first element on; default 1, the whole
     * head as in Llama. GPT-NeoX and Pythia models turn 0.25.
     *
     * @param rotaryFraction above 0, at most 1
     * @return this builder
     * @throws IllegalArgumentException if rotaryFraction is none of these
     */
    public T rotaryFraction(double rotaryFraction) {
      Require.that(
          rotaryFraction > 0 && rotaryFraction <= 1,
          layerTitle(),
          "rotaryFraction",
          "a number above 0 and at most 1",
          rotaryFraction,
          "use 1, or 0.25 for GPT-NeoX");
      this.rotaryFraction = rotaryFraction;
      return self();
    }

    final void requireHeads() {
      Require.positive(heads, layerTitle(), "heads", "call heads(...)");
      Require.that(
          keyValueHeads == 0 || heads % keyValueHeads == 0,
          layerTitle(),
          "keyValueHeads",
          "a divisor of heads " + heads,
          keyValueHeads,
          "leave keyValueHeads(...) away for one to each head");
    }
  }
}
