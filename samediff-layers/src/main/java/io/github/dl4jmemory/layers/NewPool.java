package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.CompactTable;
import io.github.dl4jmemory.ops.MemoryOps;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The first values of a pool file: normal with deviation 1/sqrt(valueSize), from the seed of the
 * network; moments are zeros. Block by block, so that no more than a block is resident.
 */
record NewPool(PoolLayout layout) implements PoolFile.Filling {

  private static final long BLOCK_BYTES = 1 << 28;

  @Override
  public void fill(PoolMemory memory) {
    long most = Math.max(1, BLOCK_BYTES / layout.valueRowBytes());
    for (long row = 0; row < layout.slots(); row += most) {
      long rows = Math.min(most, layout.slots() - row);
      CompactTable block = PoolMemory.table(memory.mapping(), layout, row, rows);
      long seed = Nd4j.getRandom().nextLong();
      MemoryOps.initialiseNormal(block, 1 / Math.sqrt(layout.valueSize()), seed);
      PoolMemory.release(block);
    }
  }
}
