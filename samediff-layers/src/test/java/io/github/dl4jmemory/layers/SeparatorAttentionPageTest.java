package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.PageExample;
import io.github.dl4jmemory.testkit.Seeded;
import java.io.IOException;
import java.util.Random;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.learning.config.Adam;

/** The examples of docs/layers/separator-attention.md are this code, and they run. */
@ExtendWith(Seeded.class)
class SeparatorAttentionPageTest {

  @Test
  void exampleOfThePageTrains(Random random) {
    // page begin
    GraphBuilder graph =
        new NeuralNetConfiguration.Builder()
            .updater(new Adam(1e-3))
            .graphBuilder()
            .addInputs("ids")
            .setInputTypes(InputType.recurrent(1))
            .addLayer("embedding", TokenEmbedding.builder().vocabulary(50).nOut(32).build(), "ids")
            .addLayer("separators", SeparatorMarks.builder().separators(3, 7).build(), "ids")
            .addLayer("norm", RmsNorm.builder().build(), "embedding");
    SeparatorAttention.builder()
        .heads(4)
        .initial(3)
        .window(8)
        .build()
        .addTo(graph, "attention", "norm", "separators");
    graph
        .addVertex("sum", new ElementWiseVertex(ElementWiseVertex.Op.Add), "embedding", "attention")
        .addLayer("out", NextTokenOutput.builder().vocabulary(50).build(), "sum")
        .setOutputs("out");
    // page end
    ComputationGraph network = new ComputationGraph(graph.build());
    network.init();
    INDArray ids = Elements.slots(random, 50, 2, 31).castTo(DataType.FLOAT);
    MultiDataSet data = new MultiDataSet(ids, ids.dup());
    double before = network.score(data);
    for (int i = 0; i < 30; i++) {
      network.fit(data);
    }
    assertTrue(network.score(data) < 0.9 * before, "learns");
  }

  @Test
  void exampleOfReplacementHasItsWindows() {
    ComputationGraph dense = new Decoders(11, 4, 3, 2, 1, 4).graph(DataType.FLOAT, new Adam(1e-3));
    // page begin
    ComputationGraph network =
        SeparatorAttention.replaceDense(dense, new int[] {3, 7}, 3, 0, 64, 64, 0);
    // page end
    int[] windows = {0, 64, 64, 0};
    for (int i = 0; i < 4; i++) {
      SeparatorAttention layer =
          (SeparatorAttention) network.getLayer("attention" + i).conf().getLayer();
      assertEquals(windows[i], layer.getWindow());
    }
  }

  @Test
  void exampleOfPlacesIsOfTheLayersShapes(Random random) {
    GraphBuilder graph =
        new NeuralNetConfiguration.Builder()
            .graphBuilder()
            .addInputs("ids")
            .setInputTypes(InputType.recurrent(1))
            .addLayer("separators", SeparatorMarks.builder().separators(3, 7).build(), "ids");
    // page begin
    graph
        .addLayer("places", SegmentPositions.builder().positions(128).build(), "separators")
        .addLayer("placed", TokenEmbedding.builder().vocabulary(128).nOut(32).build(), "places");
    // page end
    ComputationGraph network = new ComputationGraph(graph.setOutputs("placed").build());
    network.init();
    INDArray out = network.outputSingle(Elements.slots(random, 50, 2, 31));
    assertEquals(32, out.size(2));
    assertEquals(31, out.size(1));
  }

  @Test
  void examplesStandOnThePage() throws IOException {
    PageExample.assertStandsOn(
        "docs/layers/separator-attention.md", SeparatorAttentionPageTest.class);
  }
}
