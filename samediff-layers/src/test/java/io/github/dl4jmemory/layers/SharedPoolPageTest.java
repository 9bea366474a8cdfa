package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.github.dl4jmemory.testkit.PageExample;
import java.io.IOException;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** The examples of docs/how-to/shared-pool.md are this code. */
class SharedPoolPageTest {

  @Test
  void newNetwork() {
    GraphBuilder graph = blocks();
    // page begin
    PooledMemory memory = PooledMemory.builder().heads(4).topK(32).build();
    MemoryPool.builder()
        .subKeys(512) // 262,144 slots
        .valueSize(128)
        .valuesUpdater(new Adam(5e-3)) // the table's own learning rate
        .build()
        .addTo(
            graph,
            "pool",
            "in",
            new MemoryPool.Reader("memory1", "block3", memory),
            new MemoryPool.Reader("memory2", "block7", memory));
    // page end
    graph
        .addLayer("block7", new DenseLayer.Builder().nOut(7).build(), "memory1")
        .addLayer("out", Networks.output(), "memory2")
        .setOutputs("out");
    ComputationGraph network = trained(graph);
    assertEquals(512 * 512 * 128, network.getLayer("pool").getParam("V").length());
  }

  @Test
  void trainedNetwork() {
    ComputationGraph trained =
        trained(blocks().addLayer("out", Networks.output(), "block3").setOutputs("out"));
    PooledMemory memory = PooledMemory.builder().build();
    OutputLayer newOutput = Networks.output();
    // page begin
    ComputationGraph larger =
        MemoryPool.builder()
            .subKeys(512)
            .valueSize(128)
            .build()
            .addTo(
                new TransferLearning.GraphBuilder(trained),
                "pool",
                "in",
                new MemoryPool.Reader("memory1", "block3", memory))
            .addVertex(
                "with-memory", new ElementWiseVertex(ElementWiseVertex.Op.Add), "block3", "memory1")
            .removeVertexKeepConnections("out")
            .addLayer("out", newOutput, "with-memory")
            .setInputTypes(InputType.feedForward(20))
            .setOutputs("out")
            .build();
    // page end
    PoolGraphs.sameLayer("block3", trained, larger);
    INDArray before = larger.getLayer("memory1").params().dup();
    larger.fit(batch());
    assertNotEquals(before, larger.getLayer("memory1").params());
  }

  @Test
  void examplesStandOnThePage() throws IOException {
    PageExample.assertStandsOn("docs/how-to/shared-pool.md", SharedPoolPageTest.class);
  }

  private static GraphBuilder blocks() {
    return Networks.settings(DataType.FLOAT, new Adam(1e-3))
        .graphBuilder()
        .addInputs("in")
        .setInputTypes(InputType.feedForward(20))
        .addLayer("block3", new DenseLayer.Builder().nOut(7).build(), "in");
  }

  private static DataSet batch() {
    return new DataSet(
        Nd4j.rand(DataType.FLOAT, 5, 20), Nd4j.rand(DataType.FLOAT, 5, Networks.OUT));
  }

  private static ComputationGraph trained(GraphBuilder graph) {
    ComputationGraph network = PoolGraphs.initialised(graph);
    network.fit(batch());
    return network;
  }
}
