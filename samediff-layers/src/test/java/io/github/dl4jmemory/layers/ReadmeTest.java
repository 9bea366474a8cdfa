package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.PageExample;
import java.io.IOException;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** The example of the README is this code, and it does what the README says. */
class ReadmeTest {

  @Test
  void exampleOfTheReadmeTrains() {
    INDArray features = Nd4j.rand(DataType.FLOAT, 8, 20);
    INDArray labels = Nd4j.zeros(DataType.FLOAT, 8, 10);
    for (int i = 0; i < 8; i++) {
      labels.putScalar(i, i, 1);
    }
    DataSet data = new DataSet(features, labels);
    // page begin
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .updater(new Adam(1e-3))
                .list()
                .layer(new DenseLayer.Builder().nOut(64).activation(Activation.TANH).build())
                .layer(
                    ProductKeyMemory.builder()
                        .nOut(64)
                        .subKeys(256)
                        .topK(16)
                        .build()) // 65,536 slots
                .layer(new OutputLayer.Builder().nOut(10).activation(Activation.SOFTMAX).build())
                .setInputType(InputType.feedForward(20))
                .build());
    network.init();
    RowSparseTraining.attach(network); // a step costs what its rows cost, not what the table costs
    network.fit(data);
    // page end
    double before = network.score(data);
    for (int i = 0; i < 30; i++) {
      network.fit(data);
    }
    double after = network.score(data);
    assertTrue(after < 0.9 * before, "score " + before + " before, " + after + " after");
    assertEquals(65_536 * 64, network.getLayer(1).getParam("V").length());
  }

  @Test
  void exampleStandsInTheReadme() throws IOException {
    PageExample.assertStandsOn("README.md", ReadmeTest.class);
  }
}
