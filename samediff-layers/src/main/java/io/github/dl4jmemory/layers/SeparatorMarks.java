package io.github.dl4jmemory.layers;

import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Which tokens are separators, for {@link SeparatorAttention}: {@code out[b, t] = 1} if {@code
 * ids[b, t]} is one of {@code separators}, else 0.
 *
 * <p>Input: token ids {@code [batch, time]}, {@code [batch, time, 1]} or {@code [batch, 1, time]},
 * as FLOAT (exact up to 2^24), DOUBLE, INT or LONG; output {@code [batch, time, 1]} (NWC). A masked
 * token (mask [batch, time], 0) is none, whatever its id. No parameters, no gradient.
 *
 * <p>Separators are told by their ids alone, never by the characters of a token. Source: Chen et
 * al. 2025, arXiv 2412.12094, section 4.1: the tokens {@code . , ? ! ; :}, space, tab and line
 * break of a tokenizer.
 *
 * <p>Cost: a search among the separators a token.
 */
public final class SeparatorMarks extends TokenMark {

  private static final long serialVersionUID = 1L;

  private static final long EXACT_IN_FLOAT = 1L << 24;

  private int[] separators;

  /** For Jackson. */
  private SeparatorMarks() {}

  private SeparatorMarks(Builder builder) {
    super(builder);
    separators = builder.separators;
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
   * Ids of the tokens that are separators.
   *
   * @return separators, ascending
   */
  public int[] getSeparators() {
    return separators.clone();
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
  double[] marks(String title, INDArray input, boolean[] keep, int time, long[] counts) {
    long most = input.dataType() == DataType.FLOAT ? EXACT_IN_FLOAT : Integer.MAX_VALUE;
    int[] ids = TokenIds.read(title, "input", input, most, keep);
    double[] marks = new double[ids.length];
    for (int i = 0; i < ids.length; i++) {
      boolean kept = keep == null || keep[i];
      marks[i] = kept && Arrays.binarySearch(separators, ids[i]) >= 0 ? 1 : 0;
    }
    return marks;
  }

  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable input, Map<String, SDVariable> parameters, SDVariable mask) {
    DataType type = input.dataType().isFPType() ? input.dataType() : DataType.FLOAT;
    SDVariable ids = sd.reshape(input.castTo(DataType.INT64), -1, 1);
    SDVariable all = sd.constant(Nd4j.createFromArray(separators).castTo(DataType.INT64));
    SDVariable rows = ids.eq(sd.expandDims(all, 0)).castTo(type).sum(true, 1);
    SDVariable batch = sd.stridedSlice(input.shape(), new long[] {0}, new long[] {1}, 1);
    SDVariable rest = sd.constant(Nd4j.createFromArray(-1L, 1L));
    SDVariable out = sd.reshape(rows, sd.concat(0, batch, rest));
    return mask == null ? out : out.mul(sd.expandDims(mask, -1).castTo(type));
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other) && Arrays.equals(separators, ((SeparatorMarks) other).separators);
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), Arrays.hashCode(separators));
  }

  /** Settings of {@link SeparatorMarks}. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder
      extends org.deeplearning4j.nn.conf.layers.samediff.SameDiffLayer.Builder<Builder> {

    private static final String TITLE = "SeparatorMarks";
    private static final String FIX =
        "pass the ids that the tokenizer gives to . , ? ! ; : and so on";

    private int[] separators = {};

    private Builder() {}

    /**
     * Ids of the tokens that are separators.
     *
     * @param ids at least one, none negative, in any order
     * @return this builder
     * @throws IllegalArgumentException if there is none, or one is negative
     */
    public Builder separators(int... ids) {
      Require.that(
          ids != null && ids.length > 0, TITLE, "separators", "at least one token id", "none", FIX);
      separators = IntStream.of(ids).sorted().distinct().toArray();
      Require.that(
          separators[0] >= 0, TITLE, "separators", "token ids of 0 or more", separators[0], FIX);
      return this;
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if separators were not set
     */
    @Override
    public SeparatorMarks build() {
      Require.that(
          separators.length > 0,
          TITLE,
          "separators",
          "at least one token id",
          "none",
          "call separators(...)");
      return new SeparatorMarks(this);
    }
  }
}
