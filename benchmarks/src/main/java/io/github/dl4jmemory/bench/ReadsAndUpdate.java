package io.github.dl4jmemory.bench;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a {@link PoolStep} is made of: a training step of the same network with a frozen pool, which
 * is three reads, and one update of a table at the same slots.
 */
final class ReadsAndUpdate implements Workload {
  private final PoolNetwork network;
  private final TableUpdate table;
  private final INDArray[] slots;
  private final INDArray weights;
  private final INDArray outGradients;

  ReadsAndUpdate(Shape shape) {
    network = PoolNetwork.frozen(shape);
    table = new TableUpdate(shape.slots(), shape.valueSize());
    slots = network.slots();
    weights = Inputs.uniform(4, slots[0].shape());
    outGradients = Inputs.uniform(5, slots[0].size(0), shape.valueSize());
  }

  @Override
  public void run(int iteration) {
    network.fit(iteration);
    table.group(slots[iteration % slots.length]);
    table.update(weights, outGradients, iteration);
  }

  /** Nothing: see {@link PoolStep}. */
  @Override
  public Map<String, INDArray> results() {
    return Map.of();
  }
}
