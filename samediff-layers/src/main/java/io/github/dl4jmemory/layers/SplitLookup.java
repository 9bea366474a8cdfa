package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.MemoryOps;
import io.github.dl4jmemory.ops.MemoryOps.HalfTopK;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * A lookup by two workers: each scores one half of the sub-keys and ranks the best of it; then the
 * ranked halves are merged. The bits are those of the lookup in one.
 */
final class SplitLookup {

  private final ShardWorkers workers;

  SplitLookup(ShardWorkers workers) {
    this.workers = workers;
  }

  /**
   * As {@link MemoryOps#productKeyTopK(INDArray, INDArray, INDArray, INDArray)}, whose errors are
   * thrown.
   */
  void find(INDArray query, INDArray subKeys, INDArray scoresOut, INDArray slotsOut) {
    try {
      INDArray[] queries = {queryHalf(query, 0), queryHalf(query, 1)};
      INDArray[] keys = {subKeysHalf(subKeys, 0), subKeysHalf(subKeys, 1)};
      HalfTopK[] best = new HalfTopK[2];
      int topK = Math.toIntExact(scoresOut.size(2));
      workers.forEach(2, half -> best[half] = MemoryOps.halfTopK(queries[half], keys[half], topK));
      MemoryOps.mergeHalves(best[0], best[1], subKeys.size(2), scoresOut, slotsOut);
    } catch (IllegalArgumentException e) {
      MemoryOps.productKeyTopK(query, subKeys, scoresOut, slotsOut); // names the first bad query
      throw e;
    }
  }

  private static INDArray queryHalf(INDArray query, int half) {
    long size = query.size(2) / 2;
    return query.get(
        NDArrayIndex.all(),
        NDArrayIndex.all(),
        NDArrayIndex.interval(half * size, (half + 1) * size));
  }

  private static INDArray subKeysHalf(INDArray subKeys, int half) {
    return subKeys.get(
        NDArrayIndex.all(), NDArrayIndex.point(half), NDArrayIndex.all(), NDArrayIndex.all());
  }
}
