package io.github.dl4jmemory.layers;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * {@link UltraMem} as its authors changed it to stand in every block of a transformer: one head, a
 * query for each rank, pre-values, and one projection for all blocks:
 *
 * <pre>
 *   q[side, a], S, rows, columns, s[p], slots, row    as in {@link UltraMem}, with keySize features for each rank
 *   d(row) = &lt;P[row], x Wp&gt;
 *   out    = (sum over slots of d(row) * [s[1] * V[row, slice 1] | ... | s[cores] * V[row, slice cores]]) Wo
 * </pre>
 *
 * <p>A slot is a feed-forward network of inner width 1, without an activation. Expansion, cores,
 * filters, normalisation, convolution and the singular-value loss (by default none: its authors
 * dropped it) are those of {@link UltraMem}, and so is the training of V and P by touched rows.
 *
 * <p>Parameters: Wq [nIn, 2*rank*keySize] and K [1, 2, rank, sqrt(expansion)*subKeys, keySize]
 * normal with deviation 1/sqrt(keySize); C [1, cores, rank, rank], gains [rank, keySize] and Wc as
 * in {@link UltraMem}; Wp [nIn, preValueSize] normal with variance 2/(5 nIn), Wo [valueSize, nOut]
 * with 2/(5 nOut); V [subKeys², valueSize] and P [subKeys², preValueSize] normal with deviation
 * sigma,
 *
 * <pre>
 *   sigma⁴ = 0.2 * feedForwardRatio * nOut / (topK * (1 + variance) * preValueSize * valueSize * transformerLayers)
 * </pre>
 *
 * <p>where variance is that of the scores at the start, by simulation with the keys and cores
 * drawn. The output then varies like that of a feed-forward block whose hidden layer has
 * feedForwardRatio * nOut features. With a {@link TuckerMemoryBuilder#file file} V and P are in two
 * files, and the parameters FV and FP [1, 20] in their places are the fingerprints of these.
 *
 * <p>Cost per token, in multiply-adds: 2*nIn*rank*keySize + 2*sqrt(expansion)*subKeys*rank*(keySize
 * + 1) + topK²*rank*(cores + 1) + topK*(valueSize + preValueSize) + nIn*preValueSize +
 * valueSize*nOut.
 *
 * <p>Source: Huang et al., UltraMemV2, arXiv 2508.18756, section 3: equations 12 (one projection),
 * 15 (pre-values) and 26 (initialisation).
 */
public final class UltraMemV2 extends TuckerMemory {

  private static final long serialVersionUID = 1L;

  private long preValueSize;
  private double feedForwardRatio;

  /** For Jackson. */
  private UltraMemV2() {}

  private UltraMemV2(Builder builder) {
    super(builder);
    preValueSize = builder.preValueSize;
    feedForwardRatio = builder.feedForwardRatio;
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
   * Features of a pre-value.
   *
   * @return preValueSize; valueSize where the builder was given none
   */
  public long getPreValueSize() {
    return preValueSize == 0 ? getValueSize() : preValueSize;
  }

  /**
   * Hidden features of the transformer's feed-forward blocks over nOut, for the deviation of new
   * values.
   *
   * @return feedForwardRatio
   */
  public double getFeedForwardRatio() {
    return feedForwardRatio;
  }

  @Override
  long rankKeySize() {
    return getKeySize();
  }

  @Override
  int outputBlocks() {
    return 1;
  }

  @Override
  long preValueWidth() {
    return getPreValueSize();
  }

  @Override
  long defaultValueSize() {
    return getNOut() / 4;
  }

  @Override
  double valuesDeviation(StartingScores scores) {
    double reads = (double) getTopK() * getHeads() * (1 + scores.relativeVariance());
    double widths = (double) getPreValueSize() * getValueSize();
    double fourth = 0.2 * feedForwardRatio * getNOut() / (reads * widths * getTransformerLayers());
    return Math.sqrt(Math.sqrt(fourth));
  }

  @Override
  void initializeValues(Map<String, INDArray> params, StartingScores scores) {
    double deviation = valuesDeviation(scores);
    tables().initialise(params, VALUES, deviation);
    tables().initialise(params, PRE_VALUES, deviation);
    ProductKeyLookup.normal(params.get(PRE_INPUT), Math.sqrt(0.4 / getNIn()));
    ProductKeyLookup.normal(params.get(OUTPUT), Math.sqrt(0.4 / getNOut()));
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other)
        && other instanceof UltraMemV2 that
        && getPreValueSize() == that.getPreValueSize()
        && Double.compare(feedForwardRatio, that.feedForwardRatio) == 0;
  }

  @Override
  public int hashCode() {
    return super.hashCode();
  }

  /** Settings of an {@link UltraMemV2}; {@link #build} checks them against each other. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder extends TuckerMemoryBuilder<Builder> {

    private long preValueSize;
    private double feedForwardRatio = 4;

    private Builder() {
      super(1, 32, 0);
    }

    /**
     * Features of a pre-value; default valueSize. Its authors found a third of valueSize best.
     *
     * @param preValueSize at least 1
     * @return this builder
     * @throws IllegalArgumentException if preValueSize is not positive
     */
    public Builder preValueSize(long preValueSize) {
      Require.positive(
          preValueSize,
          layerTitle(),
          "preValueSize",
          "leave preValueSize(...) away for preValueSize = valueSize");
      this.preValueSize = preValueSize;
      return this;
    }

    /**
     * Hidden features of the transformer's feed-forward blocks over nOut; default 4. New values are
     * drawn so that the memory's output is as large as theirs.
     *
     * @param ratio a positive number
     * @return this builder
     * @throws IllegalArgumentException if ratio is not a positive number
     */
    public Builder feedForwardRatio(double ratio) {
      Require.that(
          ratio > 0 && ratio < Double.POSITIVE_INFINITY,
          layerTitle(),
          "feedForwardRatio",
          "a positive number",
          ratio,
          "use 4");
      this.feedForwardRatio = ratio;
      return this;
    }

    @Override
    String layerTitle() {
      return "UltraMemV2";
    }

    /**
     * Checks the settings and makes the layer.
     *
     * @return the configuration of the layer
     * @throws IllegalArgumentException if a setting is out of range, or settings contradict
     */
    @Override
    public UltraMemV2 build() {
      requireSettings();
      return new UltraMemV2(this);
    }
  }
}
