package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.layers.DefinedLayer;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A layer outside any network, with parameters as it draws them itself, for inference. */
final class SingleLayer {
  private final INDArray params;
  private final Layer layer;

  SingleLayer(DefinedLayer layer) {
    NeuralNetConfiguration conf = new NeuralNetConfiguration.Builder().layer(layer).build();
    params = Inputs.zeroTable(1, layer.initializer().numParams(conf));
    this.layer = layer.instantiate(conf, null, 0, params, true, DataType.FLOAT);
  }

  /** All parameters in one array. */
  INDArray params() {
    return params;
  }

  INDArray param(String key) {
    return layer.getParam(key);
  }

  INDArray output(INDArray input) {
    return layer.activate(input, false, LayerWorkspaceMgr.noWorkspaces());
  }
}
