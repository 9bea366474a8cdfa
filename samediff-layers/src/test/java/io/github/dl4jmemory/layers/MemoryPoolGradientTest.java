package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;

/** Two readers at different depths. */
class MemoryPoolGradientTest {

  @Test
  void everyParameter() {
    AssertGradient.of(PoolGraphs.forGradients(new NoOp(), "pool"), data());
  }

  /** Sgd(1) turns a gradient row into itself, so DL4J's check sees the row-sparse path. */
  @Test
  void rowSparsePath() {
    AssertGradient.of(PoolGraphs.forGradients(new Sgd(1), "pool"), data());
  }

  /** The layer before the pool gets its gradient through the readers only. */
  @Test
  void poolBehindALayer() {
    GraphBuilder graph =
        Networks.settings(DataType.DOUBLE, new NoOp())
            .graphBuilder()
            .addInputs("in")
            .setInputTypes(InputType.feedForward(Networks.IN))
            .addLayer(
                "hidden",
                new DenseLayer.Builder()
                    .nOut(PoolGraphs.HIDDEN)
                    .activation(Activation.TANH)
                    .build(),
                "in")
            .addLayer("pool", PoolGraphs.pool().valuesUpdater(new Sgd(1)).build(), "hidden");
    PoolGraphs.wide().addTo(graph, "memory1", "hidden", "pool");
    PoolGraphs.narrow().addTo(graph, "memory2", "memory1", "pool");
    graph.addLayer("out", Networks.output(), "memory2").setOutputs("out");
    AssertGradient.of(PoolGraphs.initialised(graph), data());
  }

  private static MultiDataSet data() {
    DataSet batch = PoolGraphs.batch(DataType.DOUBLE, 3);
    return new MultiDataSet(
        new INDArray[] {batch.getFeatures()}, new INDArray[] {batch.getLabels()});
  }
}
