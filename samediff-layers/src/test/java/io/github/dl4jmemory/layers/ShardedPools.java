package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;

/** Graphs of {@link PoolGraphs} with 17 columns over some shards, and the same one undivided. */
final class ShardedPools {

  static final int COLUMNS = 17;
  static final String[] OTHERS = {"hidden1", "memory1", "hidden2", "memory2", "out"};

  private ShardedPools() {}

  static ComputationGraph graph(DataType type, int shards, IUpdater values) {
    return graph(type, shards, values, values);
  }

  /** The table's updater, and that of everything else. */
  static ComputationGraph graph(DataType type, int shards, IUpdater values, IUpdater others) {
    return PoolGraphs.initialised(
        PoolGraphs.twoReaders(type, others, pool(shards).valuesUpdater(values), "pool"));
  }

  static MemoryPool.Builder pool(int shards) {
    return PoolGraphs.pool().valueSize(COLUMNS).shards(shards);
  }

  /** A graph with other shards, and the parameters of this one. */
  static ComputationGraph like(ComputationGraph graph, DataType type, int shards, IUpdater values) {
    return copied(graph, graph(type, shards, values));
  }

  static ComputationGraph copied(ComputationGraph from, ComputationGraph to) {
    MemoryPool.copyValues(from.getLayer("pool"), to.getLayer("pool"));
    for (String name : OTHERS) {
      to.getLayer(name).setParams(from.getLayer(name).params());
    }
    return to;
  }

  /** FLOAT, Adam, trained for three steps. */
  static ComputationGraph trained(int shards) {
    ComputationGraph graph = graph(DataType.FLOAT, shards, new Adam(1e-2));
    for (int step = 0; step < 3; step++) {
      graph.fit(PoolGraphs.batch(DataType.FLOAT, 20 + step));
    }
    return graph;
  }

  /** The whole table of a graph, whatever its shards. */
  static INDArray values(ComputationGraph graph) {
    return joined(graph, key -> graph.getLayer("pool").getParam(key));
  }

  /** The gradient of the whole table. */
  static INDArray gradient(ComputationGraph graph, DataSet batch) {
    graph.setInputs(batch.getFeatures());
    graph.setLabels(batch.getLabels());
    graph.computeGradientAndScore();
    return joined(graph, key -> graph.gradient().getGradientFor("pool_" + key));
  }

  private static INDArray joined(
      ComputationGraph graph, java.util.function.Function<String, INDArray> columns) {
    MemoryPool pool = (MemoryPool) graph.getLayer("pool").conf().getLayer();
    return Nd4j.concat(1, pool.valueKeys().stream().map(columns).toArray(INDArray[]::new));
  }
}
