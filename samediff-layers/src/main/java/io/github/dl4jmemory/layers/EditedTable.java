package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A memory's value table in a network, by the name of its layer, row by row and bit for bit. */
record EditedTable(String name, RowTable table) {

  /** The tables of all ProductKeyMemory and MemoryPool layers of a network, in its order. */
  static List<EditedTable> all(String owner, ComputationGraph network) {
    requireInitialised(owner, network);
    List<EditedTable> tables = new ArrayList<>();
    for (int index : network.topologicalSortOrder()) {
      GraphVertex vertex = network.getVertices()[index];
      Layer layer = inside(vertex.getLayer());
      if (layer instanceof ProductKeyMemoryRuntime || layer instanceof MemoryPoolRuntime) {
        RowTable table = ((LayerRuntime<?>) layer).rowTable();
        Require.that(
            table != null,
            owner,
            "network",
            "tables that are one parameter each",
            ((LayerRuntime<?>) layer).title() + ", which has shards or a file",
            "edit a network whose pool has neither; MemoryPool.copyValues joins shards");
        tables.add(new EditedTable(vertex.getVertexName(), table));
      }
    }
    Require.that(
        !tables.isEmpty(),
        owner,
        "network",
        "a network with a ProductKeyMemory or a MemoryPool",
        "one without",
        "edit networks that have a memory");
    return tables;
  }

  static void requireInitialised(String owner, ComputationGraph network) {
    Require.that(network != null, owner, "network", "a ComputationGraph", "null", "pass one");
    Require.that(
        network.getVertices() != null,
        owner,
        "network",
        "an initialised network",
        "one without layers",
        "call network.init() before");
  }

  static Layer inside(Layer layer) {
    Layer inside = layer;
    while (inside instanceof BaseWrapperLayer wrapper) {
      inside = wrapper.getUnderlying();
    }
    return inside;
  }

  void watch(AccessWatcher watcher) {
    table.watch(watcher);
  }

  INDArray values() {
    return table.values();
  }

  long slots() {
    return values().size(0);
  }

  int valueSize() {
    return Math.toIntExact(values().size(1));
  }

  DataType type() {
    return values().dataType();
  }

  /** The numbers of a row; float numbers are exact in double. */
  double[] row(long slot) {
    return values().getRow(slot).dup('c').data().asDouble();
  }

  /** The numbers of several rows, read at once. */
  double[][] rows(long[] slots) {
    double[][] rows = new double[slots.length][];
    if (slots.length > 0) {
      int[] indices = LongStream.of(slots).mapToInt(Math::toIntExact).toArray();
      double[] all = Nd4j.pullRows(values(), 1, indices, 'c').data().asDouble();
      for (int i = 0; i < rows.length; i++) {
        rows[i] = Arrays.copyOfRange(all, i * valueSize(), (i + 1) * valueSize());
      }
    }
    return rows;
  }

  /** Writes numbers that {@link #row} gave: the row gets back its bits. */
  void assign(long slot, double[] numbers) {
    INDArray row;
    if (type() == DataType.DOUBLE) {
      row = Nd4j.createFromArray(numbers);
    } else {
      float[] floats = new float[numbers.length];
      for (int i = 0; i < floats.length; i++) {
        floats[i] = (float) numbers[i];
      }
      row = Nd4j.createFromArray(floats);
    }
    values().getRow(slot).assign(row);
  }

  static boolean sameBits(double[] a, double[] b) {
    return Arrays.equals(a, b); // compares doubleToLongBits: 0 and -0 differ
  }
}
