package io.github.dl4jmemory.layers;

import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.dataset.api.iterator.MultiDataSetIterator;

/**
 * Output layer of a language model: probabilities of the next token, and the loss against token
 * ids.
 *
 * <pre>
 * p = softmax(x W),   loss = mean over unmasked tokens of -log p[label]   (nats)
 * </pre>
 *
 * <p>Input {@code [batch, time, nIn]} (NWC), {@code [batch, nIn, time]} (NCW) or {@code [batch,
 * nIn]}, float or double; output {@code p}, the same with vocabulary in place of nIn. Parameter
 * {@code W} [nIn, vocabulary], weight initialisation of the builder (default Xavier).
 *
 * <p>Labels are token ids, never one-hot: {@code [batch, time]} (or {@code [batch]}, {@code [batch,
 * 1]} for input of rank 2), as FLOAT (exact for vocabularies up to 2^24), DOUBLE, INT or LONG. The
 * mask of the labels, [batch, time], says which tokens count; the label of a masked token (0) is
 * not looked at, and its probabilities are zero. As in DL4J's RnnOutputLayer, a mask of the
 * features alone does not mask the loss.
 *
 * <p><b>Minibatches.</b> DL4J divides all gradients by the number of examples, the batch. So this
 * layer's gradients are {@code batch / tokens} times those of the summed loss; after DL4J's
 * division they are the gradients of the mean over unmasked tokens, which is also the score. Where
 * the configuration says {@code miniBatch(false)}, DL4J does not divide, and neither is multiplied.
 * {@code computeScoreForExamples} gives the sum over the tokens of an example.
 *
 * <p>Logits are made in chunks of tokens, of about 2^20 values: memory for training does not grow
 * with {@code tokens * vocabulary}. Cost of a token: {@code nIn * vocabulary} multiply-adds for the
 * output, 3 times that for a training step.
 */
public final class NextTokenOutput extends TokenwiseLayer {

  private static final long serialVersionUID = 1L;

  static final String W = "W";

  /** For Jackson. */
  private NextTokenOutput() {}

  private NextTokenOutput(Builder builder) {
    super(builder);
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
   * Number of token ids.
   *
   * @return vocabulary, the same as nOut
   */
  public long getVocabulary() {
    return getNOut();
  }

  /**
   * Perplexity of a network whose only output is this layer: exp of the mean loss over all unmasked
   * tokens of the data.
   *
   * @param network network that ends in a NextTokenOutput
   * @param data batches with token ids as labels; read from its beginning
   * @return perplexity, at least 1
   * @throws IllegalArgumentException if the network ends in another layer, or no token is unmasked
   */
  public static double perplexity(ComputationGraph network, MultiDataSetIterator data) {
    NextTokenOutputRuntime<?> output = outputOf(network.getOutputLayer(0));
    Perplexity total = new Perplexity(output);
    data.reset();
    while (data.hasNext()) {
      network.score(data.next(), false);
      total.add();
    }
    return total.value();
  }

  /**
   * Perplexity of a network that ends in this layer: exp of the mean loss over all unmasked tokens
   * of the data.
   *
   * @param network network that ends in a NextTokenOutput
   * @param data batches with token ids as labels; read from its beginning
   * @return perplexity, at least 1
   * @throws IllegalArgumentException if the network ends in another layer, or no token is unmasked
   */
  public static double perplexity(MultiLayerNetwork network, DataSetIterator data) {
    NextTokenOutputRuntime<?> output = outputOf(network.getOutputLayer());
    Perplexity total = new Perplexity(output);
    data.reset();
    while (data.hasNext()) {
      network.score(data.next(), false);
      total.add();
    }
    return total.value();
  }

  private static NextTokenOutputRuntime<?> outputOf(Layer layer) {
    if (layer instanceof NextTokenOutputRuntime<?> output) {
      return output;
    }
    throw Require.refusal(
        "NextTokenOutput",
        "perplexity",
        "a network that ends in a NextTokenOutput",
        layer == null ? "none" : layer.getClass().getSimpleName(),
        "use the network's own score for other output layers");
  }

  /** Sum of losses over batches. */
  private static final class Perplexity {

    private final NextTokenOutputRuntime<?> output;
    private double loss;
    private long tokens;

    Perplexity(NextTokenOutputRuntime<?> output) {
      this.output = output;
    }

    void add() {
      loss += output.lossSum();
      tokens += output.lossTokens();
    }

    double value() {
      Require.that(
          tokens > 0,
          "NextTokenOutput",
          "perplexity",
          "at least one unmasked token",
          "0 tokens",
          "check the iterator and its label masks");
      return Math.exp(loss / tokens);
    }
  }

  @Override
  public void defineParameters(SDLayerParams params) {
    params.addWeightParam(W, getNIn(), getVocabulary());
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    initializeMatrix(W, params.get(W));
  }

  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable input, Map<String, SDVariable> parameters, SDVariable mask) {
    boolean sequence = GraphShapes.isSequence(input);
    boolean turn = isChannelsFirst(input);
    SDVariable x = turn ? input.permute(0, 2, 1) : input;
    SDVariable logits =
        GraphShapes.project(sd, sequence, x, parameters.get(W), getNIn(), getVocabulary());
    SDVariable p = sd.nn().softmax(logits, -1);
    return turn ? p.permute(0, 2, 1) : p;
  }

  @Override
  LayerRuntime<?> runtime(NeuralNetConfiguration conf, DataType dataType) {
    return new NextTokenOutputRuntime<>(conf, dataType, Reals.of(dataType));
  }

  /** Settings of a {@link NextTokenOutput}; {@link #build} checks them against each other. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder extends TokenwiseLayer.Builder<Builder> {

    private boolean vocabularySet;

    private Builder() {}

    /**
     * Number of token ids; the same as nOut.
     *
     * @param vocabulary at least 2
     * @return this builder
     * @throws IllegalArgumentException if vocabulary is less than 2
     */
    public Builder vocabulary(long vocabulary) {
      return nOut(vocabulary);
    }

    /**
     * Number of token ids; the same as vocabulary.
     *
     * @param nOut at least 2
     * @return this builder
     * @throws IllegalArgumentException if nOut is less than 2
     */
    @Override
    public Builder nOut(long nOut) {
      Require.that(
          nOut > 1,
          layerTitle(),
          "vocabulary",
          "at least 2 token ids",
          nOut,
          "use the tokenizer's number of tokens");
      vocabularySet = true;
      return super.nOut(nOut);
    }

    @Override
    String layerTitle() {
      return "NextTokenOutput";
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if vocabulary was not set
     */
    @Override
    public NextTokenOutput build() {
      Require.that(
          vocabularySet,
          layerTitle(),
          "vocabulary",
          "a number of token ids",
          "none",
          "call vocabulary(...)");
      return new NextTokenOutput(this);
    }
  }
}
