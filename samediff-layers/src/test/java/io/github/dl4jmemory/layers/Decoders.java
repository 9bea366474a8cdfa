package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.IUpdater;

/** Small decoder language models of all the blocks. */
record Decoders(long vocabulary, int model, int hidden, int heads, int keyValueHeads, int blocks) {

  static Decoders tiny() {
    return new Decoders(11, 4, 3, 2, 1, 2);
  }

  ComputationGraph graph(DataType dataType, IUpdater updater) {
    GraphBuilder graph =
        Networks.settings(dataType, updater)
            .graphBuilder()
            .addInputs("ids")
            .setInputTypes(InputType.recurrent(1))
            .addLayer(
                "embedding",
                TokenEmbedding.builder().vocabulary(vocabulary).nOut(model).build(),
                "ids");
    String last = "embedding";
    for (int i = 0; i < blocks; i++) {
      last = block(graph, i, last);
    }
    graph
        .addLayer("norm", RmsNorm.builder().build(), last)
        .addLayer("out", NextTokenOutput.builder().vocabulary(vocabulary).build(), "norm")
        .setOutputs("out");
    ComputationGraph network = new ComputationGraph(graph.build());
    network.init();
    return network;
  }

  private String block(GraphBuilder graph, int i, String in) {
    graph
        .addLayer("norm-a" + i, RmsNorm.builder().build(), in)
        .addLayer(
            "attention" + i,
            CausalAttention.builder().heads(heads).keyValueHeads(keyValueHeads).build(),
            "norm-a" + i)
        .addVertex(
            "sum-a" + i, new ElementWiseVertex(ElementWiseVertex.Op.Add), in, "attention" + i)
        .addLayer("norm-b" + i, RmsNorm.builder().build(), "sum-a" + i)
        .addLayer("glu" + i, SwiGlu.builder().hiddenSize(hidden).build(), "norm-b" + i)
        .addVertex(
            "sum-b" + i, new ElementWiseVertex(ElementWiseVertex.Op.Add), "sum-a" + i, "glu" + i);
    return "sum-b" + i;
  }
}
