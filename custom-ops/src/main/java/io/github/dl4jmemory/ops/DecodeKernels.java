package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Attention of one token to a cache; arrays and results as {@link Kernels} has them. */
interface DecodeKernels {
  /** Weights [batch, heads, capacity], up to the count of a row, and out [batch, heads, size]. */
  long attend(DecodeInput input, INDArray weights, INDArray out);
}
