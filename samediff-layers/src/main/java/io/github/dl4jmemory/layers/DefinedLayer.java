package io.github.dl4jmemory.layers;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.deeplearning4j.nn.conf.layers.samediff.SameDiffLayer;
import org.deeplearning4j.nn.weights.IWeightInit;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.nd4j.autodiff.samediff.NameScope;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.regularization.Regularization;
import org.nd4j.shade.jackson.annotation.JsonAutoDetect;

/**
 * A layer with one definition and two runtimes: {@code defineLayer} states the mathematics on a
 * SameDiff graph, {@link #runtime} computes the same in a MultiLayerNetwork or ComputationGraph.
 *
 * <p>Subclasses keep their own settings in private fields (Jackson reads and writes the fields),
 * have a no-argument constructor, and override {@code equals}, {@code hashCode} and, where they
 * hold an updater of their own, {@code clone}.
 */
@JsonAutoDetect(
    fieldVisibility = JsonAutoDetect.Visibility.ANY,
    getterVisibility = JsonAutoDetect.Visibility.NONE,
    isGetterVisibility = JsonAutoDetect.Visibility.NONE,
    setterVisibility = JsonAutoDetect.Visibility.NONE)
public abstract class DefinedLayer extends SameDiffLayer {

  private static final long serialVersionUID = 1L;

  /** For Jackson. */
  DefinedLayer() {}

  DefinedLayer(Builder<?> builder) {
    super(builder);
  }

  /** Makes the runtime of this layer; parameters are handed to it afterwards. */
  abstract LayerRuntime<?> runtime(NeuralNetConfiguration conf, DataType dataType);

  /** Whether a parameter is not trained by its gradient, but by a rule of the runtime's own. */
  boolean isState(String key) {
    return false;
  }

  /** Puts the file of the layer's table, where it has one, in another place. */
  void relocate(UnaryOperator<String> place) {
    // most layers have no file
  }

  /** Throws a clear error while a setting that the parameter shapes need is still missing. */
  abstract void requireComplete();

  /** The layer as errors name it: its class, and its own name where it has one. */
  String title() {
    return getLayerName() == null
        ? getClass().getSimpleName()
        : getClass().getSimpleName() + " " + getLayerName();
  }

  @Override
  public final SDLayerParams getLayerParams() {
    requireComplete();
    return super.getLayerParams();
  }

  /**
   * Adds this layer to a SameDiff graph: creates its parameters as initialised variables {@code
   * name/key} of the input's data type, and the operations of {@code defineLayer}. Running
   * statistics, where the layer has any, are constants there.
   *
   * @param sd graph to add to
   * @param name name scope of the layer, unique in the graph
   * @param x input of the layer, in the shape that the layer documents
   * @return output of the layer
   * @throws IllegalArgumentException if an argument is null, or the layer does not know its input
   *     size yet
   */
  public final SDVariable addTo(SameDiff sd, String name, SDVariable x) {
    Require.that(sd != null, title(), "sd", "a SameDiff graph", sd, "pass SameDiff.create()");
    Require.that(
        name != null && !name.isEmpty(),
        title(),
        "name",
        "a name scope",
        name,
        "pass a name that is unique in the graph");
    Require.that(
        x != null,
        title(),
        "x",
        "a variable of the graph",
        x,
        "pass sd.placeHolder(...) or the output of a layer");
    Map<String, INDArray> arrays = new LinkedHashMap<>();
    getLayerParams()
        .getParamShapes()
        .forEach((key, shape) -> arrays.put(key, Nd4j.create(x.dataType(), shape)));
    initializeParameters(arrays);
    NameScope scope = sd.withNameScope(name);
    try {
      Map<String, SDVariable> variables = new LinkedHashMap<>();
      arrays.forEach(
          (key, array) ->
              variables.put(
                  key,
                  isState(key)
                      ? sd.constant(name + "/" + key, array)
                      : sd.var(name + "/" + key, array)));
      return defineLayer(sd, x, variables, null);
    } finally {
      scope.close();
    }
  }

  @Override
  public final Layer instantiate(
      NeuralNetConfiguration conf,
      Collection<TrainingListener> listeners,
      int layerIndex,
      INDArray paramsView,
      boolean initializeParams,
      DataType networkDataType) {
    requireComplete();
    Require.that(
        networkDataType == DataType.FLOAT || networkDataType == DataType.DOUBLE,
        title(),
        "dataType",
        "FLOAT or DOUBLE",
        networkDataType,
        "set dataType(DataType.FLOAT) in NeuralNetConfiguration.Builder");
    LayerRuntime<?> runtime = runtime(conf, networkDataType);
    runtime.setListeners(listeners);
    runtime.setIndex(layerIndex);
    runtime.setParamsViewArray(paramsView);
    runtime.setParamTable(initializer().init(conf, paramsView, initializeParams));
    return runtime;
  }

  @Override
  public IUpdater getUpdaterByParam(String key) {
    return isState(key) ? new NoOp() : super.getUpdaterByParam(key);
  }

  @Override
  public List<Regularization> getRegularizationByParam(String key) {
    if (isState(key)) {
      return null;
    }
    return getLayerParams().isWeightParam(key) ? regularization : regularizationBias;
  }

  /** {@inheritDoc} Updaters are copied too, so that a clone can be given other learning rates. */
  @Override
  public DefinedLayer clone() {
    DefinedLayer copy = (DefinedLayer) super.clone();
    copy.updater = copyOf(updater);
    copy.biasUpdater = copyOf(biasUpdater);
    if (iDropout != null) {
      copy.iDropout = iDropout.clone(); // it holds the mask of a pass
    }
    return copy;
  }

  /** Draws a matrix [in, out] as the builder's weightInit says, for all or for this parameter. */
  final void initializeMatrix(String key, INDArray matrix) {
    IWeightInit own = paramWeightInit == null ? null : paramWeightInit.get(key);
    IWeightInit init = own == null ? weightInit.getWeightInitFunction() : own;
    init.init(matrix.size(0), matrix.size(1), matrix.shape(), 'c', matrix);
  }

  static IUpdater copyOf(IUpdater updater) {
    return updater == null ? null : updater.clone();
  }

  /** Two layers are equal when their settings are; whether shapes were derived yet is no matter. */
  @Override
  public boolean equals(Object other) {
    if (this == other) {
      return true;
    }
    if (other == null || getClass() != other.getClass()) {
      return false;
    }
    DefinedLayer that = (DefinedLayer) other;
    return Objects.equals(layerName, that.layerName)
        && Objects.equals(iDropout, that.iDropout)
        && Objects.equals(constraints, that.constraints)
        && Objects.equals(regularization, that.regularization)
        && Objects.equals(regularizationBias, that.regularizationBias)
        && Objects.equals(updater, that.updater)
        && Objects.equals(biasUpdater, that.biasUpdater)
        && gradientNormalization == that.gradientNormalization
        && Double.compare(gradientNormalizationThreshold, that.gradientNormalizationThreshold) == 0
        && weightInit == that.weightInit
        && Objects.equals(paramWeightInit, that.paramWeightInit);
  }

  @Override
  public int hashCode() {
    return Objects.hash(getClass(), layerName, updater);
  }
}
