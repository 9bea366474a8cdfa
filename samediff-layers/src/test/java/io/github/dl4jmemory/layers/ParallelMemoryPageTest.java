package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.PageExample;
import java.io.IOException;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** The examples of docs/how-to/parallel-memory.md are this code. */
class ParallelMemoryPageTest {

  private final PooledMemory memory = PooledMemory.builder().heads(2).topK(3).build();

  @Test
  void splitAndCopied() {
    ComputationGraph trained = PoolGraphs.initialised(undivided());
    GraphBuilder graph = blocks();
    // page begin
    MemoryPool.builder()
        .subKeys(512)
        .valueSize(128)
        .shards(4)
        .build()
        .addTo(
            graph,
            "pool",
            "in",
            new MemoryPool.Reader("memory1", "block3", memory),
            new MemoryPool.Reader("memory2", "block7", memory));
    // page end
    ComputationGraph wider = PoolGraphs.initialised(graph);
    assertArrayEquals(new long[] {512 * 512, 32}, wider.getLayer("pool").getParam("V3").shape());
    // page begin
    MemoryPool.copyValues(trained.getLayer("pool"), wider.getLayer("pool"));
    for (String name : new String[] {"block3", "memory1", "block7", "memory2", "out"}) {
      wider.getLayer(name).setParams(trained.getLayer(name).params());
    }
    // page end
    INDArray x = Nd4j.rand(DataType.FLOAT, 5, 20);
    INDArray expected = trained.outputSingle(x);
    double largest = expected.amaxNumber().doubleValue();
    AssertClose.close("output", Elements.doubles(expected), wider.outputSingle(x), 1e-6 * largest);
  }

  private GraphBuilder undivided() {
    return MemoryPool.builder()
        .subKeys(512)
        .valueSize(128)
        .build()
        .addTo(
            blocks(),
            "pool",
            "in",
            new MemoryPool.Reader("memory1", "block3", memory),
            new MemoryPool.Reader("memory2", "block7", memory));
  }

  private static GraphBuilder blocks() {
    return Networks.settings(DataType.FLOAT, new Adam(1e-3))
        .graphBuilder()
        .addInputs("in")
        .setInputTypes(InputType.feedForward(20))
        .addLayer("block3", new DenseLayer.Builder().nOut(7).build(), "in")
        .addLayer("block7", new DenseLayer.Builder().nOut(7).build(), "memory1")
        .addLayer("out", Networks.output(), "memory2")
        .setOutputs("out");
  }

  @Test
  void examplesStandOnThePage() throws IOException {
    PageExample.assertStandsOn("docs/how-to/parallel-memory.md", ParallelMemoryPageTest.class);
  }
}
