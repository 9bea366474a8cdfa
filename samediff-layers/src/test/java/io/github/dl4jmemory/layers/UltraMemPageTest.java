package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.PageExample;
import java.io.IOException;
import java.util.List;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** The examples of docs/layers/ultramem.md are this code, and they train. */
class UltraMemPageTest {

  @Test
  void exampleOfThePageTrains() {
    Nd4j.getRandom().setSeed(43);
    DataSet data =
        new DataSet(Nd4j.rand(DataType.FLOAT, 10, 20), Nd4j.eye(10).castTo(DataType.FLOAT));
    // page begin
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .updater(new Adam(1e-3))
                .list()
                .layer(new DenseLayer.Builder().nOut(64).build())
                .layer(
                    UltraMem.builder()
                        .subKeys(64)
                        .keySize(32)
                        .topK(8)
                        .valuesUpdater(new Adam(new DecayingMultiple(1e-3, 10, 1000)))
                        .build())
                .layer(new OutputLayer.Builder().nOut(10).activation(Activation.SOFTMAX).build())
                .setInputType(InputType.feedForward(20))
                .build());
    network.init();
    RowSparseTraining.attach(network);
    network.fit(data);
    // page end
    double before = network.score(data);
    for (int i = 0; i < 60; i++) {
      network.fit(data);
    }
    double after = network.score(data);
    assertTrue(after < 0.9 * before, "score " + before + " before, " + after + " after");
  }

  @Test
  void exampleOfSkips() {
    GraphBuilder graph =
        new NeuralNetConfiguration.Builder()
            .graphBuilder()
            .addInputs("in")
            .addLayer("block0", new DenseLayer.Builder().nIn(8).nOut(8).build(), "in")
            .addLayer("block1", new DenseLayer.Builder().nIn(8).nOut(8).build(), "block0")
            .addLayer("block2", new DenseLayer.Builder().nIn(8).nOut(8).build(), "block1")
            .addLayer("block3", new DenseLayer.Builder().nIn(8).nOut(8).build(), "block2");
    UltraMem memory = UltraMem.builder().subKeys(4).keySize(4).topK(2).build();
    // page begin
    SkipMemories.addTo(
        graph,
        new SkipMemories.Span("memory0", "block0", "block2", memory),
        new SkipMemories.Span("memory1", "block1", "block3", memory));
    // page end
    assertEquals(List.of("block2-memories"), graph.getVertexInputs().get("block3"));
  }

  @Test
  void exampleOfAFile() {
    String file = "values";
    // page begin
    UltraMem memory =
        UltraMem.builder()
            .subKeys(1100) // 1,210,000 slots
            .valueSize(512)
            .file(file)
            .storage(ValueStorage.INT8)
            .build();
    // page end
    assertEquals(1_210_000, memory.getSlots());
    assertEquals(file, memory.getFile());
  }

  @Test
  void exampleStandsOnThePage() throws IOException {
    PageExample.assertStandsOn("docs/layers/ultramem.md", UltraMemPageTest.class);
  }
}
