package io.github.dl4jmemory.bench;

import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Forward, backward and Adam update of a value table, at given slots. */
final class TableStep implements Workload {
  private static final int ROWS_COMPARED = 1000;

  private final TableUpdate table;
  private final INDArray[] slots;
  private final INDArray weights;
  private final INDArray outGradients;
  private final INDArray out;
  private final INDArray weightGradients;

  TableStep(Shape shape) {
    table = new TableUpdate(shape.slots(), shape.valueSize());
    slots = Inputs.slotSets(shape);
    weights = Inputs.uniform(4, shape.batch(), shape.bagSize());
    outGradients = Inputs.uniform(5, shape.batch(), shape.valueSize());
    out = Nd4j.create(DataType.FLOAT, shape.batch(), shape.valueSize());
    weightGradients = Nd4j.create(DataType.FLOAT, shape.batch(), shape.bagSize());
  }

  @Override
  public void run(int iteration) {
    INDArray read = slots[iteration % slots.length];
    table.forward(read, weights, out);
    table.backward(read, weights, outGradients, weightGradients);
    table.update(weights, outGradients, iteration);
  }

  @Override
  public Map<String, INDArray> results() {
    INDArray some = table.values().get(NDArrayIndex.interval(0, ROWS_COMPARED));
    return Map.of("out", out, "weightGradients", weightGradients, "values", some);
  }

  @Override
  public INDArray table() {
    return table.values();
  }
}
