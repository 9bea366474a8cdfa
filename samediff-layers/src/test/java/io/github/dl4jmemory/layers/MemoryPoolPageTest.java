package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.PageExample;
import java.io.IOException;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** The example of docs/layers/memory-pool.md is this code, and it trains. */
class MemoryPoolPageTest {

  @Test
  void exampleOfThePageTrains() {
    Nd4j.getRandom().setSeed(43);
    INDArray labels = Nd4j.eye(10).castTo(DataType.FLOAT);
    DataSet data = new DataSet(Nd4j.rand(DataType.FLOAT, 10, 20), labels);
    // page begin
    PooledMemory memory = PooledMemory.builder().build();
    GraphBuilder graph =
        new NeuralNetConfiguration.Builder()
            .seed(5)
            .updater(new Adam(1e-3))
            .graphBuilder()
            .addInputs("in")
            .setInputTypes(InputType.feedForward(20))
            .addLayer("hidden1", new DenseLayer.Builder().nOut(64).build(), "in")
            .addLayer("hidden2", new DenseLayer.Builder().nOut(64).build(), "memory1")
            .addLayer(
                "out",
                new OutputLayer.Builder().nOut(10).activation(Activation.SOFTMAX).build(),
                "memory2")
            .setOutputs("out");
    MemoryPool.builder()
        .subKeys(256)
        .valueSize(64)
        .build()
        .addTo(
            graph,
            "pool",
            "in",
            new MemoryPool.Reader("memory1", "hidden1", memory),
            new MemoryPool.Reader("memory2", "hidden2", memory));
    ComputationGraph network = new ComputationGraph(graph.build());
    network.init();
    RowSparseTraining.attach(network);
    network.fit(data);
    // page end
    double before = network.score(data);
    double best = before;
    for (int i = 0; i < 40; i++) {
      network.fit(data);
      best = Math.min(best, network.score(data)); // it jumps when other slots are found
    }
    assertTrue(best < 0.9 * before, "score " + before + " before, " + best + " at best");
  }

  @Test
  void exampleStandsOnThePage() throws IOException {
    PageExample.assertStandsOn("docs/layers/memory-pool.md", MemoryPoolPageTest.class);
  }
}
