package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** One implementation of the kernels of {@link UltraMemOps}; arrays and statuses as in Kernels. */
interface UltraMemKernels {
  /**
   * Scores [batch, heads, topK, cores] and slots [batch, heads, topK].
   *
   * @param keyEpsilon of the normalisation of keys; 0 for keys as they are
   */
  long tuckerTopK(
      INDArray query,
      INDArray keys,
      INDArray cores,
      INDArray filters,
      double keyEpsilon,
      INDArray scores,
      INDArray slots);

  /** The selection alone, from key scores [batch, heads, 2, rank, subKeys]. */
  long tuckerSelect(
      INDArray keyScores, INDArray cores, INDArray filters, INDArray scores, INDArray slots);

  /** Query, keys, cores, slots and score gradients to the gradients of the first three. */
  long tuckerTopKGradient(INDArray[] in, INDArray dQuery, INDArray dKeys, INDArray dCores);

  /** Slots and blocks were checked. */
  long expandedBag(
      INDArray values, INDArray slots, INDArray blocks, INDArray weights, INDArray out);

  /** Slots and blocks were checked. */
  long expandedBagWeightGradient(
      INDArray values, INDArray slots, INDArray blocks, INDArray outGradients, INDArray dWeights);
}
