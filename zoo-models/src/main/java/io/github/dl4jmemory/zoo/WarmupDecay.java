package io.github.dl4jmemory.zoo;

import org.nd4j.linalg.schedule.ISchedule;
import org.nd4j.shade.jackson.annotation.JsonCreator;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * Learning rate that rises linearly over the first {@code warmup} iterations behind {@code start}
 * and then falls linearly to zero at iteration {@code start + steps}; with {@code i} counted from
 * start:
 *
 * <pre>
 * peak * min(1, (i + 1) / warmup) * (1 - i / steps)
 * </pre>
 *
 * <p>DL4J's own PolySchedule of M2.1 rises instead of falling, and its RampSchedule cannot be read
 * back from JSON.
 */
record WarmupDecay(double peak, int warmup, int steps, int start) implements ISchedule {

  @JsonCreator
  WarmupDecay(
      @JsonProperty("peak") double peak,
      @JsonProperty("warmup") int warmup,
      @JsonProperty("steps") int steps,
      @JsonProperty("start") int start) {
    this.peak = peak;
    this.warmup = warmup;
    this.steps = steps;
    this.start = start;
  }

  WarmupDecay(double peak, int warmup, int steps) {
    this(peak, warmup, steps, 0);
  }

  @Override
  public double valueAt(int iteration, int epoch) {
    int i = iteration - start;
    double rise = warmup == 0 ? 1 : Math.min(1, (i + 1.0) / warmup);
    return peak * rise * Math.max(0, 1 - i / (double) steps);
  }

  @Override
  public ISchedule clone() {
    return this; // immutable
  }
}
