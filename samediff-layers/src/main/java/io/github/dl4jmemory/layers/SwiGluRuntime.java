package io.github.dl4jmemory.layers;

import static org.nd4j.linalg.factory.Nd4j.gemm;

import java.util.stream.IntStream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Runtime of {@link SwiGlu}. Keeps x W1 and x W3; backward computes the hidden layer again.
 *
 * @param <A> float[] or double[]
 */
final class SwiGluRuntime<A> extends TokenwiseRuntime<SwiGlu> {

  private static final long serialVersionUID = 1L;

  private static final int CHUNK = 1 << 14; // values

  private final transient Reals<A> reals;
  private transient A a;
  private transient A b;
  private transient A h;

  SwiGluRuntime(NeuralNetConfiguration conf, DataType dataType, Reals<A> reals) {
    super(conf, dataType);
    this.reals = reals;
  }

  @Override
  void drop() {
    // The heap arrays are reused by the next step.
  }

  @Override
  void forward(INDArray x, INDArray out, boolean keep, LayerWorkspaceMgr workspaces) {
    INDArray hidden = hidden(x);
    int n = Math.toIntExact(hidden.length());
    a = reals.atLeast(a, n);
    b = reals.atLeast(b, n);
    h = reals.atLeast(h, n);
    reals.read(gemm(x, getParam(SwiGlu.W1), hidden, false, false, 1, 0), a);
    reals.read(gemm(x, getParam(SwiGlu.W3), hidden, false, false, 1, 0), b);
    chunks(n).forEach(c -> reals.swiGlu(a, b, h, c * CHUNK, Math.min(n, (c + 1) * CHUNK)));
    reals.write(h, hidden);
    gemm(hidden, getParam(SwiGlu.W2), out, false, false, 1, 0);
  }

  @Override
  void backward(INDArray x, INDArray outGradient, INDArray xGradient) {
    INDArray hidden = hidden(x);
    int n = Math.toIntExact(hidden.length());
    reals.read(gemm(outGradient, getParam(SwiGlu.W2), hidden, false, true, 1, 0), h);
    chunks(n).forEach(c -> reals.swiGluBackward(a, b, h, c * CHUNK, Math.min(n, (c + 1) * CHUNK)));
    reals.write(h, hidden);
    gemm(hidden, outGradient, gradientOf(SwiGlu.W2), true, false, 1, 0);
    reals.write(a, hidden);
    gemm(x, hidden, gradientOf(SwiGlu.W1), true, false, 1, 0);
    gemm(hidden, getParam(SwiGlu.W1), xGradient, false, true, 1, 0);
    reals.write(b, hidden);
    gemm(x, hidden, gradientOf(SwiGlu.W3), true, false, 1, 0);
    gemm(hidden, getParam(SwiGlu.W3), xGradient, false, true, 1, 1);
  }

  private INDArray hidden(INDArray x) {
    return Nd4j.createUninitialized(x.dataType(), x.size(0), layerConf().getHiddenSize());
  }

  private static IntStream chunks(int values) {
    return IntStream.range(0, (values + CHUNK - 1) / CHUNK).parallel();
  }

  @Override
  void backwardOfNothing() {
    gradientOf(SwiGlu.W1).assign(0);
    gradientOf(SwiGlu.W2).assign(0);
    gradientOf(SwiGlu.W3).assign(0);
  }
}
