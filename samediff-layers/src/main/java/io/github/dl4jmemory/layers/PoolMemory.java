package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.CompactTable;
import io.github.dl4jmemory.ops.MappedFile;
import io.github.dl4jmemory.ops.MemoryOps;
import java.io.IOException;
import java.nio.file.Path;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The rows of a pool file as arrays.
 *
 * @param mapping must stay reachable as long as the arrays are used
 * @param values the table, of all slots
 * @param m first moments; null where there are none
 * @param v second moments; null where there are none
 */
record PoolMemory(MappedFile mapping, CompactTable values, INDArray m, INDArray v)
    implements AutoCloseable {

  static PoolMemory map(Path file, PoolLayout layout) throws IOException {
    MappedFile mapping = MappedFile.open(file);
    CompactTable values = table(mapping, layout, 0, layout.slots());
    if (!layout.moments()) {
      return new PoolMemory(mapping, values, null, null);
    }
    return new PoolMemory(
        mapping,
        values,
        moments(mapping, layout, layout.firstMomentsAt()),
        moments(mapping, layout, layout.secondMomentsAt()));
  }

  private static INDArray moments(MappedFile mapping, PoolLayout layout, long at) {
    return mapping.array(DataType.FLOAT, at, layout.slots(), layout.valueSize());
  }

  /** Some rows of the table. */
  static CompactTable table(MappedFile mapping, PoolLayout layout, long from, long count) {
    long at = layout.valuesAt() + from * layout.valueRowBytes();
    INDArray rows = mapping.array(layout.storage().type(), at, count, layout.valueSize());
    return switch (layout.storage()) {
      case FLOAT32 -> CompactTable.float32(rows);
      case BFLOAT16 -> CompactTable.bfloat16(rows);
      case INT8 ->
          CompactTable.int8(
              rows, mapping.array(DataType.FLOAT, layout.scalesAt() + from * Float.BYTES, count));
    };
  }

  /** Takes all pages out of the resident memory of the process. */
  void release() {
    release(values);
    if (m != null) {
      MemoryOps.releasePages(m);
      MemoryOps.releasePages(v);
    }
  }

  static void release(CompactTable table) {
    MemoryOps.releasePages(table.values());
    if (table.scales() != null) {
      MemoryOps.releasePages(table.scales());
    }
  }

  @Override
  public void close() {
    mapping.close();
  }
}
