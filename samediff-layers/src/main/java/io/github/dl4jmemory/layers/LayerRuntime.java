package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.KernelChoice;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.TrainingConfig;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.samediff.AbstractSameDiffLayer;
import org.deeplearning4j.nn.gradient.DefaultGradient;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.AbstractLayer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.regularization.Regularization;

/**
 * What every runtime of this package shares: parameters and gradients as views of the network's
 * arrays, and, where the layer has them, tables that are trained row by row.
 *
 * <p>A subclass writes {@code activate} and {@code backpropGradient}; it puts gradients into {@link
 * #gradientOf} (assigning, not adding) and returns {@link #gradients()}. Activations belong into
 * ArrayType.ACTIVATIONS, gradients of inputs into ArrayType.ACTIVATION_GRAD. Arrays that backward
 * needs from forward are kept only while training, in ArrayType.ACTIVATIONS, and dropped by {@link
 * #forget}.
 *
 * @param <C> configuration of the layer
 */
abstract class LayerRuntime<C extends AbstractSameDiffLayer> extends AbstractLayer<C> {

  private static final long serialVersionUID = 1L;

  private INDArray params;
  private INDArray gradients;
  private Map<String, INDArray> paramTable;
  private Map<String, INDArray> gradientTable = Map.of(); // of a layer without parameters
  private final transient Map<String, RowTable> tables = new LinkedHashMap<>();
  private final transient Map<String, FileTable> files = new LinkedHashMap<>();
  private final transient Map<String, IUpdater> ownUpdaters = new HashMap<>();
  private transient TrainingConfig tableConfig;
  private int miniBatchSize; // as MultiLayerNetwork says; a ComputationGraph says nothing: 0
  private int inputExamples = 1;

  LayerRuntime(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
    KernelChoice.chosen(); // refuses other backends than nd4j-native, for every layer alike
  }

  /** Drops what forward kept for backward. */
  abstract void forget();

  /** Waits for what a pass that was broken off has left running. */
  void settle() {}

  /** Called when the input is set, which is before any other reader of the same array has run. */
  void inputArrived(org.deeplearning4j.nn.workspace.LayerWorkspaceMgr workspaces) {}

  /** What the layer itself adds to the network's score in training, beside regularisation. */
  double ownLoss() {
    return 0;
  }

  /** The layer as errors name it. */
  final String title() {
    String name = layerConf().getLayerName();
    String type = layerConf().getClass().getSimpleName();
    return name == null ? type + " (layer " + index + ")" : type + " " + name;
  }

  // ------------------------------------------------------------------------------ the row tables

  /**
   * Declares that parameter {@code key}, of shape [slots, valueSize], is trained by the rows that a
   * step touches. To be called in the constructor; the layer's {@code getUpdaterByParam(key)} says
   * how (Adam, Sgd, or NoOp).
   */
  final RowTable rowTable(String key) {
    return rowTable(key, 1);
  }

  /** As {@link #rowTable(String)}, where every row is trained as so many slices. */
  final RowTable rowTable(String key, int slices) {
    RowTable table =
        new RowTable(
            title(),
            key,
            slices,
            () -> layerConf().getUpdaterByParam(key),
            this::minibatchGradientScale);
    tables.put(key, table);
    return table;
  }

  /** Declares that a table is in a file. To be called in the constructor. */
  final FileTable fileTable(StoredTable stored) {
    StoredTable.requireTraining(title(), conf, dataType);
    FileTable table = new FileTable(stored, title(), this::minibatchGradientScale);
    files.put(stored.key(), table);
    updateBy(stored.key(), table.updater());
    return table;
  }

  /** The tables in files. */
  final Collection<FileTable> fileTables() {
    return Collections.unmodifiableCollection(files.values());
  }

  /**
   * Declares that the update of parameter {@code key} is this updater's own matter, which is bound
   * to the runtime. To be called in the constructor.
   */
  final void updateBy(String key, IUpdater updater) {
    ownUpdaters.put(key, updater);
  }

  /** Whenever parameters were given or assigned through this layer. */
  private void parametersAssigned() {
    files.forEach((key, table) -> table.bind(getParam(key)));
  }

  /** All files of this layer are opened, or none. */
  private void openFiles() {
    try {
      parametersAssigned();
    } catch (IllegalArgumentException e) {
      files.values().forEach(FileTable::close);
      throw e;
    }
  }

  /** The table trained by rows, where the layer has exactly one; else null. */
  final RowTable rowTable() {
    return tables.size() == 1 ? tables.values().iterator().next() : null;
  }

  /** The tables trained by rows, by the keys of their parameters. */
  final Map<String, RowTable> rowTables() {
    return Collections.unmodifiableMap(tables);
  }

  final double minibatchGradientScale() {
    return conf.isMiniBatch() ? 1.0 / getInputMiniBatchSize() : 1.0;
  }

  /** Whether DL4J is told of updaters that are this runtime's own. */
  private boolean hasOwnUpdaters() {
    return rowSparse() || !ownUpdaters.isEmpty();
  }

  /** Whether the layer has tables with an updater that works by rows: the same for all. */
  final boolean rowSparse() {
    return tables.values().stream().anyMatch(RowTable::rowSparse);
  }

