package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What every shard of a pool is sent of a batch of bags: the same slots and weights. Slots are
 * 32-bit: of all that is sent they would be the most.
 *
 * @param slots INT [bags, bagSize]
 * @param weights [bags, bagSize]; null where a shard needs none
 */
record BagMessage(INDArray slots, INDArray weights) {

  static final long MOST_SLOTS = Integer.MAX_VALUE;

  static void requireSlots(String layer, long slots) {
    Require.that(
        slots <= MOST_SLOTS,
        layer,
        "subKeys",
        "at most 2^31-1 slots where shards share a table, because slots are sent as 32-bit numbers",
        slots + " slots",
        "use subKeys(46340) or fewer, or shards(1)");
  }

  /**
   * A message from the slots as a lookup finds them.
   *
   * @param slots LONG [bags, bagSize], below 2^31
   */
  static BagMessage of(INDArray slots, INDArray weights) {
    return new BagMessage(slots.castTo(DataType.INT32), weights);
  }
}
