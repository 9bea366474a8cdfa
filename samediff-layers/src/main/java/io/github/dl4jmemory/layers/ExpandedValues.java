package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.UltraMemOps;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The expanded bags of a value table that is trained by rows, wherever the rows are kept. */
interface ExpandedValues {

  /**
   * {@link UltraMemOps#expandedBag} of the table.
   *
   * @param slots LONG [bags, bagSize]
   * @param blocks LONG [bags, bagSize]
   * @param weights [bags, bagSize, cores]
   * @param expansion blocks
   * @return [bags, expansion, valueSize]
   */
  INDArray read(INDArray slots, INDArray blocks, INDArray weights, int expansion);

  /**
   * Takes in the gradient of {@link #read} with respect to the table.
   *
   * @param slots LONG [bags, bagSize]
   * @param blocks LONG [bags, bagSize]
   * @param weights [bags, bagSize, cores]
   * @param outGradients [bags, expansion, valueSize], contiguous
   * @return the gradient of the weights, [bags, bagSize, cores]
   */
  INDArray backward(INDArray slots, INDArray blocks, INDArray weights, INDArray outGradients);

  /** A step that touches no row. */
  void backwardOfNothing();
}
