package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Runtime of {@link RmsNorm}. Keeps x and one number a token for backward.
 *
 * @param <A> float[] or double[]
 */
final class RmsNormRuntime<A> extends TokenwiseRuntime<RmsNorm> {

  private static final long serialVersionUID = 1L;

  private static final int CHUNK = 128; // tokens; fixed, so that sums do not depend on threads

  private final transient Reals<A> reals;
  private transient A x;
  private transient A y;
  private transient A inverse;
  private transient A gain;

  RmsNormRuntime(NeuralNetConfiguration conf, DataType dataType, Reals<A> reals) {
    super(conf, dataType);
    this.reals = reals;
  }

  @Override
  void drop() {
    // The heap arrays are reused by the next step.
  }

  @Override
  void forward(INDArray input, INDArray out, boolean keep, LayerWorkspaceMgr workspaces) {
    int tokens = Math.toIntExact(input.size(0));
    int n = Math.toIntExact(input.size(1));
    x = reals.atLeast(x, input.length());
    y = reals.atLeast(y, input.length());
    inverse = reals.atLeast(inverse, tokens);
    gain = reals.atLeast(gain, n);
    reals.read(input, x);
    reals.read(getParam(RmsNorm.GAIN), gain);
    double epsilon = layerConf().getEpsilon();
    Parallel.forEach(
        chunks(tokens),
        c ->
            reals.rmsNorm(
                x, gain, epsilon, y, inverse, c * CHUNK, Math.min(tokens, (c + 1) * CHUNK), n));
    reals.write(y, out);
  }

  @Override
  void backward(INDArray input, INDArray outGradient, INDArray xGradient) {
    int tokens = Math.toIntExact(input.size(0));
    int n = Math.toIntExact(input.size(1));
    int count = chunks(tokens);
    A dy = y;
    A dx = reals.allocate(tokens * n);
    A partial = reals.allocate(count * n);
    reals.read(outGradient, dy);
    Parallel.forEach(
        count,
        c ->
            reals.rmsNormBackward(
                x,
                gain,
                inverse,
                dy,
                dx,
                partial,
                c * n,
                c * CHUNK,
                Math.min(tokens, (c + 1) * CHUNK),
                n));
    A ones = reals.allocate(count);
    reals.fill(ones, 0, count, 1);
    A total = reals.allocate(n);
    reals.combine(ones, 0, 1, count, partial, 0, n, total, 0, n);
    reals.write(total, gradientOf(RmsNorm.GAIN));
    reals.write(dx, xGradient);
  }

  private static int chunks(int tokens) {
    return (tokens + CHUNK - 1) / CHUNK;
  }

  @Override
  void backwardOfNothing() {
    gradientOf(RmsNorm.GAIN).assign(0);
  }
}
