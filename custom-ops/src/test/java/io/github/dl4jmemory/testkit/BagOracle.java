package io.github.dl4jmemory.testkit;

import org.nd4j.linalg.api.ndarray.INDArray;

/** The weighted bag as plain loops. */
public final class BagOracle {
  private BagOracle() {}

  /**
   * Weighted sums of rows.
   *
   * @param values [slots, valueSize]
   * @param slots [bags, bagSize]
   * @param weights [bags, bagSize]
   * @return [bags, valueSize] in 'c' order
   */
  public static double[] forward(INDArray values, INDArray slots, INDArray weights) {
    int valueSize = (int) values.size(1);
    int bagSize = (int) slots.size(1);
    double[] table = Elements.doubles(values);
    long[] slot = Elements.longs(slots);
    double[] weight = Elements.doubles(weights);
    double[] out = new double[(int) slots.size(0) * valueSize];
    for (int at = 0; at < slot.length; at++) {
      for (int d = 0; d < valueSize; d++) {
        out[at / bagSize * valueSize + d] += weight[at] * table[(int) slot[at] * valueSize + d];
      }
    }
    return out;
  }

  /**
   * Gradient with respect to the table, dense.
   *
   * @param values [slots, valueSize]
   * @param slots [bags, bagSize]
   * @param weights [bags, bagSize]
   * @param outGradients [bags, valueSize]
   * @return [slots, valueSize] in 'c' order
   */
  public static double[] valueGradient(
      INDArray values, INDArray slots, INDArray weights, INDArray outGradients) {
    int valueSize = (int) values.size(1);
    int bagSize = (int) slots.size(1);
    long[] slot = Elements.longs(slots);
    double[] weight = Elements.doubles(weights);
    double[] gradient = Elements.doubles(outGradients);
    double[] dense = new double[(int) values.length()];
    for (int at = 0; at < slot.length; at++) {
      for (int d = 0; d < valueSize; d++) {
        dense[(int) slot[at] * valueSize + d] +=
            weight[at] * gradient[at / bagSize * valueSize + d];
      }
    }
    return dense;
  }

  /**
   * Gradient with respect to the weights.
   *
   * @param values [slots, valueSize]
   * @param slots [bags, bagSize]
   * @param outGradients [bags, valueSize]
   * @return [bags, bagSize] in 'c' order
   */
  public static double[] weightGradient(INDArray values, INDArray slots, INDArray outGradients) {
    int valueSize = (int) values.size(1);
    int bagSize = (int) slots.size(1);
    double[] table = Elements.doubles(values);
    long[] slot = Elements.longs(slots);
    double[] gradient = Elements.doubles(outGradients);
    double[] weights = new double[slot.length];
    for (int at = 0; at < slot.length; at++) {
      for (int d = 0; d < valueSize; d++) {
        weights[at] +=
            gradient[at / bagSize * valueSize + d] * table[(int) slot[at] * valueSize + d];
      }
    }
    return weights;
  }
}
