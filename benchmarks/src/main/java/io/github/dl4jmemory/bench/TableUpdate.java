package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.ops.AdamStep;
import io.github.dl4jmemory.ops.MemoryOps;
import io.github.dl4jmemory.ops.TouchedRows;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A table with its Adam state, trained as a memory layer trains it with RowSparseTraining: gradient
 * and update are one pass over the rows read.
 */
final class TableUpdate {
  private final INDArray values;
  private final INDArray m;
  private final INDArray v;
  private final TouchedRows touched = new TouchedRows();

  TableUpdate(long slots, int valueSize) {
    values = Inputs.uniform(3, slots, valueSize);
    m = Inputs.zeroTable(slots, valueSize);
    v = Inputs.zeroTable(slots, valueSize);
  }

  INDArray values() {
    return values;
  }

  void forward(INDArray slots, INDArray weights, INDArray out) {
    MemoryOps.weightedBag(values, slots, weights, out);
  }

  void backward(INDArray slots, INDArray weights, INDArray outGradients, INDArray weightGradients) {
    group(slots);
    MemoryOps.weightedBagGradient(values, weights, outGradients, touched, null, weightGradients);
  }

  void group(INDArray slots) {
    touched.group(slots, values.size(0));
  }

  /** The gradient and the update of the rows grouped last. */
  void update(INDArray weights, INDArray outGradients, int iteration) {
    AdamStep step = AdamStep.of(1e-3, 0.9, 0.999, 1e-8, iteration, 1);
    MemoryOps.bagAdam(values, m, v, weights, outGradients, touched, step);
  }
}
