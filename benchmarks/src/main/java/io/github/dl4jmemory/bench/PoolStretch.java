package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.layers.MemoryTelemetry;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** As many {@link PoolStep}s as the telemetry listener has between two reports. */
final class PoolStretch implements Workload {
  private static final int STEPS = 100; // MemoryTelemetry's default

  private final PoolNetwork network;

  private PoolStretch(PoolNetwork network) {
    this.network = network;
  }

  static PoolStretch plain(Shape shape) {
    return new PoolStretch(PoolNetwork.trained(shape));
  }

  /** With the listener as it comes, and so with one report. */
  static PoolStretch watched(Shape shape) {
    PoolStretch stretch = plain(shape);
    stretch.network.listen(MemoryTelemetry.builder().build());
    return stretch;
  }

  @Override
  public void run(int iteration) {
    for (int step = 0; step < STEPS; step++) {
      network.fit(iteration * STEPS + step);
    }
  }

  /** Nothing: the listener computes nothing that a network returns. */
  @Override
  public Map<String, INDArray> results() {
    return Map.of();
  }
}
