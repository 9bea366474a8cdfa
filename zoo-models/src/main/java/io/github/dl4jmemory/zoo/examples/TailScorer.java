package io.github.dl4jmemory.zoo.examples;

import io.github.dl4jmemory.layers.ProductKeyMemory;
import io.github.dl4jmemory.layers.RowSparseTraining;
import io.github.dl4jmemory.zoo.examples.KnowledgeGraph.Triple;
import java.util.List;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/**
 * A network that is given a head and a relation and scores every entity as the tail: the vectors of
 * both go through a memory, or through a dense layer of as many multiply-adds, whose output is
 * added to the head's vector.
 */
record TailScorer(int entities, int relations, boolean memory) {
  private static final int WIDTH = 32;
  private static final int HEADS = 2;
  private static final int SUB_KEYS = 128; // 16,384 slots
  private static final int KEY_SIZE = 32;
  private static final int TOP_K = 16;
  private static final double VALUES_RATE = 1e-2;

  // page begin
  ComputationGraph network(double learningRate, long seed) {
    GraphBuilder graph =
        new NeuralNetConfiguration.Builder()
            .seed(seed)
            .updater(new Adam(learningRate))
            .graphBuilder()
            .addInputs("head", "relation")
            .setInputTypes(InputType.feedForward(entities), InputType.feedForward(relations))
            .addLayer("headVector", vectors(entities), "head")
            .addLayer("relationVector", vectors(relations), "relation")
            .addVertex("question", new MergeVertex(), "headVector", "relationVector");
    if (memory) {
      graph.addLayer("answer", lookup(), "question");
    } else {
      graph
          .addLayer("hidden", dense(hidden(), Activation.RELU), "question")
          .addLayer("answer", dense(WIDTH, Activation.IDENTITY), "hidden");
    }
    graph
        .addVertex(
            "tailVector", new ElementWiseVertex(ElementWiseVertex.Op.Add), "headVector", "answer")
        .addLayer("tail", scores(), "tailVector")
        .setOutputs("tail");
    ComputationGraph network = new ComputationGraph(graph.build());
    network.init();
    RowSparseTraining.attach(network);
    return network;
  }

  private static ProductKeyMemory lookup() {
    return ProductKeyMemory.builder()
        .nOut(WIDTH)
        .heads(HEADS)
        .subKeys(SUB_KEYS)
        .keySize(KEY_SIZE)
        .topK(TOP_K)
        .valuesUpdater(new Adam(VALUES_RATE)) // the table's own learning rate
        .build();
  }

  // page end

  private static EmbeddingLayer vectors(int count) {
    return new EmbeddingLayer.Builder().nIn(count).nOut(WIDTH).build();
  }

  private static DenseLayer dense(int size, Activation activation) {
    return new DenseLayer.Builder().nOut(size).activation(activation).hasBias(false).build();
  }

  private OutputLayer scores() {
    return new OutputLayer.Builder(LossFunction.MCXENT)
        .nOut(entities)
        .activation(Activation.SOFTMAX)
        .hasBias(false)
        .build();
  }

  /** Hidden features that cost about what the memory costs. */
  private static int hidden() {
    return Math.round(memoryMultiplyAdds() / (3f * WIDTH));
  }

  private static int memoryMultiplyAdds() {
    int query = HEADS * KEY_SIZE;
    return 2 * WIDTH * query // queries
        + query * SUB_KEYS // scores of all sub-keys
        + HEADS * TOP_K * WIDTH // weighted sum of value rows
        + 2 * WIDTH * WIDTH // gate
        + WIDTH * WIDTH; // output
  }

  /** Multiply-adds of one question; elementwise work is not counted. */
  long multiplyAdds() {
    long answer = memory ? memoryMultiplyAdds() : 3L * WIDTH * hidden();
    return answer + (long) WIDTH * entities;
  }

  /** Questions and, as labels, the true tails. */
  MultiDataSet batch(List<Triple> triples) {
    INDArray tails = Nd4j.zeros(triples.size(), entities);
    for (int i = 0; i < triples.size(); i++) {
      tails.putScalar(i, triples.get(i).tail(), 1);
    }
    return new MultiDataSet(questions(triples), new INDArray[] {tails});
  }

  /** Heads and relations, a column each. */
  static INDArray[] questions(List<Triple> triples) {
    return new INDArray[] {
      column(triples.stream().mapToDouble(Triple::head).toArray()),
      column(triples.stream().mapToDouble(Triple::relation).toArray())
    };
  }

  private static INDArray column(double[] numbers) {
    return Nd4j.createFromArray(numbers)
        .castTo(org.nd4j.linalg.api.buffer.DataType.FLOAT)
        .reshape(-1, 1);
  }
}
