package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The rows that the readers of a pool share, or a shard's columns of them, wherever they are kept.
 * A step reads any number of bags, asks for the gradient of their weights, and is ended by one
 * backward of them all. Slots are LONG or INT.
 */
interface PoolTable {

  /**
   * Reads {@code out[bag] = sum_k weights[bag, k] * values[slots[bag, k]]}.
   *
   * @param slots [bags, bagSize]
   * @param weights [bags, bagSize]
   * @param out [bags, valueSize], assigned
   */
  void read(INDArray slots, INDArray weights, INDArray out);

  /**
   * The gradient of {@link #read} with respect to the weights.
   *
   * @param slots [bags, bagSize]
   * @param outGradients [bags, valueSize]
   * @param weightGradientsOut [bags, bagSize], assigned
   */
  void weightGradient(INDArray slots, INDArray outGradients, INDArray weightGradientsOut);

  /**
   * Takes in the gradient of {@link #read} with respect to the values, for all bags of a step.
   *
   * @param slots [bags, bagSize]
   * @param weights [bags, bagSize]
   * @param outGradients [bags, valueSize]
   */
  void backward(INDArray slots, INDArray weights, INDArray outGradients);

  /** A step that touches no row. */
  void backwardOfNothing();
}
