package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Runtime of a {@link TokenMark}; whole sequences, and steps of a mark that does not count. */
class TokenMarkRuntime extends LayerRuntime<TokenMark> {

  private static final long serialVersionUID = 1L;

  TokenMarkRuntime(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
  }

  @Override
  final void forget() {
    // nothing is kept
  }

  @Override
  public final INDArray activate(boolean training, LayerWorkspaceMgr workspaces) {
    assertInputSet(false);
    TokenMark layer = layerConf();
    int[] sizes = TokenIds.batchAndTime(title(), layer.inputTitle(), input, layer.inputFix());
    boolean[] keep = TokenIds.kept(title(), maskArray, (long) sizes[0] * sizes[1]);
    long[] counts = counts(sizes[0]);
    double[] marks = layer.marks(title(), input, keep, sizes[1], counts);
    counted(counts);
    INDArray out =
        workspaces.createUninitialized(
            ArrayType.ACTIVATIONS, dataType, new long[] {sizes[0], sizes[1], 1}, 'c');
    return out.assign(Nd4j.createFromArray(marks).reshape(out.shape()));
  }

  /** What was counted of each row before: new arrays. */
  long[] counts(int batch) {
    return new long[batch];
  }

  /** What is counted of each row now. */
  void counted(long[] counts) {
    // whole sequences begin anew
  }

  /** {@inheritDoc} Zeros: DL4J adds them to the gradients of other layers with the same input. */
  @Override
  public final Pair<Gradient, INDArray> backpropGradient(
      INDArray epsilon, LayerWorkspaceMgr workspaces) {
    assertInputSet(true);
    INDArray none = workspaces.create(ArrayType.ACTIVATION_GRAD, dataType, input.shape(), 'c');
    return new Pair<>(gradients(), none);
  }
}
