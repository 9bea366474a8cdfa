package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Runtime of a tokenwise layer: layouts, masks, dropout of the input and workspaces are handled
 * here; a subclass sees matrices [tokens, features] in 'c' order, of the network's data type.
 *
 * @param <C> configuration of the layer
 */
abstract class TokenwiseRuntime<C extends TokenwiseLayer> extends LayerRuntime<C> {

  private static final long serialVersionUID = 1L;

  private boolean kept;
  private transient TokenLayout layout; // of the last pass

  TokenwiseRuntime(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
  }

  /**
   * Computes the output.
   *
   * @param x [tokens, nIn], tokens at least 1
   * @param out [tokens, nOut], to be assigned
   * @param keep whether {@link #backward} may follow: then what it needs is kept, in
   *     ArrayType.ACTIVATIONS
   */
  abstract void forward(INDArray x, INDArray out, boolean keep, LayerWorkspaceMgr workspaces);

  /**
   * Assigns the gradients of all parameters and of the input.
   *
   * @param x as forward saw it
   * @param outGradient [tokens, nOut]
   * @param xGradient [tokens, nIn], to be assigned
   */
  abstract void backward(INDArray x, INDArray outGradient, INDArray xGradient);

  /** Called instead of {@link #forward} when every token is masked. */
  void forwardOfNothing() {}

  /** Assigns zero to the gradients of all parameters: a step in which every token is masked. */
  abstract void backwardOfNothing();

  /** Drops what forward kept. */
  abstract void drop();

  @Override
  final void forget() {
    kept = false;
    drop();
  }

  @Override
  public final INDArray activate(boolean training, LayerWorkspaceMgr workspaces) {
    assertInputSet(false);
    takeInput();
    applyDropOutIfNecessary(training, workspaces);
    INDArray out =
        workspaces.createUninitialized(
            ArrayType.ACTIVATIONS, dataType, layout.shapeWith(layerConf().getNOut()), 'c');
    if (layout.tokens() == 0) {
      forwardOfNothing();
      return out.assign(0);
    }
    forget();
    fill(rowsOfInput(), out, training, workspaces);
    kept = training;
    return out;
  }

  /**
   * As {@link #forward}, into an array as DL4J takes it. It may be filled later, by who sees to it
   * that nobody reads it before.
   */
  void fill(INDArray x, INDArray out, boolean keep, LayerWorkspaceMgr workspaces) {
    long nOut = layerConf().getNOut();
    if (layout.isDirect()) {
      forward(x, layout.view(out, nOut), keep, workspaces);
    } else {
      INDArray rows = Nd4j.createUninitialized(dataType, layout.tokens(), nOut);
      forward(x, rows, keep, workspaces);
      layout.scatter(rows, out);
    }
  }

  /** Whether the last forward pass kept what {@link #backward} needs. */
  final boolean mayGoBack() {
    return kept;
  }

  @Override
  public final Pair<Gradient, INDArray> backpropGradient(
      INDArray epsilon, LayerWorkspaceMgr workspaces) {
    assertInputSet(true);
    if (!kept) {
      layout = layoutOfInput();
    }
    INDArray inputGradient =
        workspaces.createUninitialized(
            ArrayType.ACTIVATION_GRAD, dataType, layout.shapeWith(layerConf().getNIn()), 'c');
    if (layout.tokens() == 0) {
      inputGradient.assign(0);
      backwardOfNothing();
    } else {
      fillGradients(epsilon, inputGradient, workspaces);
    }
    forget();
    return new Pair<>(gradients(), backpropDropOutIfPresent(inputGradient));
  }

  /** As {@link #backward}, of and into arrays as DL4J takes them. */
  void fillGradients(INDArray epsilon, INDArray inputGradient, LayerWorkspaceMgr workspaces) {
    INDArray x = rowsOfInput();
    if (!kept) { // backward without a forward pass in training mode: epsilons from outside
      INDArray unused = Nd4j.createUninitialized(dataType, layout.tokens(), layerConf().getNOut());
      forward(x, unused, true, workspaces);
    }
    INDArray outGradient = layout.rows(epsilon.castTo(dataType));
    long nIn = layerConf().getNIn();
    if (layout.isDirect()) {
      backward(x, outGradient, layout.view(inputGradient, nIn));
    } else {
      INDArray rows = Nd4j.createUninitialized(dataType, layout.tokens(), nIn);
      backward(x, outGradient, rows);
      layout.scatter(rows, inputGradient);
    }
  }

  /** Where the tokens of the last pass stand. */
  final TokenLayout layout() {
    return layout;
  }

  /** Validates the input that was set, and looks where its tokens stand. */
  final void takeInput() {
    layerConf().validateInput(input);
    layout = layoutOfInput();
  }

  /** The tokens of the input as forward and backward take them. */
  final INDArray rowsOfInput() {
    return layout.rows(input.castTo(dataType));
  }

  private TokenLayout layoutOfInput() {
    return TokenLayout.of(title(), input, layerConf().getRnnFormat(), maskArray);
  }
}
