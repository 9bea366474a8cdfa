package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.samediff.SameDiffLayer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** DL4J's runtime of a SameDiffLayer, with the error halved and parameters that can be set. */
final class CorrectedSameDiffRuntime extends SameDiffLayer {

  private static final long serialVersionUID = 1L;

  CorrectedSameDiffRuntime(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
  }

  @Override
  public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaces) {
    return super.backpropGradient(epsilon.mul(0.5), workspaces);
  }

  @Override
  public void setParam(String key, INDArray value) {
    super.setParam(key, value); // checks key and shape
    getParam(key).assign(value);
  }

  @Override
  public long numParams() {
    return params == null ? 0 : params.length();
  }
}
