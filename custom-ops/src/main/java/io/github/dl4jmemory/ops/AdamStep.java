package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.buffer.DataType;

/**
 * The numbers of one Adam step.
 *
 * <pre>
 * g = gradientScale * gradient
 * m = beta1 * m + (1 - beta1) * g
 * v = beta2 * v + (1 - beta2) * g * g
 * u = stepSize * m / (sqrt(v) + epsilon)
 * </pre>
 *
 * @param stepSize learning rate with the bias correction in it
 * @param beta1 decay of the first moment, in [0, 1)
 * @param beta2 decay of the second moment, in [0, 1)
 * @param epsilon added to the root of the second moment; more than 0
 * @param gradientScale factor on every gradient, such as 1 / batch
 */
public record AdamStep(
    double stepSize, double beta1, double beta2, double epsilon, double gradientScale) {

  /**
   * Checks the numbers.
   *
   * @param stepSize learning rate with the bias correction in it
   * @param beta1 decay of the first moment, in [0, 1)
   * @param beta2 decay of the second moment, in [0, 1)
   * @param epsilon added to the root of the second moment; more than 0
   * @param gradientScale factor on every gradient
   * @throws IllegalArgumentException if a number is outside its range
   */
  public AdamStep {
    Require require = Require.op("AdamStep");
    decay(require, "beta1", beta1);
    decay(require, "beta2", beta2);
    require.finite("stepSize", stepSize);
    require.finite("gradientScale", gradientScale);
    if (!(epsilon > 0 && epsilon < Double.POSITIVE_INFINITY)) {
      throw require.error(
          "epsilon", "a finite number > 0", Double.toString(epsilon), "1e-8 is usual");
    }
  }

  /** The step that an op was given, with numbers that the dtype of its table holds. */
  static void require(Require require, AdamStep step, DataType type) {
    require.present("step", step);
    require.finite("step.stepSize", step.stepSize, type);
    require.finite("step.gradientScale", step.gradientScale, type);
    require.finite("step.epsilon", step.epsilon, type);
    if (type == DataType.FLOAT && (float) step.epsilon == 0) {
      throw require.error(
          "step.epsilon", "a number > 0 as FLOAT", Double.toString(step.epsilon), "1e-8 is usual");
    }
  }

  private static void decay(Require require, String name, double value) {
    if (!(value >= 0 && value < 1)) {
      throw require.error(
          name, "a number in [0, 1)", Double.toString(value), "0.9 and 0.999 are usual");
    }
  }

  /**
   * The step of DL4J's Adam updater: {@code stepSize = learningRate * sqrt(1 - beta2^t) / (1 -
   * beta1^t)} with {@code t = iteration + 1} (Kingma and Ba 2015, end of section 2).
   *
   * @param learningRate the learning rate of this iteration
   * @param beta1 decay of the first moment, in [0, 1)
   * @param beta2 decay of the second moment, in [0, 1)
   * @param epsilon added to the root of the second moment; more than 0
   * @param iteration number of steps taken before this one, from 0
   * @param gradientScale factor on every gradient
   * @return the step
   * @throws IllegalArgumentException if a number is outside its range
   */
  public static AdamStep of(
      double learningRate,
      double beta1,
      double beta2,
      double epsilon,
      int iteration,
      double gradientScale) {
    if (iteration < 0) {
      throw Require.op("AdamStep")
          .error("iteration", "a number >= 0", Integer.toString(iteration), "count from 0");
    }
    double t = iteration + 1.0;
    double correction = Math.sqrt(1 - Math.pow(beta2, t)) / (1 - Math.pow(beta1, t));
    return new AdamStep(learningRate * correction, beta1, beta2, epsilon, gradientScale);
  }
}
