package io.github.dl4jmemory.zoo;

import org.nd4j.linalg.schedule.ISchedule;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * Learning rate that rises linearly over the first {@code warmup} iterations and then falls
 * linearly to zero at iteration {@code steps}:
 *
 * <pre>
 * peak * min(1, (i + 1) / warmup) * (1 - i / steps)
 * </pre>
 *
 * <p>DL4J's own PolySchedule of M2.1 rises instead of falling, and its RampSchedule cannot be read
 * back from JSON.
 */
record WarmupDecay(
    @JsonProperty("peak") double peak,
    @JsonProperty("warmup") int warmup,
    @JsonProperty("steps") int steps)
    implements ISchedule {

  @Override
  public double valueAt(int iteration, int epoch) {
    double rise = warmup == 0 ? 1 : Math.min(1, (iteration + 1.0) / warmup);
    return peak * rise * Math.max(0, 1 - iteration / (double) steps);
  }

  @Override
  public ISchedule clone() {
    return this; // immutable
  }
}
