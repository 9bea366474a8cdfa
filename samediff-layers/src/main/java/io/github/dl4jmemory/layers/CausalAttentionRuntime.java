package io.github.dl4jmemory.layers;

import java.util.Map;
import java.util.function.Consumer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Runtime of {@link CausalAttention}: separator attention with a window of all tokens, and for
 * {@code rnnTimeStep} a cache of all keys and values.
 *
 * @param <A> float[] or double[]
 */
final class CausalAttentionRuntime<A> extends AttentionRuntime<CausalAttention, A> {

  private static final long serialVersionUID = 1L;

  private final transient AttentionKernel<A> kernel;
  private transient KeyValueCache<A> cache;

  CausalAttentionRuntime(
      NeuralNetConfiguration conf, DataType dataType, CausalAttention layer, Reals<A> reals) {
    super(conf, dataType, layer, reals);
    kernel = new AttentionKernel<>(reals, headSize);
  }

  @Override
  AttentionSteps steps(INDArray array) {
    TokenLayout layout = TokenLayout.of(title(), array, format(), null);
    int batch = Math.toIntExact(array.size(0));
    int time = Math.toIntExact(array.size(format() == RNNFormat.NWC ? 1 : 2));
    boolean[] keep = TokenIds.kept(title(), maskArray, (long) batch * time);
    return AttentionSteps.of(layout, batch, time, keep);
  }

  @Override
  INDArray features(AttentionSteps steps, INDArray array) {
    return steps.rows(array);
  }

  @Override
  long initial() {
    return 0;
  }

  @Override
  long window(int time) {
    return Math.max(1, time);
  }

  @Override
  INDArray inputGradient(
      AttentionSteps steps, LayerWorkspaceMgr workspaces, Consumer<INDArray> action) {
    return steps.place(workspaces, ArrayType.ACTIVATION_GRAD, dataType, width, action);
  }

  // ----------------------------------------------------------------------------- step by step

  @Override
  public INDArray rnnTimeStep(INDArray array, LayerWorkspaceMgr workspaces) {
    INDArray sequence = requireSequence(timeAxisInPlace(array));
    AttentionSteps steps = steps(sequence);
    if (cache == null) {
      cache = new KeyValueCache<>(reals, steps.batch(), keyValueHeads, headSize);
    }
    Require.that(
        cache.batch() == steps.batch(),
        title(),
        "input of rnnTimeStep",
        "batch " + cache.batch() + ", as in the steps before",
        Require.describe(array),
        "call rnnClearPreviousState() before another batch");
    AttentionSteps later = steps.from(cache.length());
    INDArray x = features(later, sequence.castTo(dataType));
    Projections rows = project(later, x, new ForwardArrays(dataType, false, workspaces));
    cache.append(heap(rows.k()), heap(rows.v()), later.keep(), later.time());
    A mixed = reals.allocate(Math.toIntExact(later.tokens() * width));
    cache.attend(kernel, heads, heap(rows.q()), mixed, later.time());
    INDArray mixedRows = matrix(later, width);
    reals.write(mixed, mixedRows);
    return output(later, mixedRows, workspaces);
  }

  private A heap(INDArray array) {
    A copy = reals.allocate(Math.toIntExact(array.length()));
    reals.read(array, copy);
    return copy;
  }

  /** DL4J makes a step [batch, nIn] into [batch, nIn, 1], whatever the layout. */
  private INDArray timeAxisInPlace(INDArray array) {
    boolean turned =
        format() == RNNFormat.NWC
            && array.rank() == 3
            && array.size(2) == 1
            && array.size(1) == width;
    return turned ? array.permute(0, 2, 1) : array;
  }

  @Override
  public Map<String, INDArray> rnnGetPreviousState() {
    return cache == null ? Map.of() : cache.export(dataType);
  }

  @Override
  public void rnnSetPreviousState(Map<String, INDArray> state) {
    if (state == null || state.isEmpty()) {
      cache = null;
      return;
    }
    INDArray keys = state.get(KeyValueCache.KEYS);
    INDArray values = state.get(KeyValueCache.VALUES);
    INDArray mask = state.get(KeyValueCache.MASK);
    Require.that(
        isState(keys) && isState(values) && keys.equalShapes(values),
        title(),
        "state",
        "keys and values of shape [batch, time, " + keyWidth + "]",
        "keys " + Require.describe(keys) + ", values " + Require.describe(values),
        "pass what rnnGetPreviousState() returned");
    boolean[] keep = TokenIds.kept(title(), mask, keys.size(0) * keys.size(1));
    int batch = Math.toIntExact(keys.size(0));
    cache = new KeyValueCache<>(reals, batch, keyValueHeads, headSize);
    cache.append(
        heap(keys.castTo(dataType)),
        heap(values.castTo(dataType)),
        keep,
        Math.toIntExact(keys.size(1)));
  }

  private boolean isState(INDArray array) {
    return array != null && array.rank() == 3 && array.size(2) == keyWidth;
  }

  @Override
  public void rnnClearPreviousState() {
    cache = null;
  }
}
