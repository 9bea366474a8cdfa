package io.github.dl4jmemory.layers;

import static io.github.dl4jmemory.layers.Matrices.addProduct;
import static io.github.dl4jmemory.layers.Matrices.product;

import java.util.List;
import java.util.function.IntConsumer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Runtime of {@link MixtureOfExperts}. Keeps x W1, x W3 and the weighted hidden layer of every row
 * (a token on its way through one expert), and the router's probabilities.
 *
 * @param <A> float[] or double[]
 */
final class MixtureOfExpertsRuntime<A> extends TokenwiseRuntime<MixtureOfExperts> {

  private static final long serialVersionUID = 1L;

  private static final int CHUNK = 1 << 14; // hidden values

  private final transient Reals<A> reals;
  private final transient ExpertRouting<A> routing;
  private final transient ExpertProducts products;
  private final int hiddenSize;
  private transient A a;
  private transient A b;
  private transient A h;
  private transient A hGradient;
  private double balanceLoss;

  MixtureOfExpertsRuntime(
      NeuralNetConfiguration conf, DataType dataType, MixtureOfExperts layer, Reals<A> reals) {
    super(conf, dataType);
    this.reals = reals;
    routing = new ExpertRouting<>(reals, layer);
    products = new ExpertProducts(routing, layer.getExperts());
    hiddenSize = Math.toIntExact(layer.getHiddenSize());
  }

  /** The load-balance loss of the last forward pass, where it may be followed by backward. */
  @Override
  double ownLoss() {
    return balanceLoss;
  }

  @Override
  void drop() {
    // The heap arrays are reused by the next step; the loss is still read after backward.
  }

  @Override
  void forwardOfNothing() {
    balanceLoss = 0;
  }

  @Override
  void forward(INDArray x, INDArray out, boolean keep, LayerWorkspaceMgr workspaces) {
    requireSize(x.size(0));
    INDArray scores = array(x.size(0), layerConf().getExperts());
    routing.route(title(), product(x, getParam(MixtureOfExperts.ROUTER), scores));
    balanceLoss = keep ? layerConf().getBalanceLoss() * routing.imbalance() : 0;
    INDArray rows = routing.gather(x);
    INDArray hidden = array(routing.rows(), hiddenSize);
    a = reals.atLeast(a, hidden.length());
    b = reals.atLeast(b, hidden.length());
    h = reals.atLeast(h, hidden.length());
    reals.read(products.product(rows, getParam(MixtureOfExperts.W1), hidden), a);
    reals.read(products.product(rows, getParam(MixtureOfExperts.W3), hidden), b);
    forEachRow(this::weightedHidden);
    reals.write(h, hidden);
    INDArray parts = array(routing.rows(), layerConf().getNOut());
    routing.sum(products.product(hidden, getParam(MixtureOfExperts.W2), parts), out);
  }

  private void requireSize(long tokens) {
    Require.that(
        tokens * layerConf().getTopK() * hiddenSize <= Integer.MAX_VALUE,
        title(),
        "input",
        "fewer than 2^31 hidden values (tokens * topK * hiddenSize)",
        tokens + " tokens",
        "use smaller batches");
  }

  /** Few rows, as in decoding, are not worth a second thread. */
  private void forEachRow(IntConsumer action) {
    int rows = routing.rows();
    int step = Math.max(1, CHUNK / hiddenSize);
    Parallel.forEach(
        (rows + step - 1) / step,
        chunk -> {
          for (int row = chunk * step; row < Math.min(rows, (chunk + 1) * step); row++) {
            action.accept(row);
          }
        });
  }

  private void weightedHidden(int row) {
    int at = row * hiddenSize;
    reals.swiGlu(a, b, h, at, at + hiddenSize);
    reals.scale(h, at, hiddenSize, routing.weight(row));
  }

  @Override
  void backward(INDArray x, INDArray outGradient, INDArray xGradient) {
    INDArray outGradients = routing.gather(outGradient);
    INDArray hidden = array(routing.rows(), hiddenSize);
    hGradient = reals.atLeast(hGradient, hidden.length());
    reals.read(
        products.transposedProduct(outGradients, getParam(MixtureOfExperts.W2), hidden), hGradient);
    double[] weightGradients = new double[routing.rows()];
    forEachRow(row -> weightGradients[row] = hiddenBackward(row));
    reals.write(h, hidden);
    products.weightGradient(hidden, outGradients, gradientOf(MixtureOfExperts.W2));
    INDArray rows = routing.gather(x);
    INDArray rowGradients = array(routing.rows(), layerConf().getNIn());
    reals.write(a, hidden);
    products.weightGradient(rows, hidden, gradientOf(MixtureOfExperts.W1));
    products.transposedProduct(hidden, getParam(MixtureOfExperts.W1), rowGradients);
    reals.write(b, hidden);
    products.weightGradient(rows, hidden, gradientOf(MixtureOfExperts.W3));
    products.addTransposedProduct(hidden, getParam(MixtureOfExperts.W3), rowGradients);
    routing.sum(rowGradients, xGradient);
    routerBackward(x, weightGradients, xGradient);
  }

  /**
   * Turns a, b into their gradients in this row; returns the gradient of the row's weight. (A
   * weight that has come to 0 has no gradient in the scores either: it is their factor there.)
   */
  private double hiddenBackward(int row) {
    int at = row * hiddenSize;
    double weight = routing.weight(row);
    double weighted = reals.dot(h, at, hGradient, at, hiddenSize);
    reals.scale(hGradient, at, hiddenSize, weight);
    reals.swiGluBackward(a, b, hGradient, at, at + hiddenSize);
    return weight == 0 ? 0 : weighted / weight;
  }

  private void routerBackward(INDArray x, double[] weightGradients, INDArray xGradient) {
    double divisor = conf.isMiniBatch() ? getInputMiniBatchSize() : 1; // DL4J is to divide by it
    INDArray scores = array(x.size(0), layerConf().getExperts());
    routing.scoreGradient(weightGradients, layerConf().getBalanceLoss() * divisor, scores);
    product(x.transpose(), scores, gradientOf(MixtureOfExperts.ROUTER));
    addProduct(scores, getParam(MixtureOfExperts.ROUTER).transpose(), xGradient);
  }

  private INDArray array(long rows, long columns) {
    return Nd4j.createUninitialized(dataType, rows, columns);
  }

  @Override
  void backwardOfNothing() {
    List.of(MixtureOfExperts.ROUTER, MixtureOfExperts.W1, MixtureOfExperts.W2, MixtureOfExperts.W3)
        .forEach(key -> gradientOf(key).assign(0));
  }
}
