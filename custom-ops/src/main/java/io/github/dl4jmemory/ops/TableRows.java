package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The rows of a table as runs of the dtype in which kernels compute, whatever their storage. Safe
 * for several threads on separate rows.
 *
 * @param <A> float[] or double[]
 */
interface TableRows<A> {
  long slots();

  int valueSize();

  void read(long row, A into);

  /**
   * Writes a row.
   *
   * @param row where it stands in the table
   * @param number the row that it is, of a larger table that this one holds rows of: what it is
   *     rounded by
   * @param source its values
   */
  void write(long row, long number, A source);

  default void write(long row, A source) {
    write(row, row, source);
  }

  /** The rows of an array that holds them as they are computed with. */
  static <A> TableRows<A> of(Lanes<A> lanes, INDArray values) {
    Slab<A> slab = lanes.slab(values);
    long slots = values.size(0);
    int valueSize = Math.toIntExact(values.size(1));
    return new TableRows<>() {
      @Override
      public long slots() {
        return slots;
      }

      @Override
      public int valueSize() {
        return valueSize;
      }

      @Override
      public void read(long row, A into) {
        slab.read(row * valueSize, into, 0, valueSize);
      }

      @Override
      public void write(long row, long number, A source) {
        slab.write(row * valueSize, source, 0, valueSize);
      }
    };
  }

  /** The rows of a table; what is written to them is rounded by the bits of the seed. */
  static TableRows<float[]> of(CompactTable table, long seed) {
    return switch (table.storage()) {
      case FLOAT32 -> of(new FloatLanes(), table.values());
      case BFLOAT16 -> new BFloat16Rows(table.values(), seed);
      case INT8 -> new Int8Rows(table.values(), table.scales(), seed);
    };
  }
}
