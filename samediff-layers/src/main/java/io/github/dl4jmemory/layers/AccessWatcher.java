package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Sees what a pass through a network reads of a table. While a {@link RowTable} is watched, its
 * backward passes go to the watcher alone: the network's gradient view of the table stays as it is.
 * The arrays are the layer's own, valid during the call only.
 */
interface AccessWatcher {

  /**
   * Rows were read.
   *
   * @param slots LONG [bags, bagSize]
   */
  void onRead(INDArray slots);

  /**
   * The gradient of what was read, for all bags of the step.
   *
   * @param slots LONG [bags, bagSize]
   * @param weights [bags, bagSize]; 0 for what fills up a narrower reader's bag
   * @param outGradients [bags, valueSize]
   */
  void onBackward(INDArray slots, INDArray weights, INDArray outGradients);

  /** The backward pass came to a table of which nothing was read. */
  void onBackwardOfNothing();
}
