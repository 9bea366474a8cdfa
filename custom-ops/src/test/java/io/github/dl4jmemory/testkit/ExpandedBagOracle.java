package io.github.dl4jmemory.testkit;

import org.nd4j.linalg.api.ndarray.INDArray;

/** The expanded bag as plain loops. */
public final class ExpandedBagOracle {
  private ExpandedBagOracle() {}

  /**
   * Sums of a bag for each block.
   *
   * @param values [slots, valueSize]
   * @param slots [bags, bagSize]
   * @param blocks [bags, bagSize]
   * @param weights [bags, bagSize, cores]
   * @param expansion blocks
   * @return [bags, expansion, valueSize] in 'c' order
   */
  public static double[] forward(
      INDArray values, INDArray slots, INDArray blocks, INDArray weights, int expansion) {
    int size = (int) values.size(1);
    int cores = (int) weights.size(2);
    double[] table = Elements.doubles(values);
    double[] weight = Elements.doubles(weights);
    long[] slot = Elements.longs(slots);
    long[] block = Elements.longs(blocks);
    double[] out = new double[(int) slots.size(0) * expansion * size];
    for (int at = 0; at < slot.length; at++) {
      int bag = at / (int) slots.size(1);
      for (int d = 0; d < size; d++) {
        out[(bag * expansion + (int) block[at]) * size + d] +=
            weight[at * cores + d / (size / cores)] * table[(int) slot[at] * size + d];
      }
    }
    return out;
  }

  /**
   * Gradients with respect to the table, dense, and the weights.
   *
   * @param values [slots, valueSize]
   * @param slots [bags, bagSize]
   * @param blocks [bags, bagSize]
   * @param weights [bags, bagSize, cores]
   * @param outGradients [bags, expansion, valueSize]
   * @return [slots, valueSize] and [bags, bagSize, cores] in 'c' order
   */
  public static double[][] gradients(
      INDArray values, INDArray slots, INDArray blocks, INDArray weights, INDArray outGradients) {
    int size = (int) values.size(1);
    int cores = (int) weights.size(2);
    double[] table = Elements.doubles(values);
    double[] weight = Elements.doubles(weights);
    double[] gradient = Elements.doubles(outGradients);
    long[] slot = Elements.longs(slots);
    long[] block = Elements.longs(blocks);
    double[][] out = {new double[table.length], new double[weight.length]};
    for (int at = 0; at < slot.length; at++) {
      int bag = at / (int) slots.size(1) * (int) outGradients.size(1) + (int) block[at];
      for (int d = 0; d < size; d++) {
        int w = at * cores + d / (size / cores);
        out[0][(int) slot[at] * size + d] += weight[w] * gradient[bag * size + d];
        out[1][w] += gradient[bag * size + d] * table[(int) slot[at] * size + d];
      }
    }
    return out;
  }
}
