package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;

/** Small graphs whose memories read a pool, every size a prime of its own. */
final class PoolGraphs {

  static final int HIDDEN = 7;
  static final int SUB_KEYS = 11;
  static final int VALUE_SIZE = 3;

  private PoolGraphs() {}

  static MemoryPool.Builder pool() {
    return MemoryPool.builder().subKeys(SUB_KEYS).valueSize(VALUE_SIZE);
  }

  /** 6 accesses a token. */
  static PooledMemory wide() {
    return PooledMemory.builder().heads(2).keySize(6).topK(3).build();
  }

  /** 2 accesses a token. */
  static PooledMemory narrow() {
    return PooledMemory.builder().heads(1).keySize(10).topK(2).gate(false).build();
  }

  /**
   * Two readers at different depths: hidden1, + memory1 = sum1, hidden2, + memory2 = sum2, out.
   *
   * @param secondPool name of the pool of memory2: "pool", or another one, which is added
   */
  static GraphBuilder twoReaders(
      DataType type, IUpdater updater, MemoryPool.Builder pool, String secondPool) {
    GraphBuilder graph =
        Networks.settings(type, updater)
            .graphBuilder()
            .addInputs("in")
            .setInputTypes(InputType.feedForward(Networks.IN))
            .addLayer("pool", pool.build(), "in");
    if (!secondPool.equals("pool")) {
      graph.addLayer(secondPool, pool.build(), "in");
    }
    graph.addLayer("hidden1", dense(), "in");
    wide().addTo(graph, "memory1", "hidden1", "pool");
    graph
        .addVertex("sum1", new ElementWiseVertex(ElementWiseVertex.Op.Add), "hidden1", "memory1")
        .addLayer("hidden2", dense(), "sum1");
    narrow().addTo(graph, "memory2", "hidden2", secondPool);
    return graph
        .addVertex("sum2", new ElementWiseVertex(ElementWiseVertex.Op.Add), "hidden2", "memory2")
        .addLayer("out", Networks.output(), "sum2")
        .setOutputs("out");
  }

  static ComputationGraph initialised(GraphBuilder builder) {
    ComputationGraph graph = new ComputationGraph(builder.build());
    graph.init();
    return graph;
  }

  /** Two readers, FLOAT, Adam. */
  static ComputationGraph forTraining() {
    return initialised(twoReaders(DataType.FLOAT, new Adam(1e-2), pool(), "pool"));
  }

  /** Two readers, DOUBLE, for gradients: no parameter is updated but the table, as given. */
  static ComputationGraph forGradients(IUpdater values, String secondPool) {
    return initialised(
        twoReaders(DataType.DOUBLE, new NoOp(), pool().valuesUpdater(values), secondPool));
  }

  /** Wraps a layer of the graph's configuration into DL4J's frozen layer that passes gradients. */
  static void freezeWithBackprop(ComputationGraph graph, String name) {
    LayerVertex vertex = (LayerVertex) graph.getConfiguration().getVertices().get(name);
    vertex.getLayerConf().setLayer(new FrozenLayerWithBackprop(vertex.getLayerConf().getLayer()));
  }

  private static DenseLayer dense() {
    return new DenseLayer.Builder().nOut(HIDDEN).activation(Activation.TANH).build();
  }

  static DataSet batch(DataType type, int seed) {
    Nd4j.getRandom().setSeed(500 + seed);
    return new DataSet(Nd4j.randn(type, 13, Networks.IN), Nd4j.randn(type, 13, Networks.OUT));
  }

  static void same(String what, ComputationGraph expected, ComputationGraph actual) {
    AssertClose.same(what + ": parameters", Elements.doubles(expected.params()), actual.params());
    AssertClose.same(
        what + ": updater state",
        Elements.doubles(expected.getUpdater().getStateViewArray()),
        actual.getUpdater().getStateViewArray());
  }

  static void sameLayer(String name, ComputationGraph expected, ComputationGraph actual) {
    Layer was = expected.getLayer(name);
    AssertClose.same(name, Elements.doubles(was.params()), actual.getLayer(name).params());
  }
}
