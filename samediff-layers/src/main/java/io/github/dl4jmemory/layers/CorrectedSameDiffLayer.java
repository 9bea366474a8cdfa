package io.github.dl4jmemory.layers;

import java.util.Collection;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.samediff.SameDiffLayer;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * DL4J's SameDiffLayer with right gradients, for layers of your own: extend this class instead of
 * {@link SameDiffLayer} and write the same methods.
 *
 * <p>In Deeplearning4j 1.0.0-M2.1 every gradient of a SameDiffLayer, of its parameters and of its
 * input, is exactly twice too large: the function that takes the error from the layer above sets
 * the gradient of the layer's output itself and returns it too, and SameDiff adds the two. This
 * class halves the error that goes in. It also makes {@code setParam} and {@code setParamTable}
 * assign, which in M2.1 check the shape and do nothing. As in SameDiffLayer, dropout of the input
 * and the difference between training and inference are not known to the graph.
 *
 * <p>A test of this project fails when DL4J mends the factor of two; this class is then to be left.
 */
public abstract class CorrectedSameDiffLayer extends SameDiffLayer {

  private static final long serialVersionUID = 1L;

  /** For Jackson. */
  protected CorrectedSameDiffLayer() {}

  /**
   * A layer with the settings of a builder.
   *
   * @param builder settings
   */
  protected CorrectedSameDiffLayer(Builder<?> builder) {
    super(builder);
  }

  @Override
  public Layer instantiate(
      NeuralNetConfiguration conf,
      Collection<TrainingListener> listeners,
      int layerIndex,
      INDArray paramsView,
      boolean initializeParams,
      DataType networkDataType) {
    CorrectedSameDiffRuntime runtime = new CorrectedSameDiffRuntime(conf, networkDataType);
    runtime.setListeners(listeners);
    runtime.setIndex(layerIndex);
    runtime.setParamsViewArray(paramsView);
    runtime.setParamTable(initializer().init(conf, paramsView, initializeParams));
    return runtime;
  }
}
