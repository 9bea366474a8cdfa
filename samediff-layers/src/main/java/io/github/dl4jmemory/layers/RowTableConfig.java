package io.github.dl4jmemory.layers;

import java.util.List;
import org.deeplearning4j.nn.api.TrainingConfig;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.regularization.Regularization;

/**
 * What DL4J's updater is told about a layer with a row table, or with a table in a file: the
 * parameter has an updater of its own, bound to this very runtime, and no regularisation; the layer
 * normalises its gradients itself (see GradientScaling), because DL4J would walk through the whole
 * table.
 */
final class RowTableConfig implements TrainingConfig {

  private final TrainingConfig layer;
  private final String key;
  private final IUpdater updater;

  RowTableConfig(TrainingConfig layer, String key, IUpdater updater) {
    this.layer = layer;
    this.key = key;
    this.updater = updater;
  }

  @Override
  public String getLayerName() {
    return layer.getLayerName();
  }

  @Override
  public List<Regularization> getRegularizationByParam(String parameter) {
    return parameter.equals(key) ? null : layer.getRegularizationByParam(parameter);
  }

  @Override
  public boolean isPretrainParam(String parameter) {
    return false;
  }

  @Override
  public IUpdater getUpdaterByParam(String parameter) {
    return parameter.equals(key) ? updater : layer.getUpdaterByParam(parameter);
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
