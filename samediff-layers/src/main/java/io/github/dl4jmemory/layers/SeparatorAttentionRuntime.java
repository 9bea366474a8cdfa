package io.github.dl4jmemory.layers;

import java.util.Map;
import java.util.function.Consumer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Runtime of {@link SeparatorAttention}: takes the flag off the features; {@code rnnTimeStep} by a
 * {@link SeparatorCache}.
 *
 * @param <A> float[] or double[]
 */
final class SeparatorAttentionRuntime<A> extends AttentionRuntime<SeparatorAttention, A> {

  private static final long serialVersionUID = 1L;

  private transient SeparatorCache cache;

  SeparatorAttentionRuntime(
      NeuralNetConfiguration conf, DataType dataType, SeparatorAttention layer, Reals<A> reals) {
    super(conf, dataType, layer, reals);
  }

  @Override
  AttentionSteps steps(INDArray array) {
    INDArray byTime = timeSecond(array);
    int batch = Math.toIntExact(byTime.size(0));
    int time = Math.toIntExact(byTime.size(1));
    boolean[] keep = TokenIds.kept(title(), maskArray, (long) batch * time);
    byte[] kind = SeparatorFlags.read(title(), part(byTime, width, width + 1), keep);
    int[] segments = layerConf().isBilevelPositions() ? SeparatorFlags.segments(kind, time) : null;
    TokenLayout layout = TokenLayout.of(title(), array, format(), null);
    return new AttentionSteps(layout, batch, time, keep, kind, segments, 0);
  }

  private INDArray timeSecond(INDArray array) {
    return format() == RNNFormat.NWC ? array : array.permute(0, 2, 1);
  }

  private static INDArray part(INDArray byTime, long from, long to) {
    return byTime.get(NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.interval(from, to));
  }

  @Override
  INDArray features(AttentionSteps steps, INDArray array) {
    return part(timeSecond(array), 0, width).dup('c').reshape('c', steps.tokens(), width);
  }

  @Override
  long initial() {
    return layerConf().getInitial();
  }

  @Override
  long window(int time) {
    int window = layerConf().getWindow();
    return window == 0 ? Math.max(1, time) : window;
  }

  /** {@inheritDoc} The flag has none: zero. */
  @Override
  INDArray inputGradient(
      AttentionSteps steps, LayerWorkspaceMgr workspaces, Consumer<INDArray> action) {
    INDArray rows = matrix(steps, width);
    action.accept(rows);
    long[] shape = steps.layout().shapeWith(width + 1);
    INDArray gradient = workspaces.create(ArrayType.ACTIVATION_GRAD, dataType, shape, 'c');
    part(timeSecond(gradient), 0, width)
        .assign(rows.reshape('c', steps.batch(), steps.time(), width));
    return gradient;
  }

  // ----------------------------------------------------------------------------- step by step

  @Override
  public INDArray rnnTimeStep(INDArray array, LayerWorkspaceMgr workspaces) {
    INDArray sequence = requireSequence(timeAxisInPlace(array));
    AttentionSteps steps = steps(sequence);
    if (cache == null) {
      cache = newCache(steps.batch());
    }
    Require.that(
        cache.batch() == steps.batch(),
        title(),
        "input of rnnTimeStep",
        "batch " + cache.batch() + ", as in the steps before",
        Require.describe(array),
        "call rnnClearPreviousState() before another batch");
    INDArray x = features(steps, sequence.castTo(dataType));
    Projections rows = unturned(steps, x, new ForwardArrays(dataType, false, workspaces));
    INDArray mixed = matrix(steps, width);
    cache.step(
        heads(steps, rows.q()),
        heads(steps, rows.k()),
        heads(steps, rows.v()),
        steps.kinds(),
        heads(steps, mixed));
    return output(steps, mixed, workspaces);
  }

  private SeparatorCache newCache(int batch) {
    if (layerConf().isBilevelPositions()) {
      throw new UnsupportedOperationException(
          Require.text(
              title(),
              "rnnTimeStep",
              "positions in the text or in the cache",
              "bilevelPositions",
              "call output(...) with all tokens so far"));
    }
    return new SeparatorCache(
        layerConf().stepCache(), dataType, batch, heads, keyValueHeads, headSize);
  }

  long cacheBytes() {
    return cache == null ? 0 : cache.bytes();
  }

  /** DL4J makes a step [batch, nIn] into [batch, nIn, 1], whatever the layout. */
  private INDArray timeAxisInPlace(INDArray array) {
    boolean turned =
        format() == RNNFormat.NWC
            && array.rank() == 3
            && array.size(2) == 1
            && array.size(1) == width + 1;
    return turned ? array.permute(0, 2, 1) : array;
  }

  @Override
  public Map<String, INDArray> rnnGetPreviousState() {
    return cache == null ? Map.of() : cache.state();
  }

  @Override
  public void rnnSetPreviousState(Map<String, INDArray> state) {
    if (state == null || state.isEmpty()) {
      cache = null;
      return;
    }
    INDArray keys = state.get(SeparatorCacheState.KEYS);
    Require.that(
        keys != null && keys.rank() == 4,
        title(),
        "state",
        "keys of shape [batch, keyValueHeads, kept, headSize]",
        Require.describe(keys),
        "pass what rnnGetPreviousState() returned");
    SeparatorCache restored = newCache(Math.toIntExact(keys.size(0)));
    restored.restore(state);
    cache = restored;
  }

  @Override
  public void rnnClearPreviousState() {
    cache = null;
  }
}
