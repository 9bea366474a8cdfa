package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.AdamStep;
import io.github.dl4jmemory.ops.TouchedRows;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The rows of a pool file as one storage keeps them. */
interface PoolRows {

  /**
   * The gradient of the rows of a step, before it is formed.
   *
   * @param touched the slots [bags, bagSize], grouped
   * @param weights [bags, bagSize]
   * @param outGradients [bags, valueSize]
   */
  record Bags(TouchedRows touched, INDArray weights, INDArray outGradients) {}

  /** As {@link PoolTable#read}. */
  void read(INDArray slots, INDArray weights, INDArray out);

  /** As {@link PoolTable#weightGradient}. */
  void weightGradient(INDArray slots, INDArray outGradients, INDArray weightGradientsOut);

  /** One step of gradient descent on the rows touched. */
  void sgd(Bags bags, double learningRate, double gradientScale);

  /** One step of lazy Adam on the rows touched. */
  void adam(Bags bags, AdamStep step);
}
