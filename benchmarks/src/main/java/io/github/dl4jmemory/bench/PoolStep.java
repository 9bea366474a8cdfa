package io.github.dl4jmemory.bench;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A training step of a network whose three memories read one pool. */
final class PoolStep implements Workload {
  private final PoolNetwork network;

  PoolStep(Shape shape) {
    network = PoolNetwork.trained(shape);
  }

  @Override
  public void run(int iteration) {
    network.fit(iteration);
  }

  /** Nothing: the other side reads a table that is never changed. */
  @Override
  public Map<String, INDArray> results() {
    return Map.of();
  }
}
