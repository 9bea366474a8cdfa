package io.github.dl4jmemory.layers;

import java.util.Map;
import java.util.Objects;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Every so manieth token, whatever it is, in the place of separators (FixLLM): what {@link
 * SeparatorAttention} owes to separators shows against it. Behind the first {@code initial} tokens,
 * the last token of every {@code interval} is marked:
 *
 * <pre>
 * out[b, t] = 1 if n = t + 1 - initial is positive and a multiple of interval, else 0
 * </pre>
 *
 * <p>so that, with {@code initial} of the attention, a text of {@code time} tokens keeps {@code
 * initial + window + floor((time - initial - window) / interval)} keys.
 *
 * <p>Input: token ids {@code [batch, time]}, {@code [batch, time, 1]} or {@code [batch, 1, time]},
 * of which nothing is read but where they are; output {@code [batch, time, 1]} (NWC). A masked
 * token (mask [batch, time], 0) is not counted and gets 0. No parameters, no gradient. {@code
 * rnnTimeStep} goes on counting; its state is {@code counts} LONG [batch], the tokens so far.
 *
 * <p>Cost: a count a token.
 *
 * <p>Source: Chen et al. 2025, arXiv 2412.12094, section 4.7 and appendix I, with intervals of 4
 * and 5.
 */
public final class IntervalMarks extends TokenMark {

  private static final long serialVersionUID = 1L;

  private int interval;
  private int initial;

  /** For Jackson. */
  private IntervalMarks() {}

  private IntervalMarks(Builder builder) {
    super(builder);
    interval = builder.interval;
    initial = builder.initial;
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
   * Of how many tokens one is marked.
   *
   * @return interval
   */
  public int getInterval() {
    return interval;
  }

  /**
   * First tokens that are not counted.
   *
   * @return initial
   */
  public int getInitial() {
    return initial;
  }

  @Override
  String inputTitle() {
    return "token ids";
  }

  @Override
  String inputFix() {
    return "pass ids, not one-hot vectors or embeddings";
  }

  @Override
  boolean counts() {
    return true;
  }

  /** {@inheritDoc} The count of a row are its tokens so far. */
  @Override
  double[] marks(String title, INDArray input, boolean[] keep, int time, long[] counts) {
    double[] marks = new double[counts.length * time];
    for (int i = 0; i < marks.length; i++) {
      if (keep == null || keep[i]) {
        long behind = ++counts[i / time] - initial;
        marks[i] = behind > 0 && behind % interval == 0 ? 1 : 0;
      }
    }
    return marks;
  }

  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable input, Map<String, SDVariable> parameters, SDVariable mask) {
    DataType type = input.dataType().isFPType() ? input.dataType() : DataType.FLOAT;
    SDVariable batch = sd.stridedSlice(input.shape(), new long[] {0}, new long[] {1}, 1);
    SDVariable rest = sd.constant(Nd4j.createFromArray(-1L));
    SDVariable ids = sd.reshape(input, sd.concat(0, batch, rest));
    SDVariable kept = (mask == null ? sd.onesLike(ids) : mask).castTo(type);
    SDVariable behind = sd.cumsum(kept, false, false, 1).sub(initial);
    SDVariable whole = behind.div(interval);
    SDVariable marked =
        behind.gt(0).castTo(type).mul(whole.eq(sd.math().floor(whole)).castTo(type));
    return sd.expandDims(marked.mul(kept), -1);
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other)
        && interval == ((IntervalMarks) other).interval
        && initial == ((IntervalMarks) other).initial;
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), interval, initial);
  }

  /** Settings of {@link IntervalMarks}. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder
      extends org.deeplearning4j.nn.conf.layers.samediff.SameDiffLayer.Builder<Builder> {

    private static final String TITLE = "IntervalMarks";

    private int interval;
    private int initial = 3;

    private Builder() {}

    /**
     * Of how many tokens one is marked.
     *
     * @param interval at least 1
     * @return this builder
     * @throws IllegalArgumentException if interval is not positive
     */
    public Builder interval(int interval) {
      Require.positive(interval, TITLE, "interval", "use 8, or what separators are apart");
      this.interval = interval;
      return this;
    }

    /**
     * First tokens that are not counted; default 3, that of {@link SeparatorAttention}.
     *
     * @param initial at least 0
     * @return this builder
     * @throws IllegalArgumentException if initial is negative
     */
    public Builder initial(int initial) {
      Require.that(
          initial >= 0, TITLE, "initial", "a number >= 0", initial, "use that of the attention");
      this.initial = initial;
      return this;
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if interval was not set
     */
    @Override
    public IntervalMarks build() {
      Require.positive(interval, TITLE, "interval", "call interval(...)");
      return new IntervalMarks(this);
    }
  }
}
