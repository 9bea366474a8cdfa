package io.github.dl4jmemory.bench;

import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Reads the rows of a batch, all distinct, and updates them by the gradients of what was read. */
final class RowUpdate implements Workload {
  private final TableUpdate table;
  private final INDArray[] slots;
  private final INDArray weights;
  private final INDArray outGradients;
  private final INDArray out;

  RowUpdate(Shape shape) {
    table = new TableUpdate(shape.slots(), shape.valueSize());
    slots = Inputs.slotSets(shape);
    weights = Inputs.uniform(4, shape.batch(), shape.bagSize());
    outGradients = Inputs.uniform(5, shape.batch(), shape.valueSize());
    out = Nd4j.create(DataType.FLOAT, shape.batch(), shape.valueSize());
  }

  @Override
  public void run(int iteration) {
    INDArray read = slots[iteration % slots.length];
    table.forward(read, weights, out);
    table.group(read);
    table.update(weights, outGradients, iteration);
  }

  @Override
  public Map<String, INDArray> results() {
    return Map.of("out", out);
  }
}
