package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Checks the arguments of expandSlots, and computes it. */
final class SlotExpansion {
  private static final long MOST = 1L << 62;
  private static final int BLOCK = 4096;

  private SlotExpansion() {}

  static UltraMemOps.ExpandedSlots expand(
      INDArray virtualSlots, long slotCount, int expansion, int seed) {
    Require require = Require.op("expandSlots");
    require.open("virtualSlots", virtualSlots, "");
    INDArray in = Dense.in(require.longs("virtualSlots", virtualSlots));
    requireCounts(require, slotCount, expansion);
    INDArray slots = Nd4j.create(DataType.INT64, virtualSlots.shape());
    INDArray blocks = Nd4j.create(DataType.INT64, virtualSlots.shape());
    if (!in.isEmpty()) {
      long virtualCount = slotCount * expansion;
      Slab<long[]> from = Slab.longs(in);
      long status = PortableBag.range(from, virtualCount);
      String fix = "find them among keys for slotCount * expansion slots";
      ExpandedBag.requireInside(require, "virtualSlots", in, status, virtualCount, fix);
      SlotPermutation permutation = new SlotPermutation(virtualCount, seed);
      run(from, permutation, slotCount, Slab.longs(slots), Slab.longs(blocks));
    }
    return new UltraMemOps.ExpandedSlots(slots, blocks);
  }

  static void requireCounts(Require require, long slotCount, int expansion) {
    if (slotCount < 1) {
      throw require.error(
          "slotCount", "1 or more", Long.toString(slotCount), "pass the rows of the table");
    }
    if (expansion < 1 || expansion > MOST / slotCount) {
      throw require.error(
          "expansion",
          "1 or more, and slotCount * expansion at most 2^62",
          expansion + " for " + slotCount + " slots",
          "pass the blocks of the expansion");
    }
  }

  private static void run(
      Slab<long[]> from,
      SlotPermutation permutation,
      long slotCount,
      Slab<long[]> slots,
      Slab<long[]> blocks) {
    Parallel.run(
        (from.length() + BLOCK - 1) / BLOCK,
        () -> new long[2][BLOCK],
        (task, mine) -> {
          int count = (int) Math.min(BLOCK, from.length() - task * BLOCK);
          from.read(task * BLOCK, mine[0], 0, count);
          for (int i = 0; i < count; i++) {
            long at = permutation.at(mine[0][i]);
            mine[0][i] = at % slotCount;
            mine[1][i] = at / slotCount;
          }
          slots.write(task * BLOCK, mine[0], 0, count);
          blocks.write(task * BLOCK, mine[1], 0, count);
        });
  }
}
