package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;

/** Networks and batches for edits. */
final class Edits {

  private static final int SLOTS_OF_A_HALF = 31;

  private Edits() {}

  /** Two readers of one pool of 961 slots, trained a little. */
  static ComputationGraph trained(DataType type, boolean attached) {
    return trained(type, attached, new Adam(1e-2));
  }

  static ComputationGraph trained(DataType type, boolean attached, IUpdater values) {
    MemoryPool.Builder pool = PoolGraphs.pool().subKeys(SLOTS_OF_A_HALF).valuesUpdater(values);
    ComputationGraph network =
        PoolGraphs.initialised(PoolGraphs.twoReaders(type, new Adam(1e-2), pool, "pool"));
    if (attached) {
      RowSparseTraining.attach(network);
    }
    for (int step = 0; step < 3; step++) {
      network.fit(PoolGraphs.batch(type, step));
    }
    return network;
  }

  static MultiDataSet batch(DataType type, int seed) {
    return PoolGraphs.batch(type, seed).toMultiDataSet();
  }

  /** A batch of one example of {@link #batch}. */
  static MultiDataSet example(DataType type, int seed, int row) {
    return PoolGraphs.batch(type, seed).get(row).toMultiDataSet();
  }

  static AccessCounts background(ComputationGraph network, DataType type) {
    List<MultiDataSet> batches = new ArrayList<>();
    for (int seed = 20; seed < 25; seed++) {
      batches.add(batch(type, seed));
    }
    return AccessCounts.of(network, batches.iterator());
  }

  static MemoryEditor.Builder editor(ComputationGraph network) {
    DataType type = network.getConfiguration().getDataType();
    return MemoryEditor.builder(network, background(network, type)).rows(7).learningRate(0.5);
  }

  /** The slots of a table that a batch reads. */
  static Set<Long> read(ComputationGraph network, String layer, MultiDataSet batch) {
    AccessCounts counts = AccessCounts.of(network, List.of(batch).iterator());
    Set<Long> slots = new TreeSet<>();
    for (long slot = 0; slot < network.getLayer(layer).getParam("V").size(0); slot++) {
      if (counts.batchesThatRead(layer, slot) > 0) {
        slots.add(slot);
      }
    }
    return slots;
  }

  /** The slots whose rows differ. */
  static Set<Long> changed(INDArray before, INDArray after) {
    Set<Long> slots = new TreeSet<>();
    for (long slot = 0; slot < before.size(0); slot++) {
      if (!before.getRow(slot).equals(after.getRow(slot))) {
        slots.add(slot);
      }
    }
    return slots;
  }

  static INDArray values(ComputationGraph network) {
    return network.getLayer("pool").getParam("V");
  }

  /** [1, time] with these elements. */
  static INDArray row(double... elements) {
    return Nd4j.createFromArray(new double[][] {elements}).castTo(DataType.FLOAT);
  }
}
