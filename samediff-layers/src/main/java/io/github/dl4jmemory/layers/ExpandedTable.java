package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.ExpandedRows;
import io.github.dl4jmemory.ops.UltraMemOps;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The expanded bags of a value table that is trained by rows: of slices, each with its weight. */
final class ExpandedTable {

  private final RowTable slices;
  private final int cores;
  private final ExpandedRows rows = new ExpandedRows();

  /** A table whose rows are slices of 1/cores of the values. */
  ExpandedTable(RowTable slices, int cores) {
    this.slices = slices;
    this.cores = cores;
  }

  /**
   * Takes in the gradient of {@link UltraMemOps#expandedBag} with respect to the table.
   *
   * @param values [slots, valueSize]
   * @param slots LONG [bags, bagSize]
   * @param blocks LONG [bags, bagSize]
   * @param weights [bags, bagSize, cores]
   * @param outGradients [bags, expansion, valueSize], contiguous
   * @return the gradient of the weights, [bags, bagSize, cores]
   */
  INDArray backward(
      INDArray values, INDArray slots, INDArray blocks, INDArray weights, INDArray outGradients) {
    int expansion = Math.toIntExact(outGradients.size(1));
    slices.backward(
        () -> {
          rows.group(values, slots, blocks, weights, expansion);
          return new RowTable.Grouped(rows.touched(), rows.weights(), rows.gradients(outGradients));
        });
    return UltraMemOps.expandedBagWeightGradient(values, slots, blocks, outGradients, cores);
  }

  void backwardOfNothing() {
    slices.backwardOfNothing();
  }
}
