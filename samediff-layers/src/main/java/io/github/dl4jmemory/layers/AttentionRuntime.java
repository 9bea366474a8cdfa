package io.github.dl4jmemory.layers;

import static io.github.dl4jmemory.layers.Matrices.addProduct;
import static io.github.dl4jmemory.layers.Matrices.product;

import io.github.dl4jmemory.ops.MemoryOps;
import java.util.function.Consumer;
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
 * What the runtimes of attention layers share: projections through BLAS, rotary positions, and the
 * attention of whole sequences by {@link MemoryOps#separatorAttention}. In training, queries, keys,
 * values, mixed values and one number a query are kept for backward.
 *
 * @param <C> configuration of the layer
 * @param <A> float[] or double[]
 */
abstract class AttentionRuntime<C extends AttentionLayer, A> extends LayerRuntime<C>
    implements SteppedLayer {

  private static final long serialVersionUID = 1L;

  final transient Reals<A> reals;
  final int heads;
  final int keyValueHeads;
  final int headSize;
  final long width;
  final long keyWidth;
  private final transient Rotary<A> rotary;
  private transient Kept kept;

  /** Queries, keys and values as rows [tokens, heads * headSize], turned by their positions. */
  record Projections(INDArray q, INDArray k, INDArray v) {}

  /** What backward needs from forward. */
  private record Kept(AttentionSteps steps, Projections rows, INDArray mixed, INDArray logSums) {}

  AttentionRuntime(NeuralNetConfiguration conf, DataType dataType, C layer, Reals<A> reals) {
    super(conf, dataType);
    this.reals = reals;
    heads = layer.getHeads();
    keyValueHeads = layer.getKeyValueHeads();
    headSize = layer.headSize();
    width = layer.width();
    keyWidth = layer.keyWidth();
    rotary = new Rotary<>(reals, layer.getTheta(), headSize, layer.rotarySize());
  }

  /** The tokens of an input, before dropout. */
  abstract AttentionSteps steps(INDArray input);

  /** The features of an input that are projected, as rows [tokens, width] in 'c' order. */
  abstract INDArray features(AttentionSteps steps, INDArray input);

  /** First tokens that every token sees. */
  abstract long initial();

  /** Last tokens that a token sees, for sequences of this length. */
  abstract long window(int time);

  /** The gradient of the input, where the action assigns that of the features, [tokens, width]. */
  abstract INDArray inputGradient(
      AttentionSteps steps, LayerWorkspaceMgr workspaces, Consumer<INDArray> action);

  @Override
  final void forget() {
    kept = null;
  }

  @Override
  public final Type type() {
    return Type.RECURRENT;
  }

  // ------------------------------------------------------------------------------------- forward

  @Override
  public final INDArray activate(boolean training, LayerWorkspaceMgr workspaces) {
    assertInputSet(false);
    AttentionSteps steps = steps(requireSequence(input));
    applyDropOutIfNecessary(training, workspaces);
    Kept forward = forward(steps, new ForwardArrays(dataType, training, workspaces));
    kept = training ? forward : null;
    return output(steps, forward.mixed, workspaces);
  }

  private Kept forward(AttentionSteps steps, ForwardArrays arrays) {
    INDArray x = features(steps, input.castTo(dataType));
    Projections rows = project(steps, x, arrays);
    INDArray mixed = arrays.create(steps.tokens(), width);
    INDArray logSums = arrays.create(steps.batch(), heads, steps.time());
    MemoryOps.separatorAttention(
        heads(steps, rows.q),
        heads(steps, rows.k),
        heads(steps, rows.v),
        steps.kinds(),
        initial(),
        window(steps.time()),
        heads(steps, mixed),
        logSums);
    return new Kept(steps, rows, mixed, logSums);
  }

  final Projections project(AttentionSteps steps, INDArray x, ForwardArrays arrays) {
    Projections rows = unturned(steps, x, arrays);
    rotary.turn(rows.q, steps.below(), steps::position);
    rotary.turn(rows.k, steps.below(), steps::position);
    return rows;
  }

  /** Without positions. */
  final Projections unturned(AttentionSteps steps, INDArray x, ForwardArrays arrays) {
    INDArray q = product(x, getParam(AttentionLayer.WQ), arrays.create(steps.tokens(), width));
    INDArray k = product(x, getParam(AttentionLayer.WK), arrays.create(steps.tokens(), keyWidth));
    INDArray v = product(x, getParam(AttentionLayer.WV), arrays.create(steps.tokens(), keyWidth));
    return new Projections(q, k, v);
  }

  /** mixed Wo, in the layout of the input. */
  final INDArray output(AttentionSteps steps, INDArray mixed, LayerWorkspaceMgr workspaces) {
    return steps.place(
        workspaces,
        ArrayType.ACTIVATIONS,
        dataType,
        width,
        out -> product(mixed, getParam(AttentionLayer.WO), out));
  }

  /** Rows as [batch, time, heads, headSize]. */
  final INDArray heads(AttentionSteps steps, INDArray rows) {
    return rows.reshape('c', steps.batch(), steps.time(), rows.size(1) / headSize, headSize);
  }

  // ------------------------------------------------------------------------------------ backward

  @Override
  public final Pair<Gradient, INDArray> backpropGradient(
      INDArray epsilon, LayerWorkspaceMgr workspaces) {
    assertInputSet(true);
    Kept forward = kept;
    if (forward == null) { // epsilons from outside, without a forward pass in training mode
      forward =
          forward(steps(requireSequence(input)), new ForwardArrays(dataType, false, workspaces));
    }
    AttentionSteps steps = forward.steps;
    INDArray outGradient = steps.rows(epsilon.castTo(dataType));
    product(forward.mixed.transpose(), outGradient, gradientOf(AttentionLayer.WO));
    INDArray mixedGradient =
        product(outGradient, getParam(AttentionLayer.WO).transpose(), matrix(steps, width));
    Projections gradients = projectionGradients(forward, mixedGradient);
    parameterGradients(steps, gradients);
    forget();
    INDArray inputGradient =
        inputGradient(steps, workspaces, out -> featureGradient(gradients, out));
    return new Pair<>(gradients(), backpropDropOutIfPresent(inputGradient));
  }

  private Projections projectionGradients(Kept forward, INDArray mixedGradient) {
    AttentionSteps steps = forward.steps;
    INDArray dq = matrix(steps, width);
    INDArray dk = matrix(steps, keyWidth);
    INDArray dv = matrix(steps, keyWidth);
    MemoryOps.separatorAttentionGradient(
        heads(steps, forward.rows.q),
        heads(steps, forward.rows.k),
        heads(steps, forward.rows.v),
        steps.kinds(),
        initial(),
        window(steps.time()),
        heads(steps, forward.mixed),
        forward.logSums,
        heads(steps, mixedGradient),
        heads(steps, dq),
        heads(steps, dk),
        heads(steps, dv));
    rotary.turnBack(dq, steps.below(), steps::position);
    rotary.turnBack(dk, steps.below(), steps::position);
    return new Projections(dq, dk, dv);
  }

  private void parameterGradients(AttentionSteps steps, Projections gradients) {
    INDArray features = features(steps, input.castTo(dataType)).transpose();
    product(features, gradients.q, gradientOf(AttentionLayer.WQ));
    product(features, gradients.k, gradientOf(AttentionLayer.WK));
    product(features, gradients.v, gradientOf(AttentionLayer.WV));
  }

  private void featureGradient(Projections gradients, INDArray out) {
    product(gradients.q, getParam(AttentionLayer.WQ).transpose(), out);
    addProduct(gradients.k, getParam(AttentionLayer.WK).transpose(), out);
    addProduct(gradients.v, getParam(AttentionLayer.WV).transpose(), out);
  }

  final INDArray matrix(AttentionSteps steps, long features) {
    return Nd4j.createUninitialized(dataType, steps.tokens(), features);
  }

  final RNNFormat format() {
    return layerConf().getRnnFormat();
  }

  /** The input itself, if it is one. */
  final INDArray requireSequence(INDArray array) {
    Require.that(
        array.rank() == 3,
        title(),
        "input",
        format() == RNNFormat.NWC ? "rank 3 [batch, time, nIn]" : "rank 3 [batch, nIn, time]",
        Require.describe(array),
        "pass sequences; a single step is a sequence of time 1");
    layerConf().validateInput(array);
    return array;
  }

  @Override
  public final String owner() {
    return title();
  }
}
