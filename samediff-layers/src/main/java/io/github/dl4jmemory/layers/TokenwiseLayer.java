package io.github.dl4jmemory.layers;

import java.util.Objects;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.preprocessor.CnnToFeedForwardPreProcessor;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A layer that treats every token alike: {@code [batch, nIn]}, {@code [batch, nIn, time]} (NCW) or
 * {@code [batch, time, nIn]} (NWC) to the same layout with nOut features. The layout of sequences
 * comes from the network's input type, or from the builder; without either it is NCW in a network,
 * as everywhere in DL4J, and features last ({@code [batch, time, nIn]}) on a SameDiff graph. A
 * masked time step (mask [batch, time], 0 is masked) gives zeros and takes no gradient.
 */
public abstract class TokenwiseLayer extends DefinedLayer {

  private static final long serialVersionUID = 1L;

  private long nIn;
  private long nOut;
  private RNNFormat rnnFormat;

  /** For Jackson. */
  TokenwiseLayer() {}

  TokenwiseLayer(Builder<?> builder) {
    super(builder);
    nIn = builder.nIn;
    nOut = builder.nOut;
    rnnFormat = builder.rnnFormat;
  }

  /**
   * Features of the input.
   *
   * @return nIn; 0 until the network's input type or the user has set it
   */
  public final long getNIn() {
    return nIn;
  }

  /**
   * Features of the output.
   *
   * @return nOut; nIn where the builder was given none, unless the layer says otherwise
   */
  public final long getNOut() {
    return nOut == 0 ? defaultNOut() : nOut;
  }

  /** nOut where the builder was given none. */
  long defaultNOut() {
    return nIn;
  }

  /**
   * Layout of sequences.
   *
   * @return NCW or NWC
   */
  public final RNNFormat getRnnFormat() {
    return rnnFormat == null ? RNNFormat.NCW : rnnFormat;
  }

  /** The layout that the builder or the input type asked for; null: neither has. */
  final RNNFormat givenFormat() {
    return rnnFormat;
  }

  /**
   * Whether a SameDiff definition has features on axis 1 of this sequence: only where the builder
   * or the input type asked for NCW. Without either they are on the last axis.
   */
  final boolean isChannelsFirst(SDVariable x) {
    return rnnFormat == RNNFormat.NCW && GraphShapes.isSequence(x);
  }

  @Override
  void requireComplete() {
    Require.positive(
        nIn, title(), "nIn", "call nIn(...), or setInputType(...) on the network configuration");
  }

  @Override
  public final InputType getOutputType(int layerIndex, InputType type) {
    if (type instanceof InputType.InputTypeRecurrent sequence) {
      requireFormat(sequence.getFormat());
      return InputType.recurrent(getNOut(), sequence.getTimeSeriesLength(), sequence.getFormat());
    }
    return InputType.feedForward(getNOut());
  }

  @Override
  public final void setNIn(InputType type, boolean override) {
    if (type instanceof InputType.InputTypeRecurrent sequence) {
      requireFormat(sequence.getFormat());
      rnnFormat = sequence.getFormat();
      setNIn(sequence.getSize(), override);
    } else {
      setNIn(type.arrayElementsPerExample(), override);
    }
  }

  private void setNIn(long size, boolean override) {
    if (nIn == 0 || override) {
      nIn = size;
      setLayerParams(null); // shapes are derived anew
    }
  }

  private void requireFormat(RNNFormat got) {
    Require.that(
        rnnFormat == null || got == null || rnnFormat == got,
        title(),
        "rnnFormat",
        "the layout " + rnnFormat + " that the builder was given",
        "an input type of layout " + got,
        "leave rnnFormat(...) away, it follows from the input type");
  }

  @Override
  public final InputPreProcessor getPreProcessorForInputType(InputType type) {
    if (type instanceof InputType.InputTypeConvolutional image) {
      return new CnnToFeedForwardPreProcessor(
          image.getHeight(), image.getWidth(), image.getChannels(), image.getFormat());
    }
    Require.that(
        !(type instanceof InputType.InputTypeConvolutional3D),
        title(),
        "input type",
        "feed-forward, recurrent or convolutional (2-D)",
        type,
        "add a preprocessor");
    return null;
  }

  @Override
  public final void validateInput(INDArray input) {
    Require.that(
        input.dataType().isFPType(),
        title(),
        "input",
        "floating point numbers",
        Require.describe(input),
        "cast the input, or put an embedding layer before this one");
    Require.that(
        input.rank() == 2 || input.rank() == 3,
        title(),
        "input",
        "rank 2 [batch, nIn] or rank 3 " + sequenceShape(),
        Require.describe(input),
        "add a preprocessor that makes it so");
    int axis = input.rank() == 3 && getRnnFormat() == RNNFormat.NWC ? 2 : 1;
    Require.that(
        input.size(axis) == nIn,
        title(),
        "input",
        nIn + " features on axis " + axis + (input.rank() == 3 ? " of " + sequenceShape() : ""),
        Require.describe(input),
        "set nIn(" + input.size(axis) + "), or the other rnnFormat if time stands on that axis");
  }

  private String sequenceShape() {
    return getRnnFormat() == RNNFormat.NWC ? "[batch, time, nIn]" : "[batch, nIn, time]";
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other)
        && nIn == ((TokenwiseLayer) other).nIn
        && getNOut() == ((TokenwiseLayer) other).getNOut()
        && getRnnFormat() == ((TokenwiseLayer) other).getRnnFormat();
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), nIn, getNOut());
  }

  /**
   * Settings that tokenwise layers share.
   *
   * @param <T> the builder itself
   */
  public abstract static class Builder<T extends Builder<T>>
      extends org.deeplearning4j.nn.conf.layers.samediff.SameDiffLayer.Builder<T> {

    private long nIn;
    private long nOut;
    private RNNFormat rnnFormat;

    /** Settings at their defaults. */
    Builder() {}

    /**
     * Features of the input; needed only where the network is not given an input type.
     *
     * @param nIn features, at least 1
     * @return this builder
     * @throws IllegalArgumentException if nIn is not positive
     */
    public T nIn(long nIn) {
      Require.positive(
          nIn, layerTitle(), "nIn", "leave nIn(...) away to take it from the input type");
      this.nIn = nIn;
      return self();
    }

    /**
     * Features of the output; default nIn.
     *
     * @param nOut features, at least 1
     * @return this builder
     * @throws IllegalArgumentException if nOut is not positive
     */
    public T nOut(long nOut) {
      Require.positive(nOut, layerTitle(), "nOut", "leave nOut(...) away for nOut = nIn");
      this.nOut = nOut;
      return self();
    }

    /**
     * Layout of sequences; needed only where the network is not given an input type.
     *
     * @param rnnFormat NCW [batch, nIn, time] or NWC [batch, time, nIn]
     * @return this builder
     */
    public T rnnFormat(RNNFormat rnnFormat) {
      this.rnnFormat = rnnFormat;
      return self();
    }

    /** Name of the layer class, for errors. */
    abstract String layerTitle();

    @SuppressWarnings("unchecked")
    final T self() {
      return (T) this;
    }
  }
}
