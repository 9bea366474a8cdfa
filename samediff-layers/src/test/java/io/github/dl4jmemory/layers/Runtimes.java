package io.github.dl4jmemory.layers;

import java.util.Random;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.NoOp;

/** Runtimes of single layers, outside of a network. */
final class Runtimes {

  private Runtimes() {}

  /** A runtime with random parameters (no gain of 1) and a gradient view. */
  static LayerRuntime<?> of(DefinedLayer layer, DataType dataType, Random random) {
    NeuralNetConfiguration conf = Networks.settings(dataType, new NoOp()).layer(layer).build();
    long size = layer.initializer().numParams(conf);
    double[] values = random.doubles(size, -0.7, 0.9).toArray();
    INDArray params = Nd4j.createFromArray(values).castTo(dataType).reshape(1, size);
    LayerRuntime<?> runtime =
        (LayerRuntime<?>) layer.instantiate(conf, null, 0, params, false, dataType);
    runtime.setBackpropGradientsViewArray(Nd4j.create(dataType, 1, size));
    return runtime;
  }
}
