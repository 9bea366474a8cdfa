package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.ops.MemoryOps;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The weighted sum of the rows that a batch reads. */
final class Bag implements Workload {
  private final INDArray values;
  private final INDArray[] slots;
  private final INDArray weights;
  private final INDArray out;

  Bag(Shape shape) {
    values = Inputs.uniform(3, shape.slots(), shape.valueSize());
    slots = Inputs.slotSets(shape);
    weights = Inputs.uniform(4, shape.batch(), shape.bagSize());
    out = Nd4j.create(DataType.FLOAT, shape.batch(), shape.valueSize());
  }

  @Override
  public void run(int iteration) {
    MemoryOps.weightedBag(values, slots[iteration % slots.length], weights, out);
  }

  @Override
  public Map<String, INDArray> results() {
    return Map.of("out", out);
  }

  @Override
  public INDArray table() {
    return values;
  }
}
