package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Which columns of a table are whose: each shard has valueSize / shards of them, the first
 * valueSize mod shards one more, in order.
 */
record ColumnShards(long valueSize, int shards) {

  static void require(String layer, long valueSize, int shards) {
    Require.that(
        shards > 0 && shards <= valueSize,
        layer,
        "shards",
        "1 to valueSize = " + valueSize,
        shards,
        "use shards(1), or one for each processor that shall hold a part of every row");
  }

  /** The first column of a shard. */
  long from(int shard) {
    return shard * (valueSize / shards) + Math.min(shard, valueSize % shards);
  }

  /** How many columns a shard has. */
  long count(int shard) {
    return from(shard + 1) - from(shard);
  }

  /** The columns of a shard: a view of rows [rows, valueSize]. */
  INDArray of(INDArray rows, int shard) {
    return rows.get(NDArrayIndex.all(), NDArrayIndex.interval(from(shard), from(shard + 1)));
  }
}
