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
 * Runtime of {@link SeparatorAttention}: takes the flag off the features.
 *
 * @param <A> float[] or double[]
 */
final class SeparatorAttentionRuntime<A> extends AttentionRuntime<SeparatorAttention, A> {

  private static final long serialVersionUID = 1L;

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

  private UnsupportedOperationException noSteps() {
    return new UnsupportedOperationException(
        Require.text(
            title(),
            "rnnTimeStep",
            "whole sequences",
            "single steps",
            "call output(...) with all tokens so far"));
  }

  @Override
  public INDArray rnnTimeStep(INDArray array, LayerWorkspaceMgr workspaces) {
    throw noSteps();
  }

  @Override
  public Map<String, INDArray> rnnGetPreviousState() {
    return Map.of();
  }

  @Override
  public void rnnSetPreviousState(Map<String, INDArray> state) {
    if (state != null && !state.isEmpty()) {
      throw noSteps();
    }
  }

  @Override
  public void rnnClearPreviousState() {
    // there is none
  }
}
