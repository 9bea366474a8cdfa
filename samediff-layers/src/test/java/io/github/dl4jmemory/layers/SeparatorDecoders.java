package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.testkit.Elements;
import java.util.Random;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.IUpdater;

/** Small decoder language models of two blocks with separator attention, and texts for them. */
final class SeparatorDecoders {

  static final int VOCABULARY = 11;
  static final int[] SEPARATORS = {2, 7};
  private static final int MODEL = 4;

  private SeparatorDecoders() {}

  static SeparatorAttention.Builder attention() {
    return SeparatorAttention.builder().heads(2).keyValueHeads(1).initial(1).window(2);
  }

  static ComputationGraph graph(
      DataType type, IUpdater updater, SeparatorAttention first, SeparatorAttention second) {
    GraphBuilder graph =
        Networks.settings(type, updater)
            .graphBuilder()
            .addInputs("ids")
            .setInputTypes(InputType.recurrent(1))
            .addLayer("embedding", embedding(VOCABULARY), "ids")
            .addLayer("separators", SeparatorMarks.builder().separators(SEPARATORS).build(), "ids")
            .addLayer("places", SegmentPositions.builder().positions(9).build(), "separators")
            .addLayer("placed", embedding(9), "places")
            .addVertex("embedded", add(), "embedding", "placed");
    first.addTo(graph, "attention0", "embedded", "separators");
    graph.addVertex("sum0", add(), "embedded", "attention0");
    graph.addLayer("norm1", RmsNorm.builder().build(), "sum0");
    second.addTo(graph, "attention1", "norm1", "separators");
    graph
        .addVertex("sum1", add(), "sum0", "attention1")
        .addLayer("out", NextTokenOutput.builder().vocabulary(VOCABULARY).build(), "sum1")
        .setOutputs("out");
    ComputationGraph network = new ComputationGraph(graph.build());
    network.init();
    return network;
  }

  private static TokenEmbedding embedding(int rows) {
    return TokenEmbedding.builder().vocabulary(rows).nOut(MODEL).build();
  }

  private static ElementWiseVertex add() {
    return new ElementWiseVertex(ElementWiseVertex.Op.Add);
  }

  /** Ids and the ids that follow; the second row is padded on the left, the third on the right. */
  static MultiDataSet text(Random random, DataType type) {
    int time = 9;
    INDArray ids = Elements.slots(random, VOCABULARY, 4, time).castTo(type);
    INDArray next = Elements.slots(random, VOCABULARY, 4, time).castTo(type);
    INDArray mask = Nd4j.ones(type, 4, time);
    for (int t = 0; t < 3; t++) {
      mask.putScalar(1, t, 0).putScalar(2, time - 1 - t, 0);
    }
    return new MultiDataSet(
        new INDArray[] {ids},
        new INDArray[] {next},
        new INDArray[] {mask},
        new INDArray[] {mask.dup()});
  }
}
