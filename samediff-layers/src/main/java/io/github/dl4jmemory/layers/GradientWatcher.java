package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.MemoryOps;
import java.util.Arrays;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Keeps the gradients of the rows that a backward pass reaches, and how often it reaches each. */
final class GradientWatcher implements AccessWatcher {

  private final INDArray values;
  private long[] rows = new long[0];
  private long[] counts = new long[0];
  private INDArray rowGradients;
  private boolean reached;

  GradientWatcher(INDArray values) {
    this.values = values;
  }

  /** Whether the backward pass came to the table: not to one in a frozen layer. */
  boolean reached() {
    return reached;
  }

  /** The distinct rows read, ascending. */
  long[] rows() {
    return rows;
  }

  /** For every row, the accesses whose weight and whose bag's gradient are not zero. */
  long[] counts() {
    return counts;
  }

  /** [rows, valueSize]. */
  INDArray rowGradients() {
    return rowGradients;
  }

  @Override
  public void onRead(INDArray slots) {
    // the backward pass names the rows
  }

  @Override
  public void onBackwardOfNothing() {
    reached = true;
  }

  @Override
  @SuppressWarnings("try") // the workspace is left by closing what is not used
  public void onBackward(INDArray slots, INDArray weights, INDArray outGradients) {
    reached = true;
    try (MemoryWorkspace none = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
      MemoryOps.BagGradient gradient =
          MemoryOps.weightedBagGradient(values, slots, weights, outGradients);
      rows = gradient.rows().dup('c').data().asLong();
      rowGradients = gradient.rowGradients();
      count(slots, weights, outGradients);
    }
  }

  private void count(INDArray slots, INDArray weights, INDArray outGradients) {
    counts = new long[rows.length];
    long[] slot = slots.dup('c').data().asLong();
    double[] weight = weights.dup('c').data().asDouble();
    double[] largest = outGradients.dup('c').amax(1).data().asDouble();
    int bagSize = Math.toIntExact(slots.size(1));
    for (int i = 0; i < slot.length; i++) {
      if (weight[i] != 0 && largest[i / bagSize] != 0) {
        counts[Arrays.binarySearch(rows, slot[i])]++;
      }
    }
  }
}
