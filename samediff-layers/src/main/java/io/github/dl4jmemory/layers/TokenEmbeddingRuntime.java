package io.github.dl4jmemory.layers;

import java.util.stream.IntStream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Runtime of {@link TokenEmbedding}. Keeps the ids for backward. */
final class TokenEmbeddingRuntime extends LayerRuntime<TokenEmbedding> {

  private static final long serialVersionUID = 1L;

  private final transient RowTable table;
  private transient Tokens tokens;

  TokenEmbeddingRuntime(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
    table = rowTable(TokenEmbedding.W);
  }

  private interface Run {
    void accept(int from, int to);
  }

  /** Ids of the tokens (0 where masked), and which of them count. */
  private record Tokens(int batch, int time, int[] ids, int[] kept) {

    boolean all() {
      return kept.length == ids.length;
    }

    int[] keptIds() {
      return all() ? ids : IntStream.of(kept).map(i -> ids[i]).toArray();
    }

    /** Runs of masked tokens [from, to): one to a padded example. */
    void forEachMaskedRun(Run action) {
      int from = 0;
      for (int i : kept) {
        if (i > from) {
          action.accept(from, i);
        }
        from = i + 1;
      }
      if (ids.length > from) {
        action.accept(from, ids.length);
      }
    }
  }

  @Override
  void forget() {
    tokens = null;
  }

  @Override
  public INDArray activate(boolean training, LayerWorkspaceMgr workspaces) {
    assertInputSet(false);
    tokens = read();
    long nOut = layerConf().getNOut();
    INDArray out =
        workspaces.createUninitialized(
            ArrayType.ACTIVATIONS, dataType, new long[] {tokens.batch, tokens.time, nOut}, 'c');
    INDArray rows = out.reshape('c', tokens.ids.length, nOut);
    Nd4j.pullRows(table.values(), rows, 1, tokens.ids);
    tokens.forEachMaskedRun(
        (from, to) -> rows.get(NDArrayIndex.interval(from, to), NDArrayIndex.all()).assign(0));
    return out;
  }

  private Tokens read() {
    int[] sizes =
        TokenIds.batchAndTime(title(), "token ids", input, "pass ids, not one-hot vectors");
    int batch = sizes[0];
    int time = sizes[1];
    boolean[] keep = TokenIds.kept(title(), maskArray, (long) batch * time);
    int[] ids = TokenIds.read(title(), "input", input, layerConf().getVocabulary(), keep);
    int[] kept = IntStream.range(0, ids.length).filter(i -> keep == null || keep[i]).toArray();
    return new Tokens(batch, time, ids, kept);
  }

  /**
   * {@inheritDoc} Ids have no gradient: zeros, and not null as in EmbeddingLayer, which DL4J cannot
   * add to the gradient of another layer with the same input, such as a {@link MemoryPool}.
   */
  @Override
  public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaces) {
    assertInputSet(true);
    Tokens read = tokens == null ? read() : tokens;
    if (read.kept.length == 0) {
      table.backwardOfNothing();
    } else {
      long nOut = layerConf().getNOut();
      INDArray rows =
          Matrices.contiguous(epsilon.castTo(dataType)).reshape('c', read.ids.length, nOut);
      INDArray keptRows = read.all() ? rows : Nd4j.pullRows(rows, 1, read.kept, 'c');
      long[] slots = IntStream.of(read.keptIds()).asLongStream().toArray();
      table.backward(
          Nd4j.createFromArray(slots).reshape(slots.length, 1),
          Nd4j.ones(dataType, slots.length, 1),
          keptRows,
          null);
    }
    INDArray none = workspaces.create(ArrayType.ACTIVATION_GRAD, dataType, input.shape(), 'c');
    forget();
    return new Pair<>(gradients(), none);
  }
}
