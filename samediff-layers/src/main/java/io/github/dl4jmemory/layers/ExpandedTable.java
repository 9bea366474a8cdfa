package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.ExpandedRows;
import io.github.dl4jmemory.ops.UltraMemOps;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A value table that is a parameter of the network: of slices, each with its weight. */
final class ExpandedTable implements ExpandedValues {

  private final RowTable slices;
  private final int cores;
  private final ExpandedRows rows = new ExpandedRows();

  /** A table whose rows are slices of 1/cores of the values. */
  ExpandedTable(RowTable slices, int cores) {
    this.slices = slices;
    this.cores = cores;
  }

  /** [slots, valueSize]. */
  private INDArray values() {
    INDArray all = slices.values();
    return all.reshape('c', all.size(0) / cores, all.size(1) * cores);
  }

  @Override
  public INDArray read(INDArray slots, INDArray blocks, INDArray weights, int expansion) {
    return UltraMemOps.expandedBag(values(), slots, blocks, weights, expansion);
  }

  @Override
  public INDArray backward(
      INDArray slots, INDArray blocks, INDArray weights, INDArray outGradients) {
    INDArray values = values();
    int expansion = Math.toIntExact(outGradients.size(1));
    slices.backward(
        () -> {
          rows.group(values, slots, blocks, weights, expansion);
          return new RowTable.Grouped(rows.touched(), rows.weights(), rows.gradients(outGradients));
        });
    return UltraMemOps.expandedBagWeightGradient(values, slots, blocks, outGradients, cores);
  }

  @Override
  public void backwardOfNothing() {
    slices.backwardOfNothing();
  }
}
