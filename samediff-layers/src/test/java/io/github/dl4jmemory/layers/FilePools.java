package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.CompactTable;
import io.github.dl4jmemory.ops.MemoryOps;
import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.stream.LongStream;
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
    return ((LayerRuntime<?>) graph.getLayer("pool")).fileTables().iterator().next();
  }

  /** The rows of the pool, in float. */
  static INDArray values(ComputationGraph graph) {
    return values(table(graph));
  }

  /** The rows of a table in a file, in float. */
  static INDArray values(FileTable table) {
    CompactTable rows = all(table.file()).values();
    return MemoryOps.readRows(rows, Nd4j.arange(rows.slots()).castTo(DataType.INT64));
  }

  private static long[] slots(PoolFile file) {
    return LongStream.range(0, file.layout().slots()).toArray();
  }

  /** All rows, and their moments; good until the file is used again. */
  static PoolRows all(PoolFile file) {
    try {
      return file.window().rows(slots(file), 0, slots(file).length);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static void write(FileTable table, INDArray values) {
    PoolFile file = table.file();
    CompactTable rows = all(file).values();
    MemoryOps.writeRows(rows, Nd4j.arange(rows.slots()).castTo(DataType.INT64), values, 1);
    try {
      file.window().write(slots(file), 0, slots(file).length);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
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
    write(table(to), from.getLayer("pool").getParam(MemoryPool.VALUES));
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
    PoolRows was = all(table(expected).file());
    if (was.m() != null) {
      PoolRows is = all(table(actual).file());
      AssertClose.same("m", Elements.doubles(was.m()), is.m());
      AssertClose.same("v", Elements.doubles(was.v()), is.v());
    }
  }
}
