package io.github.dl4jmemory.layers;

import static io.github.dl4jmemory.layers.Matrices.addProduct;
import static io.github.dl4jmemory.layers.Matrices.product;

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
    reals.read(product(x, getParam(SwiGlu.W1), hidden), a);
    reals.read(product(x, getParam(SwiGlu.W3), hidden), b);
    Parallel.forEach(
        chunks(n), c -> reals.swiGlu(a, b, h, c * CHUNK, Math.min(n, (c + 1) * CHUNK)));
    reals.write(h, hidden);
    product(hidden, getParam(SwiGlu.W2), out);
  }

  @Override
  void backward(INDArray x, INDArray outGradient, INDArray xGradient) {
    INDArray hidden = hidden(x);
    int n = Math.toIntExact(hidden.length());
    reals.read(product(outGradient, getParam(SwiGlu.W2).transpose(), hidden), h);
    Parallel.forEach(
        chunks(n), c -> reals.swiGluBackward(a, b, h, c * CHUNK, Math.min(n, (c + 1) * CHUNK)));
    reals.write(h, hidden);
    product(hidden.transpose(), outGradient, gradientOf(SwiGlu.W2));
    reals.write(a, hidden);
    product(x.transpose(), hidden, gradientOf(SwiGlu.W1));
    product(hidden, getParam(SwiGlu.W1).transpose(), xGradient);
    reals.write(b, hidden);
    product(x.transpose(), hidden, gradientOf(SwiGlu.W3));
    addProduct(hidden, getParam(SwiGlu.W3).transpose(), xGradient);
  }

  private INDArray hidden(INDArray x) {
    return Nd4j.createUninitialized(x.dataType(), x.size(0), layerConf().getHiddenSize());
  }

  private static int chunks(int values) {
    return (values + CHUNK - 1) / CHUNK;
  }

  @Override
  void backwardOfNothing() {
    gradientOf(SwiGlu.W1).assign(0);
    gradientOf(SwiGlu.W2).assign(0);
    gradientOf(SwiGlu.W3).assign(0);
  }
}
