package io.github.dl4jmemory.layers;

import org.nd4j.linalg.schedule.FixedSchedule;
import org.nd4j.linalg.schedule.ISchedule;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * A multiple of another learning rate that decays linearly to the rate itself:
 *
 * <pre>
 * base(iteration, epoch) * (1 + (multiple - 1) * max(0, 1 - iteration / steps))
 * </pre>
 *
 * <p>It is the learning rate of a memory's values, with {@code base} that of the other parameters:
 * {@code valuesUpdater(new Adam(new DecayingMultiple(base, 10, steps)))}.
 *
 * <p>Source: Huang et al. 2024, arXiv 2411.12364, section 4 (10 times, decaying to 1 time); 2025,
 * arXiv 2508.18756, section 4.2.9 (4 times).
 *
 * @param base the other learning rate
 * @param multiple factor at iteration 0
 * @param steps iterations until the factor is 1
 */
public record DecayingMultiple(
    @JsonProperty("base") ISchedule base,
    @JsonProperty("multiple") double multiple,
    @JsonProperty("steps") int steps)
    implements ISchedule {

  private static final long serialVersionUID = 1L;

  /**
   * A multiple of a schedule.
   *
   * @param base the other learning rate
   * @param multiple factor at iteration 0
   * @param steps iterations until the factor is 1
   * @throws IllegalArgumentException if there is no base, multiple is not a positive number, or
   *     steps is not positive
   */
  public DecayingMultiple {
    String title = "DecayingMultiple";
    Require.that(base != null, title, "base", "a schedule", base, "use new FixedSchedule(1e-3)");
    Require.that(
        multiple > 0 && multiple < Double.POSITIVE_INFINITY,
        title,
        "multiple",
        "a positive number",
        multiple,
        "use 10");
    Require.positive(steps, title, "steps", "use the iterations of the whole training");
  }

  /**
   * A multiple of a rate that does not change.
   *
   * @param base the other learning rate
   * @param multiple factor at iteration 0
   * @param steps iterations until the factor is 1
   */
  public DecayingMultiple(double base, double multiple, int steps) {
    this(new FixedSchedule(base), multiple, steps);
  }

  @Override
  public double valueAt(int iteration, int epoch) {
    double left = Math.max(0, 1 - iteration / (double) steps);
    return base.valueAt(iteration, epoch) * (1 + (multiple - 1) * left);
  }

  @Override
  public ISchedule clone() {
    return new DecayingMultiple(base.clone(), multiple, steps);
  }
}
