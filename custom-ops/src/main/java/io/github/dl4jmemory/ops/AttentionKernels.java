package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** The attention kernels; arrays and results as {@link Kernels} has them. */
interface AttentionKernels {
  /** Out [batch, time, heads, headSize] and logSums [batch, heads, time]. */
  long forward(AttentionInput input, INDArray out, INDArray logSums);

  /** Gradients of query, keys and values, in the shapes of these. */
  long backward(
      AttentionInput input,
      INDArray out,
      INDArray logSums,
      INDArray outGradients,
      INDArray queryGradients,
      INDArray keyGradients,
      INDArray valueGradients);
}
