package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.SDMemory;
import java.util.Map;
import java.util.Objects;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Rows of a table, one for each token id: {@code out[batch, time] = W[ids[batch, time]]}.
 *
 * <p>Input: ids {@code [batch, time]}, {@code [batch, time, 1]} or {@code [batch, 1, time]}, as
 * FLOAT (exact for vocabularies up to 2^24), DOUBLE, INT or LONG. Output {@code [batch, time,
 * nOut]} (NWC). Parameter {@code W} [vocabulary, nOut], weight initialisation of the builder
 * (default Xavier). A masked time step (mask [batch, time]) gives zeros and takes no gradient; its
 * id is not looked at.
 *
 * <p>With Adam or Sgd the table is trained by the rows that a step reads: the cost of a step does
 * not depend on the vocabulary, and Adam's state of the other rows does not change. Regularisation
 * is not applied to the table then. Other updaters work, at the cost of a pass over the table.
 *
 * <p>Cost: one row read a token forward, one row updated for each distinct id backward.
 */
public final class TokenEmbedding extends DefinedLayer {

  private static final long serialVersionUID = 1L;

  static final String W = "W";

  private long vocabulary;
  private long nOut;

  /** For Jackson. */
  private TokenEmbedding() {}

  private TokenEmbedding(Builder builder) {
    super(builder);
    vocabulary = builder.vocabulary;
    nOut = builder.nOut;
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
   * Rows of the table.
   *
   * @return vocabulary
   */
  public long getVocabulary() {
    return vocabulary;
  }

  /**
   * Features of the output.
   *
   * @return nOut
   */
  public long getNOut() {
    return nOut;
  }

  @Override
  void requireComplete() {
    RowTable.requireSize(title(), "vocabulary", vocabulary, nOut);
  }

  @Override
  public void defineParameters(SDLayerParams params) {
    params.addWeightParam(W, vocabulary, nOut);
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    initializeMatrix(W, params.get(W));
  }

  @Override
  public InputType getOutputType(int layerIndex, InputType type) {
    long time =
        type instanceof InputType.InputTypeRecurrent sequence
            ? sequence.getTimeSeriesLength()
            : type.arrayElementsPerExample();
    return InputType.recurrent(nOut, time, RNNFormat.NWC);
  }

  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable input, Map<String, SDVariable> parameters, SDVariable mask) {
    SDVariable table = parameters.get(W);
    SDVariable slots = sd.reshape(input.castTo(DataType.INT64), -1, 1);
    SDVariable ones = sd.onesLike(slots).castTo(table.dataType());
    SDVariable rows = SDMemory.weightedBag(sd, input.name() + "_rows", table, slots, ones);
    SDVariable batch = sd.stridedSlice(input.shape(), new long[] {0}, new long[] {1}, 1);
    SDVariable rest = sd.constant(Nd4j.createFromArray(-1L, nOut));
    SDVariable out = sd.reshape(rows, sd.concat(0, batch, rest));
    return mask == null ? out : out.mul(sd.expandDims(mask, -1).castTo(out.dataType()));
  }

  @Override
  LayerRuntime<?> runtime(NeuralNetConfiguration conf, DataType dataType) {
    return new TokenEmbeddingRuntime(conf, dataType);
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other)
        && vocabulary == ((TokenEmbedding) other).vocabulary
        && nOut == ((TokenEmbedding) other).nOut;
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), vocabulary, nOut);
  }

  /** Settings of a {@link TokenEmbedding}; {@link #build} checks them against each other. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder
      extends org.deeplearning4j.nn.conf.layers.samediff.SameDiffLayer.Builder<Builder> {

    private static final String TITLE = "TokenEmbedding";

    private long vocabulary;
    private long nOut;

    private Builder() {}

    /**
     * Number of token ids.
     *
     * @param vocabulary at least 1
     * @return this builder
     * @throws IllegalArgumentException if vocabulary is not positive
     */
    public Builder vocabulary(long vocabulary) {
      Require.positive(vocabulary, TITLE, "vocabulary", "use the tokenizer's number of tokens");
      this.vocabulary = vocabulary;
      return this;
    }

    /**
     * Features of a token.
     *
     * @param nOut at least 1
     * @return this builder
     * @throws IllegalArgumentException if nOut is not positive
     */
    public Builder nOut(long nOut) {
      Require.positive(nOut, TITLE, "nOut", "use the features of the layers that follow");
      this.nOut = nOut;
      return this;
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if vocabulary or nOut was not set
     */
    @Override
    public TokenEmbedding build() {
      Require.positive(vocabulary, TITLE, "vocabulary", "call vocabulary(...)");
      Require.positive(nOut, TITLE, "nOut", "call nOut(...)");
      return new TokenEmbedding(this);
    }
  }
}
