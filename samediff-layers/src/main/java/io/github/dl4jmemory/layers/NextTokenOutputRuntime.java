package io.github.dl4jmemory.layers;

import static io.github.dl4jmemory.layers.Matrices.addProduct;
import static io.github.dl4jmemory.layers.Matrices.product;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.api.layers.IOutputLayer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Runtime of {@link NextTokenOutput}: logits in chunks of tokens; softmax, loss and its gradient on
 * heap arrays.
 *
 * @param <A> float[] or double[]
 */
final class NextTokenOutputRuntime<A> extends LayerRuntime<NextTokenOutput>
    implements IOutputLayer {

  private static final long serialVersionUID = 1L;

  private static final long CHUNK_VALUES = 1L << 20;
  private static final long LEAST_CHUNK = 64; // tokens

  private final transient Reals<A> reals;
  private transient A heap;
  private INDArray labels;
  private transient double[] losses; // one a token, 0 where masked; null: not computed
  private double lossSum;
  private long lossTokens;

  NextTokenOutputRuntime(NeuralNetConfiguration conf, DataType dataType, Reals<A> reals) {
    super(conf, dataType);
    this.reals = reals;
  }

  /** Summed loss of the batch that was scored last. */
  double lossSum() {
    return lossSum;
  }

  /** Unmasked tokens of the batch that was scored last. */
  long lossTokens() {
    return lossTokens;
  }

  @Override
  void forget() {
    losses = null;
  }

  // ----------------------------------------------------------------------------------- the output

  @Override
  public INDArray activate(boolean training, LayerWorkspaceMgr workspaces) {
    assertInputSet(false);
    layerConf().validateInput(input);
    applyDropOutIfNecessary(training, workspaces);
    TokenLayout layout = layout();
    long vocabulary = layerConf().getVocabulary();
    INDArray x = rows(layout);
    INDArray out =
        workspaces.createUninitialized(
            ArrayType.ACTIVATIONS, dataType, layout.shapeWith(vocabulary), 'c');
    INDArray all =
        layout.isDirect()
            ? layout.view(out, vocabulary)
            : Nd4j.createUninitialized(dataType, x.size(0), vocabulary);
    boolean[] keep = TokenIds.kept(title(), maskArray, x.size(0));
    forEachChunk(
        x,
        (from, to, chunk) -> {
          INDArray p = part(all, from, to);
          logits(chunk, p);
          eachRow(from, to, (row, at) -> probabilities(keep == null || keep[row], at));
          reals.write(heap, p);
        });
    if (!layout.isDirect()) {
      layout.scatter(all, out);
    }
    return out;
  }

  private void probabilities(boolean keep, int at) {
    int vocabulary = Math.toIntExact(layerConf().getVocabulary());
    if (keep) {
      reals.softmax(heap, at, vocabulary);
    } else {
      reals.fill(heap, at, at + vocabulary, 0);
    }
  }

  // ------------------------------------------------------------------------- the loss and backward

  @Override
  public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaces) {
    requireLabels();
    layerConf().validateInput(input);
    applyDropOutIfNecessary(true, workspaces);
    TokenLayout layout = layout();
    INDArray x = rows(layout);
    Targets targets = targets(x.size(0));
    long nIn = layerConf().getNIn();
    INDArray inputGradient =
        workspaces.createUninitialized(
            ArrayType.ACTIVATION_GRAD, dataType, layout.shapeWith(nIn), 'c');
    INDArray dx =
        layout.isDirect()
            ? layout.view(inputGradient, nIn)
            : Nd4j.createUninitialized(dataType, x.size(0), nIn);
    double[] computed = new double[targets.ids.length];
    double factor = targets.tokens == 0 ? 0 : divisor() / targets.tokens;
    INDArray dw = gradientOf(NextTokenOutput.W);
    INDArray w = getParam(NextTokenOutput.W);
    forEachChunk(
        x,
        (from, to, chunk) -> {
          INDArray p = scratch(to - from);
          logits(chunk, p);
          eachRow(from, to, (row, at) -> computed[row] = gradient(targets, row, at, factor));
          reals.write(heap, p);
          if (from == 0) {
            product(chunk.transpose(), p, dw);
          } else {
            addProduct(chunk.transpose(), p, dw);
          }
          product(p, w.transpose(), part(dx, from, to));
        });
    if (!layout.isDirect()) {
      layout.scatter(dx, inputGradient);
    }
    finish(computed, targets);
    return new Pair<>(gradients(), backpropDropOutIfPresent(inputGradient));
  }

  /** Turns the logits at {@code at} into their gradient; returns the token's loss. */
  private double gradient(Targets targets, int row, int at, double factor) {
    int vocabulary = Math.toIntExact(layerConf().getVocabulary());
    if (!targets.counts(row)) {
      reals.fill(heap, at, at + vocabulary, 0);
      return 0;
    }
    int target = at + targets.ids[row];
    double logit = reals.get(heap, target);
    double logSum = reals.softmax(heap, at, vocabulary);
    reals.set(heap, target, reals.get(heap, target) - 1);
    reals.scale(heap, at, vocabulary, factor);
    return logSum - logit;
  }

  /** What DL4J will divide the gradients by. */
  private double divisor() {
    return conf.isMiniBatch() ? labels.size(0) : 1;
  }

  /** Losses of the tokens: those that backward left, or computed anew. */
  private double[] losses(boolean training, LayerWorkspaceMgr workspaces) {
    requireLabels();
    if (losses != null) {
      return losses;
    }
    layerConf().validateInput(input);
    applyDropOutIfNecessary(training, workspaces);
    INDArray x = rows(layout());
    Targets targets = targets(x.size(0));
    double[] computed = new double[targets.ids.length];
    forEachChunk(
        x,
        (from, to, chunk) -> {
          logits(chunk, scratch(to - from));
          eachRow(from, to, (row, at) -> computed[row] = gradient(targets, row, at, 1));
        });
    finish(computed, targets);
    return computed;
  }

  private void finish(double[] computed, Targets targets) {
    losses = computed;
    lossSum = Arrays.stream(computed).sum();
    lossTokens = targets.tokens;
  }

  @Override
  public double computeScore(
      double regularization, boolean training, LayerWorkspaceMgr workspaces) {
    losses(training, workspaces);
    return score() + regularization;
  }

  @Override
  public double score() {
    return lossTokens == 0 ? 0 : lossSum / lossTokens;
  }

  /** {@inheritDoc} Row i is the summed loss of the tokens of example i. */
  @Override
  public INDArray computeScoreForExamples(double regularization, LayerWorkspaceMgr workspaces) {
    double[] all = losses(false, workspaces);
    int examples = Math.toIntExact(labels.size(0));
    int time = all.length / examples;
    INDArray sums = workspaces.createUninitialized(ArrayType.ACTIVATIONS, dataType, examples, 1);
    for (int i = 0; i < examples; i++) {
      double sum = Arrays.stream(all, i * time, (i + 1) * time).sum();
      sums.putScalar(i, 0, sum + regularization);
    }
    return sums;
  }

  // ------------------------------------------------------------------------------ chunks of tokens

  private interface Chunk {
    void run(int from, int to, INDArray x);
  }

  private interface Row {
    void run(int row, int at);
  }

  private void forEachChunk(INDArray x, Chunk action) {
    long vocabulary = layerConf().getVocabulary();
    int tokens = Math.toIntExact(x.size(0));
    int step = (int) Math.min(tokens, Math.max(LEAST_CHUNK, CHUNK_VALUES / vocabulary));
    heap = reals.atLeast(heap, step * vocabulary);
    for (int from = 0; from < tokens; from += step) {
      int to = Math.min(tokens, from + step);
      action.run(from, to, part(x, from, to));
    }
  }

  private void eachRow(int from, int to, Row action) {
    int vocabulary = Math.toIntExact(layerConf().getVocabulary());
    Parallel.forEach(to - from, i -> action.run(from + i, i * vocabulary));
  }

  private static INDArray part(INDArray rows, int from, int to) {
    return from == 0 && to == rows.size(0)
        ? rows
        : rows.get(NDArrayIndex.interval(from, to), NDArrayIndex.all());
  }

  private INDArray scratch(int tokens) {
    return Nd4j.createUninitialized(dataType, tokens, layerConf().getVocabulary());
  }

  /** The logits of a chunk: in {@code to}, and on the heap. */
  private void logits(INDArray x, INDArray to) {
    reals.read(product(x, getParam(NextTokenOutput.W), to), heap);
  }

  // ---------------------------------------------------------------------------- input and labels

  private TokenLayout layout() {
    return TokenLayout.of(title(), input, layerConf().getRnnFormat(), null);
  }

  private INDArray rows(TokenLayout layout) {
    return layout.rows(input.castTo(dataType));
  }

  /** Labels of the tokens; keep null means that all count. */
  private record Targets(int[] ids, boolean[] keep, long tokens) {

    boolean counts(int token) {
      return keep == null || keep[token];
    }
  }

  private Targets targets(long tokens) {
    Require.that(
        labels.length() == tokens && labels.rank() <= 3,
        title(),
        "labels",
        "one token id per token, " + tokens + " in all, of shape [batch, time]",
        Require.describe(labels),
        "pass ids, not one-hot vectors");
    boolean[] keep = TokenIds.kept(title(), maskArray, tokens);
    int[] ids = TokenIds.read(title(), "labels", labels, layerConf().getVocabulary(), keep);
    long counted =
        keep == null ? tokens : IntStream.range(0, ids.length).filter(i -> keep[i]).count();
    return new Targets(ids, keep, counted);
  }

  private void requireLabels() {
    assertInputSet(true);
    Require.that(
        labels != null,
        title(),
        "labels",
        "token ids [batch, time]",
        "null",
        "pass labels to fit(...) or score(...)");
  }

  @Override
  public boolean needsLabels() {
    return true;
  }

  @Override
  public INDArray getLabels() {
    return labels;
  }

  @Override
  public void setLabels(INDArray labels) {
    this.labels = labels;
    forget();
  }

  @Override
  public void setMaskArray(INDArray mask) {
    if (mask != maskArray) {
      forget();
    }
    super.setMaskArray(mask);
  }

  /** {@inheritDoc} The mask of the labels masks the loss, not that of the features. */
  @Override
  public Pair<INDArray, MaskState> feedForwardMaskArray(
      INDArray mask, MaskState state, int minibatchSize) {
    return new Pair<>(mask, state);
  }

  // ------------------------------------------- the rest of DL4J's Classifier, for one-hot labels

  private UnsupportedOperationException oneHotOnly(String method) {
    return new UnsupportedOperationException(
        "["
            + title()
            + "] "
            + method
            + ": expected one-hot labels, got token ids. Fix: use score(...) or"
            + " NextTokenOutput.perplexity(...).");
  }

  @Override
  public double f1Score(DataSet data) {
    throw oneHotOnly("f1Score");
  }

  @Override
  public double f1Score(INDArray examples, INDArray wanted) {
    throw oneHotOnly("f1Score");
  }

  @Override
  @Deprecated
  public int numLabels() {
    return Math.toIntExact(layerConf().getVocabulary());
  }

  @Override
  public int[] predict(INDArray examples) {
    throw oneHotOnly("predict");
  }

  @Override
  public List<String> predict(DataSet data) {
    throw oneHotOnly("predict");
  }

  @Override
  public void fit(DataSetIterator data) {
    throw oneHotOnly("fit of a single layer");
  }

  @Override
  public void fit(INDArray examples, INDArray wanted) {
    throw oneHotOnly("fit of a single layer");
  }

  @Override
  public void fit(DataSet data) {
    throw oneHotOnly("fit of a single layer");
  }

  @Override
  public void fit(INDArray examples, int[] wanted) {
    throw oneHotOnly("fit of a single layer");
  }
}
