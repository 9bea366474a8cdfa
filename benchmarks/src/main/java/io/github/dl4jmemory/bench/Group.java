package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.ops.TouchedRows;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The accesses of a batch, grouped by row. */
final class Group implements Workload {
  private final INDArray[] slots;
  private final long slotCount;
  private final TouchedRows touched = new TouchedRows();

  Group(Shape shape) {
    slots = Inputs.slotSets(shape);
    slotCount = shape.slots();
  }

  @Override
  public void run(int iteration) {
    touched.group(slots[iteration % slots.length], slotCount);
  }

  @Override
  public Map<String, INDArray> results() {
    return Map.of("rows", touched.rows());
  }
}