  @Override
  public final TrainingConfig getConfig() {
    if (!hasOwnUpdaters()) {
      return super.getConfig();
    }
    if (tableConfig == null) {
      Map<String, IUpdater> updaters = new HashMap<>(ownUpdaters);
      if (rowSparse()) {
        tables.forEach((key, table) -> updaters.put(key, table.updater()));
      }
      tableConfig = new RowTableConfig(layerConf(), updaters);
    }
    return tableConfig;
  }

  @Override
  public final boolean updaterDivideByMinibatch(String key) {
    return !(rowSparse() && tables.containsKey(key));
  }

  @Override
  public final void setInputMiniBatchSize(int size) {
    miniBatchSize = size;
  }

  @Override
  public final int getInputMiniBatchSize() {
    return miniBatchSize > 0 ? miniBatchSize : inputExamples;
  }

  // --------------------------------------------------------------------- parameters and gradients

  /** Gradient view of a parameter, to be assigned by backward. */
  final INDArray gradientOf(String key) {
    return gradientTable.get(key);
  }

  /** All gradients of this layer, as backpropGradient returns them; normalised if so configured. */
  final Gradient gradients() {
    files.keySet().forEach(key -> gradientOf(key).assign(0));
    if (hasOwnUpdaters()) {
      GradientScaling.apply(
          layerConf(),
          gradientTable,
          rowSparse() ? tables.keySet() : Set.of(),
          conf.isMiniBatch() ? getInputMiniBatchSize() : 1);
    }
    Gradient all = new DefaultGradient();
    gradientTable.forEach(all::setGradientFor);
    return all;
  }

  @Override
  public final INDArray params() {
    return params;
  }

  @Override
  public final INDArray getParam(String key) {
    return paramTable.get(key);
  }

  @Override
  public final long numParams() {
    return params == null ? 0 : params.length();
  }

  @Override
  public final void setParam(String key, INDArray value) {
    INDArray current = paramTable.get(key);
    Require.that(
        current != null,
        title(),
        "setParam",
        "one of " + paramTable.keySet(),
        key,
        "use such a key");
    Require.that(
        Arrays.equals(current.shape(), value.shape()),
        title(),
        key,
        "shape " + Arrays.toString(current.shape()),
        Require.describe(value),
        "reshape the array");
    current.assign(value);
    parametersAssigned();
  }

  /** Assigns all parameters, in the layer's own 'c' order, whatever the shape of the argument. */
  @Override
  public final void setParams(INDArray values) {
    if (values == params) {
      return;
    }
    Require.that(
        values.length() == numParams(),
        title(),
        "setParams",
        numParams() + " values",
        Require.describe(values),
        "pass params() of a layer with the same configuration");
    params.reshape(numParams()).assign(values.reshape(numParams()));
    parametersAssigned();
  }

  @Override
  public final void setParamsViewArray(INDArray view) {
    params = view;
  }

  @Override
  public final INDArray getGradientsViewArray() {
    return gradients;
  }

  @Override
  public final void setBackpropGradientsViewArray(INDArray view) {
    gradients = view;
    gradientTable = layerConf().initializer().getGradientsFromFlattened(conf, view);
    tables.forEach((key, table) -> table.bindGradients(gradientTable.get(key)));
  }

  @Override
  public final void setParamTable(Map<String, INDArray> values) {
    if (paramTable != null) {
      values.forEach(this::setParam);
      return;
    }
    paramTable = values;
    tables.forEach((key, table) -> table.bindValues(values.get(key)));
    openFiles();
  }

  @Override
  public final Map<String, INDArray> paramTable(boolean backpropParamsOnly) {
    return paramTable;
  }

  @Override
  public final double calcRegularizationScore(boolean backpropParamsOnly) {
    double score = ownLoss();
    for (Map.Entry<String, INDArray> parameter : paramTable.entrySet()) {
      List<Regularization> terms = getConfig().getRegularizationByParam(parameter.getKey());
      if (terms != null) {
        for (Regularization term : terms) {
          score += term.score(parameter.getValue(), getIterationCount(), getEpochCount());
        }
      }
    }
    return score;
  }

  // ------------------------------------------------------------------------------------ the rest

  @Override
  public final void setInput(
      INDArray input, org.deeplearning4j.nn.workspace.LayerWorkspaceMgr workspaces) {
    settle();
    inputExamples = Math.toIntExact(input.size(0));
    forget();
    super.setInput(input, workspaces);
    inputArrived(workspaces);
  }

  @Override
  public final void clear() {
    forget();
    super.clear();
  }

  @Override
  public final void clearNoiseWeightParams() {
    // These layers take no weight noise.
  }

  @Override
  public final boolean isPretrainLayer() {
    return false;
  }

  /** A layer of its own with the same configuration and a copy of the parameters. */
  @Override
  public final Layer clone() {
    NeuralNetConfiguration copy = conf.clone();
    INDArray values = params == null ? null : params.dup();
    Layer clone = copy.getLayer().instantiate(copy, null, index, values, false, dataType);
    clone.setIterationCount(iterationCount);
    clone.setEpochCount(epochCount);
    return clone;
  }
}
