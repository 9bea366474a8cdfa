package io.github.dl4jmemory.layers;

import java.util.Map;
import java.util.Objects;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The place of each token in its segment: 0 for the first token and for the one behind a separator,
 * 1 for the next, and so on; a separator is the last token of its segment. Behind it, a {@link
 * TokenEmbedding} of {@code positions} rows learns the intra-segment positions of bilevel position
 * encoding (BiPE), whose inter-segment positions are {@link
 * SeparatorAttention.Builder#bilevelPositions}:
 *
 * <pre>{@code
 * graph.addLayer("separators", SeparatorMarks.builder().separators(ids).build(), "ids")
 *     .addLayer("place", SegmentPositions.builder().positions(512).build(), "separators")
 *     .addLayer("placed", TokenEmbedding.builder().vocabulary(512).nOut(model).build(), "place")
 *     .addVertex("embedded", new ElementWiseVertex(Op.Add), "embedding", "placed")
 * }</pre>
 *
 * <p>Input: the flags of {@link SeparatorMarks}, {@code [batch, time]}, {@code [batch, time, 1]} or
 * {@code [batch, 1, time]}; output {@code [batch, time, 1]} (NWC). Masked tokens are not counted
 * and get 0. No parameters, no gradient. {@code rnnTimeStep} goes on in the segment where the last
 * step ended; its state is {@code counts} LONG [batch], the place of the next token.
 *
 * <p>Source: He et al. 2024, arXiv 2401.16421, with the separators of Chen et al. 2025, arXiv
 * 2412.12094.
 */
public final class SegmentPositions extends TokenMark {

  private static final long serialVersionUID = 1L;

  private int positions;

  /** For Jackson. */
  private SegmentPositions() {}

  private SegmentPositions(Builder builder) {
    super(builder);
    positions = builder.positions;
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
   * Places that there are.
   *
   * @return positions
   */
  public int getPositions() {
    return positions;
  }

  @Override
  String inputTitle() {
    return "the flags of separators";
  }

  @Override
  String inputFix() {
    return "put this layer behind SeparatorMarks";
  }

  @Override
  boolean counts() {
    return true;
  }

  /** {@inheritDoc} The count of a row is the place of its next token. */
  @Override
  double[] marks(String title, INDArray input, boolean[] keep, int time, long[] counts) {
    byte[] kind = SeparatorFlags.read(title, input, keep);
    double[] marks = new double[kind.length];
    for (int i = 0; i < kind.length; i++) {
      if (kind[i] != AttentionSteps.PADDING) {
        int row = i / time;
        requireInside(title, counts[row], i);
        marks[i] = counts[row];
        counts[row] = kind[i] == AttentionSteps.SEPARATOR ? 0 : counts[row] + 1;
      }
    }
    return marks;
  }

  private void requireInside(String title, long place, int token) {
    Require.that(
        place < positions,
        title,
        "input",
        "segments of at most " + positions + " tokens",
        "a longer one, at token " + token,
        "set positions(...) and the TokenEmbedding behind to the longest sequence");
  }

  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable input, Map<String, SDVariable> parameters, SDVariable mask) {
    SDVariable batch = sd.stridedSlice(input.shape(), new long[] {0}, new long[] {1}, 1);
    SDVariable rest = sd.constant(Nd4j.createFromArray(-1L));
    DataType type = input.dataType();
    SDVariable flags =
        sd.reshape(input, sd.concat(0, batch, rest)).castTo(DataType.INT8).castTo(type);
    SDVariable kept = mask == null ? sd.onesLike(flags) : mask.castTo(type);
    SDVariable marks = flags.mul(kept);
    // the tokens before, less those up to the last separator before: the latest of all that end
    // an earlier segment, [batch, time, time]
    SDVariable before = sd.cumsum(kept, true, false, 1);
    SDVariable ends = marks.mul(before.add(1));
    SDVariable segment = sd.cumsum(marks, true, false, 1);
    SDVariable earlier = sd.expandDims(segment, 2).gt(sd.expandDims(segment, 1)).castTo(type);
    SDVariable start = sd.expandDims(ends, 1).mul(earlier).max(2);
    return sd.expandDims(before.sub(start).mul(kept), -1);
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other) && positions == ((SegmentPositions) other).positions;
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), positions);
  }

  /** Settings of {@link SegmentPositions}. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder
      extends org.deeplearning4j.nn.conf.layers.samediff.SameDiffLayer.Builder<Builder> {

    private static final String TITLE = "SegmentPositions";

    private int positions;

    private Builder() {}

    /**
     * Places that there are: the longest segment, for texts without separators the longest
     * sequence.
     *
     * @param positions at least 1
     * @return this builder
     * @throws IllegalArgumentException if positions is not positive
     */
    public Builder positions(int positions) {
      Require.positive(positions, TITLE, "positions", "use the length of the training sequences");
      this.positions = positions;
      return this;
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if positions was not set
     */
    @Override
    public SegmentPositions build() {
      Require.positive(positions, TITLE, "positions", "call positions(...)");
      return new SegmentPositions(this);
    }
  }
}
