package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.MemoryOps;
import java.util.Arrays;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** One step of gradient descent on chosen rows of a table. */
final class RowEdit {

  private final EditedTable memory;
  private final long[] slots;
  private final INDArray gradients; // null: no rows
  private final double[][] before;
  private double[][] after;

  private RowEdit(EditedTable memory, long[] slots, INDArray gradients) {
    this.memory = memory;
    this.slots = slots;
    this.gradients = gradients;
    this.before = memory.rows(slots);
    this.after = before;
  }

  static RowEdit of(EditedTable memory, GradientWatcher seen, RowSelection selection) {
    int[] places = selection.of(seen.rows(), seen.counts());
    long[] slots = IntStream.of(places).mapToLong(i -> seen.rows()[i]).toArray();
    INDArray gradients =
        places.length == 0 ? null : Nd4j.pullRows(seen.rowGradients(), 1, places, 'c');
    return new RowEdit(memory, slots, gradients);
  }

  void descend(double learningRate) {
    if (gradients != null) {
      double rate = learningRate * memory.table().gradientScale();
      MemoryOps.rowSgd(memory.values(), Nd4j.createFromArray(slots), gradients, rate);
      after = memory.rows(slots);
    }
  }

  boolean isFinite() {
    return Arrays.stream(after).flatMapToDouble(DoubleStream::of).allMatch(Double::isFinite);
  }

  void takeBack() {
    for (int i = 0; i < slots.length; i++) {
      memory.assign(slots[i], before[i]);
    }
  }

  void recordIn(EditJournal journal, String tag) {
    for (int i = 0; i < slots.length; i++) {
      journal.record(tag, memory, slots[i], before[i], after[i]);
    }
  }
}
