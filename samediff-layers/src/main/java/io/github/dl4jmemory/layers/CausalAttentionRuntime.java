package io.github.dl4jmemory.layers;

import static io.github.dl4jmemory.layers.Matrices.addProduct;
import static io.github.dl4jmemory.layers.Matrices.product;

import java.util.Map;
import java.util.function.Consumer;
import org.deeplearning4j.nn.api.layers.RecurrentLayer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Runtime of {@link CausalAttention}: projections through BLAS, everything between them on heap
 * arrays. Keeps queries, keys, values, mixed values and one number a query for backward.
 *
 * @param <A> float[] or double[]
 */
final class CausalAttentionRuntime<A> extends LayerRuntime<CausalAttention>
    implements RecurrentLayer {

  private static final long serialVersionUID = 1L;

  private final transient Reals<A> reals;
  private final int heads;
  private final int keyValueHeads;
  private final int headSize;
  private final long width;
  private final long keyWidth;
  private final transient AttentionKernel<A> kernel;
  private final transient Rotary<A> rotary;
  private transient A q;
  private transient A k;
  private transient A v;
  private transient A mixed;
  private transient A logSums;
  private transient boolean kept;
  private transient KeyValueCache<A> cache;

  CausalAttentionRuntime(NeuralNetConfiguration conf, DataType dataType, Reals<A> reals) {
    super(conf, dataType);
    this.reals = reals;
    CausalAttention layer = layerConf();
    heads = layer.getHeads();
    keyValueHeads = layer.getKeyValueHeads();
    headSize = layer.headSize();
    width = layer.getNIn();
    keyWidth = layer.keyWidth();
    kernel = new AttentionKernel<>(reals, heads, keyValueHeads, headSize);
    rotary = new Rotary<>(reals, layer.getTheta(), headSize);
  }

  @Override
  void forget() {
    kept = false;
  }

  @Override
  public Type type() {
    return Type.RECURRENT;
  }

  // ------------------------------------------------------------------------ forward and backward

  @Override
  public INDArray activate(boolean training, LayerWorkspaceMgr workspaces) {
    assertInputSet(false);
    applyDropOutIfNecessary(training, workspaces);
    Steps steps = steps(input);
    forward(steps);
    return project(steps, workspaces);
  }

  private void forward(Steps steps) {
    project(steps, 0);
    logSums = reals.atLeast(logSums, steps.batch * (long) heads * steps.time);
    kernel.forward(steps.batch, steps.time, q, k, v, steps.keep, mixed, logSums);
    kept = true;
  }

  /** Sets q, k and v; positions begin at start. */
  private void project(Steps steps, int start) {
    q = reals.atLeast(q, steps.tokens() * width);
    k = reals.atLeast(k, steps.tokens() * keyWidth);
    v = reals.atLeast(v, steps.tokens() * keyWidth);
    mixed = reals.atLeast(mixed, steps.tokens() * width);
    reals.read(product(steps.x, getParam(CausalAttention.WQ), matrix(steps, width)), q);
    INDArray keys = matrix(steps, keyWidth);
    reals.read(product(steps.x, getParam(CausalAttention.WK), keys), k);
    reals.read(product(steps.x, getParam(CausalAttention.WV), keys), v);
    rotary.turn(q, steps.batch, steps.time, heads, start);
    rotary.turn(k, steps.batch, steps.time, keyValueHeads, start);
  }

  /** mixed Wo, in the layout of the input. */
  private INDArray project(Steps steps, LayerWorkspaceMgr workspaces) {
    INDArray rows = matrix(steps, width);
    reals.write(mixed, rows);
    return steps.place(
        ArrayType.ACTIVATIONS, workspaces, out -> product(rows, getParam(CausalAttention.WO), out));
  }

  @Override
  public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaces) {
    assertInputSet(true);
    Steps steps = steps(input);
    if (!kept) { // epsilons from outside, without a forward pass
      forward(steps);
    }
    INDArray outGradient = steps.layout.rows(epsilon.castTo(dataType));
    INDArray rows = matrix(steps, width);
    reals.write(mixed, rows);
    product(rows.transpose(), outGradient, gradientOf(CausalAttention.WO));
    A mixedGradient = mixed;
    reals.read(product(outGradient, getParam(CausalAttention.WO).transpose(), rows), mixedGradient);
    A dq = reals.allocate(Math.toIntExact(steps.tokens() * width));
    A dk = reals.allocate(Math.toIntExact(steps.tokens() * keyWidth));
    A dv = reals.allocate(Math.toIntExact(steps.tokens() * keyWidth));
    kernel.backward(
        steps.batch, steps.time, q, k, v, steps.keep, logSums, mixedGradient, dq, dk, dv);
    rotary.turnBack(dq, steps.batch, steps.time, heads, 0);
    rotary.turnBack(dk, steps.batch, steps.time, keyValueHeads, 0);
    forget();
    INDArray inputGradient =
        steps.place(
            ArrayType.ACTIVATION_GRAD,
            workspaces,
            out -> parameterGradients(steps, dq, dk, dv, out));
    return new Pair<>(gradients(), backpropDropOutIfPresent(inputGradient));
  }

  private void parameterGradients(Steps steps, A dq, A dk, A dv, INDArray inputGradient) {
    INDArray rows = matrix(steps, width);
    reals.write(dq, rows);
    product(steps.x.transpose(), rows, gradientOf(CausalAttention.WQ));
    product(rows, getParam(CausalAttention.WQ).transpose(), inputGradient);
    INDArray keyRows = matrix(steps, keyWidth);
    reals.write(dk, keyRows);
    product(steps.x.transpose(), keyRows, gradientOf(CausalAttention.WK));
    addProduct(keyRows, getParam(CausalAttention.WK).transpose(), inputGradient);
    reals.write(dv, keyRows);
    product(steps.x.transpose(), keyRows, gradientOf(CausalAttention.WV));
    addProduct(keyRows, getParam(CausalAttention.WV).transpose(), inputGradient);
  }

  private INDArray matrix(Steps steps, long features) {
    return Nd4j.createUninitialized(dataType, steps.tokens(), features);
  }

  // ------------------------------------------------------------------------------------ the input

  private Steps steps(INDArray array) {
    Require.that(
        array.rank() == 3,
        title(),
        "input",
        format() == RNNFormat.NWC ? "rank 3 [batch, time, nIn]" : "rank 3 [batch, nIn, time]",
        Require.describe(array),
        "pass sequences; a single step is a sequence of time 1");
    layerConf().validateInput(array);
    return new Steps(this, array);
  }

  private RNNFormat format() {
    return layerConf().getRnnFormat();
  }

  /** One input: its rows [batch * time, nIn] and its mask. */
  private static final class Steps {

    private final TokenLayout layout;
    private final DataType dataType;
    private final INDArray x;
    private final int batch;
    private final int time;
    private final boolean[] keep;
    private final long width;

    Steps(CausalAttentionRuntime<?> runtime, INDArray input) {
      layout = TokenLayout.of(runtime.title(), input, runtime.format(), null);
      dataType = runtime.dataType;
      width = runtime.width;
      x = layout.rows(input.castTo(dataType));
      batch = Math.toIntExact(input.size(0));
      time = Math.toIntExact(input.size(runtime.format() == RNNFormat.NWC ? 1 : 2));
      keep = TokenIds.kept(runtime.title(), runtime.maskArray, (long) batch * time);
    }

    long tokens() {
      return x.size(0);
    }

    /** An array of the input's shape in a workspace, whose rows the action assigns. */
    INDArray place(ArrayType type, LayerWorkspaceMgr workspaces, Consumer<INDArray> action) {
      INDArray out = workspaces.createUninitialized(type, dataType, layout.shapeWith(width), 'c');
      if (layout.isDirect()) {
        action.accept(layout.view(out, width));
      } else {
        INDArray rows = Nd4j.createUninitialized(dataType, tokens(), width);
        action.accept(rows);
        layout.scatter(rows, out);
      }
      return out;
    }
  }

  // ----------------------------------------------------------------------------- step by step

  @Override
  public INDArray rnnTimeStep(INDArray array, LayerWorkspaceMgr workspaces) {
    Steps steps = steps(timeAxisInPlace(array));
    if (cache == null) {
      cache = new KeyValueCache<>(reals, steps.batch, keyValueHeads, headSize);
    }
    Require.that(
        cache.batch() == steps.batch,
        title(),
        "input of rnnTimeStep",
        "batch " + cache.batch() + ", as in the steps before",
        Require.describe(array),
        "call rnnClearPreviousState() before another batch");
    project(steps, cache.length());
    cache.append(k, v, steps.keep, steps.time);
    cache.attend(kernel, heads, q, mixed, steps.time);
    forget();
    return project(steps, workspaces);
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
    A oldKeys = reals.allocate(Math.toIntExact(keys.length()));
    A oldValues = reals.allocate(Math.toIntExact(values.length()));
    reals.read(keys.castTo(dataType), oldKeys);
    reals.read(values.castTo(dataType), oldValues);
    cache = new KeyValueCache<>(reals, batch, keyValueHeads, headSize);
    cache.append(oldKeys, oldValues, keep, Math.toIntExact(keys.size(1)));
  }

  private boolean isState(INDArray array) {
    return array != null && array.rank() == 3 && array.size(2) == keyWidth;
  }

  @Override
  public void rnnClearPreviousState() {
    cache = null;
  }

  // ------------------------------------------------ truncated backpropagation through time:
  // refused

  private UnsupportedOperationException noTruncatedBackpropagation() {
    return new UnsupportedOperationException(
        "["
            + title()
            + "] backpropType: expected Standard, got TruncatedBPTT. Fix: remove"
            + " backpropType(BackpropType.TruncatedBPTT) and cut the text into shorter sequences.");
  }

  @Override
  public INDArray rnnActivateUsingStoredState(
      INDArray array, boolean training, boolean store, LayerWorkspaceMgr workspaces) {
    throw noTruncatedBackpropagation();
  }

  @Override
  public Map<String, INDArray> rnnGetTBPTTState() {
    return Map.of();
  }

  @Override
  public void rnnSetTBPTTState(Map<String, INDArray> state) {
    if (state != null && !state.isEmpty()) {
      throw noTruncatedBackpropagation();
    }
  }

  @Override
  public Pair<Gradient, INDArray> tbpttBackpropGradient(
      INDArray epsilon, int backLength, LayerWorkspaceMgr workspaces) {
    throw noTruncatedBackpropagation();
  }
}
