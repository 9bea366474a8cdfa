package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Groups accesses by slot in Java: a stable sort by digits of 11 bits, lowest first. */
final class PortableGrouping {
  private static final int BITS = 11;
  private static final int DIGITS = 1 << BITS;

  private PortableGrouping() {}

  static long group(INDArray slots, long slotCount, Accesses accesses) {
    Slab<long[]> in = Slab.longs(slots);
    long status = PortableBag.range(in, slotCount);
    if (status != Kernels.OK) {
      return status;
    }
    int count = Math.toIntExact(slots.length());
    long[] keys = new long[count];
    in.read(0, keys, 0, count);
    int[] order = sort(keys, slotCount);
    write(keys, order, accesses);
    return Kernels.OK;
  }

  /** The positions of the keys in ascending stable order; keys stay as they are. */
  private static int[] sort(long[] keys, long slotCount) {
    int[] order = new int[keys.length];
    for (int i = 0; i < order.length; i++) {
      order[i] = i;
    }
    int[] next = new int[keys.length];
    int used = Long.SIZE - Long.numberOfLeadingZeros(slotCount - 1);
    for (int shift = 0; shift < used; shift += BITS) {
      int[] at = new int[DIGITS + 1];
      for (long key : keys) {
        at[digit(key, shift) + 1]++;
      }
      for (int d = 0; d < DIGITS; d++) {
        at[d + 1] += at[d];
      }
      for (int position : order) {
        next[at[digit(keys[position], shift)]++] = position;
      }
      int[] swap = order;
      order = next;
      next = swap;
    }
    return order;
  }

  private static int digit(long key, int shift) {
    return (int) (key >>> shift) & (DIGITS - 1);
  }

  private static void write(long[] keys, int[] sorted, Accesses accesses) {
    int count = keys.length;
    long[] order = new long[count];
    long[] rows = new long[count];
    long[] starts = new long[count + 1];
    int touched = 0;
    for (int i = 0; i < count; i++) {
      order[i] = sorted[i];
      long slot = keys[sorted[i]];
      if (touched == 0 || rows[touched - 1] != slot) {
        rows[touched] = slot;
        starts[touched++] = i;
      }
    }
    starts[touched] = count;
    Slab.longs(accesses.order()).write(0, order, 0, count);
    Slab.longs(accesses.rowsRoom()).write(0, rows, 0, touched);
    Slab.longs(accesses.starts()).write(0, starts, 0, touched + 1);
    Slab.longs(accesses.rowCount()).write(0, new long[] {touched}, 0, 1);
  }
}
