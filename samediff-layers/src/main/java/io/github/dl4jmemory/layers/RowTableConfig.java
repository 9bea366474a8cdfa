package io.github.dl4jmemory.layers;

import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.api.TrainingConfig;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.regularization.Regularization;

/**
 * What DL4J's updater is told about a layer with row tables, or with a table in a file: each of
 * these parameters has an updater of its own, bound to this very runtime, and no regularisation;
 * the layer normalises its gradients itself (see GradientScaling), because DL4J would walk through
 * the whole table.
 */
final class RowTableConfig implements TrainingConfig {

  private final TrainingConfig layer;
  private final Map<String, IUpdater> updaters;

  /** The updaters of the tables, by their keys. */
  RowTableConfig(TrainingConfig layer, Map<String, IUpdater> updaters) {
    this.layer = layer;
    this.updaters = Map.copyOf(updaters);
  }

  @Override
  public String getLayerName() {
    return layer.getLayerName();
  }

  @Override
  public List<Regularization> getRegularizationByParam(String key) {
    return updaters.containsKey(key) ? null : layer.getRegularizationByParam(key);
  }

  @Override
  public boolean isPretrainParam(String parameter) {
    return false;
  }

  @Override
  public IUpdater getUpdaterByParam(String key) {
    IUpdater own = updaters.get(key);
    return own == null ? layer.getUpdaterByParam(key) : own;
  }

  @Override
  public GradientNormalization getGradientNormalization() {
    return GradientNormalization.None;
  }

  @Override
  public double getGradientNormalizationThreshold() {
    return layer.getGradientNormalizationThreshold();
  }

  @Override
  public void setDataType(DataType dataType) {
    layer.setDataType(dataType);
  }
}
