package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.ops.AdamStep;
import io.github.dl4jmemory.ops.MemoryOps;
import java.util.Arrays;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Reads the rows of a batch and updates them by given gradients. */
final class RowUpdate implements Workload {
  private final INDArray values;
  private final INDArray m;
  private final INDArray v;
  private final INDArray[] slots;
  private final INDArray[] rows;
  private final INDArray weights;
  private final INDArray rowGradients;
  private final INDArray out;

  RowUpdate(Shape shape) {
    values = Inputs.uniform(3, shape.slots(), shape.valueSize());
    m = Inputs.zeroTable(shape.slots(), shape.valueSize());
    v = Inputs.zeroTable(shape.slots(), shape.valueSize());
    slots = Inputs.slotSets(shape);
    rows = new INDArray[slots.length];
    Arrays.setAll(rows, set -> ascending(Inputs.slots(shape, set)));
    weights = Inputs.uniform(4, shape.batch(), shape.bagSize());
    rowGradients = Inputs.uniform(5, shape.accesses(), shape.valueSize());
    out = Nd4j.create(DataType.FLOAT, shape.batch(), shape.valueSize());
  }

  private static INDArray ascending(long[] slots) {
    Arrays.sort(slots);
    return Nd4j.createFromArray(slots);
  }

  @Override
  public void run(int iteration) {
    int set = iteration % slots.length;
    MemoryOps.weightedBag(values, slots[set], weights, out);
    AdamStep step = AdamStep.of(1e-3, 0.9, 0.999, 1e-8, iteration, 1);
    MemoryOps.rowAdam(values, m, v, rows[set], rowGradients, step);
  }

  @Override
  public Map<String, INDArray> results() {
    return Map.of("out", out);
  }
}
