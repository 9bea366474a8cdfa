package io.github.dl4jmemory.layers;

import org.nd4j.shade.jackson.annotation.JsonCreator;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * What a {@link SeparatorCache} keeps of a sequence: its first {@code initial} tokens, its last
 * {@code separators} separators, and between {@code window} and {@code size - initial - separators}
 * of its last tokens. Sizes in tokens: a, s, w and c of Chen et al. 2025 (arXiv 2412.12094),
 * section 3.3.
 *
 * @param initial a, at least 0
 * @param separators s, at least 0; 0 with {@link CacheRule#STREAMING_LLM}
 * @param window w, at least 1; size - initial with {@link CacheRule#STREAMING_LLM}
 * @param size c, more than a + s + w; more than a with {@link CacheRule#STREAMING_LLM}
 * @param rule when tokens are dropped
 * @param keepsAllSeparators whether s and c grow by as many as s separators are exceeded by, for
 *     each row of a batch on its own, instead of the oldest being dropped
 * @param theta base of the rotary frequencies; not used where rotary is 0
 * @param rotary features of a head that turn, element i with element i + rotary/2 by {@code
 *     position * theta^(-2i/rotary)}; 0: queries and keys come with their positions, or have none
 * @param positions the positions that they turn to; not used where rotary is 0
 */
public record SeparatorCacheSettings(
    @JsonProperty("initial") int initial,
    @JsonProperty("separators") int separators,
    @JsonProperty("window") int window,
    @JsonProperty("size") int size,
    @JsonProperty("rule") CacheRule rule,
    @JsonProperty("keepsAllSeparators") boolean keepsAllSeparators,
    @JsonProperty("theta") double theta,
    @JsonProperty("rotary") int rotary,
    @JsonProperty("positions") KeyPositions positions) {

  private static final String TITLE = "SeparatorCacheSettings";

  /**
   * Checks the sizes against each other.
   *
   * @param initial a, at least 0
   * @param separators s, at least 0; 0 with {@link CacheRule#STREAMING_LLM}
   * @param window w, at least 1; size - initial with {@link CacheRule#STREAMING_LLM}
   * @param size c, more than a + s + w; more than a with {@link CacheRule#STREAMING_LLM}
   * @param rule when tokens are dropped
   * @param keepsAllSeparators whether s and c grow; never with {@link CacheRule#STREAMING_LLM}
   * @param theta more than 1, where rotary is not 0
   * @param rotary an even number, at least 0
   * @param positions the positions that features turn to
   * @throws IllegalArgumentException if one is out of its range
   */
  @JsonCreator
  public SeparatorCacheSettings {
    Require.that(rule != null, TITLE, "rule", "a rule", null, "use CacheRule.STREAMING");
    Require.that(
        positions != null, TITLE, "positions", "positions", null, "use KeyPositions.IN_CACHE");
    Require.that(initial >= 0, TITLE, "initial", "a number >= 0", initial, "use 4, or 0 for none");
    if (rule == CacheRule.STREAMING_LLM) {
      requireRecent(initial, separators, window, size, keepsAllSeparators);
    } else {
      requireSeparators(initial, separators, window, size);
    }
    Require.that(
        rotary >= 0 && rotary % 2 == 0,
        TITLE,
        "rotary",
        "an even number of features >= 0",
        rotary,
        "use the size of a head, or the part of it that turns");
    Require.that(
        rotary == 0 || theta > 1 && theta < Double.POSITIVE_INFINITY,
        TITLE,
        "theta",
        "a number greater than 1",
        theta,
        "use that of the model, such as 10000");
  }

  private static void requireSeparators(int initial, int separators, int window, int size) {
    Require.that(
        separators >= 0, TITLE, "separators", "a number >= 0", separators, "use 64, or 0 for none");
    Require.that(window >= 1, TITLE, "window", "a number >= 1", window, "use 224");
    long kept = (long) initial + separators + window;
    Require.that(
        size > kept && size < Integer.MAX_VALUE,
        TITLE,
        "size",
        "more than initial + separators + window = " + kept,
        size,
        "use a larger cache; what is more is room for the past window");
  }

  private static void requireRecent(
      int initial, int separators, int window, int size, boolean keepsAllSeparators) {
    Require.that(
        size > initial && size < Integer.MAX_VALUE,
        TITLE,
        "size",
        "more than the " + initial + " initial tokens",
        size,
        "use a larger cache");
    Require.that(
        separators == 0 && !keepsAllSeparators,
        TITLE,
        "separators",
        "none with CacheRule.STREAMING_LLM",
        keepsAllSeparators ? "all" : separators,
        "leave them away");
    Require.that(
        window == size - initial,
        TITLE,
        "window",
        "size - initial = " + (size - initial) + " with CacheRule.STREAMING_LLM",
        window,
        "leave window(...) away");
  }

  /**
   * Settings with which tokens attend, one after the other, as {@code MemoryOps.separatorAttention}
   * lets them attend at once: to the first tokens, to all separators and to exactly so many last
   * tokens; padding between two tokens does not count here. The cache grows by the separators of
   * the text, and moves its window at every step.
   *
   * @param initial first tokens, at least 0
   * @param window last tokens, the token itself among them, at least 1
   * @return a builder of these sizes, for what else is to be set
   */
  public static Builder likeAttention(int initial, int window) {
    return builder()
        .initial(initial)
        .separators(0)
        .window(window)
        .size(Math.addExact(Math.addExact(initial, window), 1))
        .rule(CacheRule.CACHE)
        .keepAllSeparators();
  }

  /** The same with rotary positions. */
  SeparatorCacheSettings withRotary(double base, int features) {
    return new SeparatorCacheSettings(
        initial, separators, window, size, rule, keepsAllSeparators, base, features, positions);
  }

  /**
   * Settings at their defaults.
   *
   * @return a new builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /** Settings of a {@link SeparatorCache}; {@link #build} checks them against each other. */
  public static final class Builder {

    private static final int UNSET = -1;

    private int initial = 4;
    private int separators = UNSET;
    private int window = UNSET;
    private int size = 324;
    private CacheRule rule = CacheRule.STREAMING;
    private boolean keepsAllSeparators;
    private double theta = 10000;
    private int rotary;
    private KeyPositions positions = KeyPositions.IN_CACHE;

    private Builder() {}

    /**
     * First tokens that are always kept; default 4.
     *
     * @param initial at least 0
     * @return this builder
     */
    public Builder initial(int initial) {
      this.initial = initial;
      return this;
    }

    /**
     * Last separators that are kept; default 64.
     *
     * @param separators at least 0
     * @return this builder
     */
    public Builder separators(int separators) {
      this.separators = separators;
      return this;
    }

    /**
     * Last tokens that are kept when others are dropped; default 224.
     *
     * @param window at least 1
     * @return this builder
     */
    public Builder window(int window) {
      this.window = window;
      return this;
    }

    /**
     * Tokens that are kept at most; default 324. The larger, the more seldom tokens are dropped.
     *
     * @param size more than initial, separators and window together
     * @return this builder
     */
    public Builder size(int size) {
      this.size = size;
      return this;
    }

    /**
     * When tokens are dropped; default {@link CacheRule#STREAMING}.
     *
     * @param rule the rule
     * @return this builder
     */
    public Builder rule(CacheRule rule) {
      this.rule = rule;
      return this;
    }

    /**
     * Drops no separator: the cache grows with the text, by its separators. Default: the oldest are
     * dropped, and the cache never grows.
     *
     * @return this builder
     */
    public Builder keepAllSeparators() {
      keepsAllSeparators = true;
      return this;
    }

    /**
     * The cache turns queries and keys by rotary positions; default: they come with their
     * positions.
     *
     * @param theta base of the frequencies, greater than 1
     * @param features features of a head that turn, even: all, or the first part of it
     * @return this builder
     */
    public Builder rotary(double theta, int features) {
      this.theta = theta;
      this.rotary = features;
      return this;
    }

    /**
     * The positions that rotary features turn to; default {@link KeyPositions#IN_CACHE}.
     *
     * @param positions the positions
     * @return this builder
     */
    public Builder positions(KeyPositions positions) {
      this.positions = positions;
      return this;
    }

    /**
     * The settings.
     *
     * @return settings that were checked
     * @throws IllegalArgumentException if a size is out of its range
     */
    public SeparatorCacheSettings build() {
      boolean recent = rule == CacheRule.STREAMING_LLM;
      return new SeparatorCacheSettings(
          initial,
          separators != UNSET ? separators : recent ? 0 : 64,
          window != UNSET ? window : recent ? size - initial : 224,
          size,
          rule,
          keepsAllSeparators,
          theta,
          rotary,
          positions);
    }
  }
}
