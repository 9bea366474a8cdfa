package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Told what a memory reads, for as long as it is set on the memory's runtime. */
interface AccessObserver {

  /**
   * One pass: in training its backward pass, else its forward pass.
   *
   * @param slots LONG [tokens, heads*topK], of the tokens that are not masked
   * @param weights [tokens, heads*topK]
   */
  void read(INDArray slots, INDArray weights);
}
