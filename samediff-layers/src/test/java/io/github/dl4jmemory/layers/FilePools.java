package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.MemoryOps;
import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.nio.file.Path;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;

/** Small graphs with two readers of a pool in a file. */
final class FilePools {

  private static final String[] OTHERS = {"hidden1", "memory1", "hidden2", "memory2", "out"};

  private FilePools() {}

  static MemoryPool.Builder pool(Path file, IUpdater updater) {
    return PoolGraphs.pool().valuesUpdater(updater).file(file.toString());
  }

  static ComputationGraph graph(MemoryPool.Builder pool) {
    return PoolGraphs.initialised(
        PoolGraphs.twoReaders(DataType.FLOAT, new Adam(1e-2), pool, "pool"));
  }

  static FileTable table(ComputationGraph graph) {
    return ((MemoryPoolRuntime) graph.getLayer("pool")).fileTable();
  }

  /** The rows of the pool, in float. */
  static INDArray values(ComputationGraph graph) {
    PoolMemory memory = table(graph).file().memory();
    return MemoryOps.readRows(
        memory.values(), Nd4j.arange(memory.values().slots()).castTo(DataType.INT64));
  }

  static void write(ComputationGraph graph, INDArray values) {
    PoolMemory memory = table(graph).file().memory();
    INDArray all = Nd4j.arange(memory.values().slots()).castTo(DataType.INT64);
    MemoryOps.writeRows(memory.values(), all, values, 1);
  }

  static void train(ComputationGraph graph, int from, int to) {
    for (int step = from; step < to; step++) {
      graph.fit(PoolGraphs.batch(DataType.FLOAT, step));
    }
  }

  /** Gives the graph with a file the parameters of one without. */
  static void copy(ComputationGraph from, ComputationGraph to) {
    for (String name : OTHERS) {
      to.getLayer(name).setParams(from.getLayer(name).params().dup());
    }
    write(to, from.getLayer("pool").getParam(MemoryPool.VALUES));
  }

  /** All parameters of a graph without a file and of one with it. */
  static void same(ComputationGraph memory, ComputationGraph file) {
    for (String name : OTHERS) {
      PoolGraphs.sameLayer(name, memory, file);
    }
    INDArray expected = memory.getLayer("pool").getParam(MemoryPool.VALUES);
    AssertClose.same("rows", Elements.doubles(expected), values(file));
  }

  /** All parameters, rows and moments of two graphs with files. */
  static void sameFiles(ComputationGraph expected, ComputationGraph actual) {
    for (String name : OTHERS) {
      PoolGraphs.sameLayer(name, expected, actual);
    }
    AssertClose.same("rows", Elements.doubles(values(expected)), values(actual));
    PoolMemory was = table(expected).file().memory();
    if (was.m() != null) {
      PoolMemory is = table(actual).file().memory();
      AssertClose.same("m", Elements.doubles(was.m()), is.m());
      AssertClose.same("v", Elements.doubles(was.v()), is.v());
    }
  }
}
