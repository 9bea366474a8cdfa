package io.github.dl4jmemory.testkit;

import io.github.dl4jmemory.ops.AdamStep;

/** Updates of table rows as plain loops, on arrays of [slots * valueSize]. */
public final class RowUpdateOracle {
  private RowUpdateOracle() {}

  /**
   * Lazy Adam: moments of the rows change in place.
   *
   * @param rows the rows
   * @param valueSize elements of a row
   * @param gradients table-shaped gradients, read at rows
   * @param m table-shaped first moments
   * @param v table-shaped second moments
   * @param step the numbers of the step
   * @return table-shaped updates, zero outside the rows
   */
  public static double[] adam(
      long[] rows, int valueSize, double[] gradients, double[] m, double[] v, AdamStep step) {
    double[] updates = new double[gradients.length];
    for (long row : rows) {
      for (int d = 0; d < valueSize; d++) {
        int at = (int) row * valueSize + d;
        double g = step.gradientScale() * gradients[at];
        m[at] = step.beta1() * m[at] + (1 - step.beta1()) * g;
        v[at] = step.beta2() * v[at] + (1 - step.beta2()) * g * g;
        updates[at] = step.stepSize() * m[at] / (Math.sqrt(v[at]) + step.epsilon());
      }
    }
    return updates;
  }

  /**
   * Gradient descent.
   *
   * @param rows the rows
   * @param valueSize elements of a row
   * @param gradients table-shaped gradients, read at rows
   * @param stepSize factor on the gradient
   * @return table-shaped updates, zero outside the rows
   */
  public static double[] sgd(long[] rows, int valueSize, double[] gradients, double stepSize) {
    double[] updates = new double[gradients.length];
    for (long row : rows) {
      for (int d = 0; d < valueSize; d++) {
        int at = (int) row * valueSize + d;
        updates[at] = stepSize * gradients[at];
      }
    }
    return updates;
  }
}
