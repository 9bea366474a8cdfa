package io.github.dl4jmemory.layers;

import java.util.Arrays;

/**
 * Reads of the slots of one table: 12 bytes a slot. Counting costs two additions an access, in one
 * place in memory; {@link #endStretch} passes over all slots.
 */
final class SlotCounts {

  private static final long ONE_READ = 1L << 32;
  private static final long COUNT = -ONE_READ;

  private final long[] cells; // above, the count of reads; below, the bits of the sum of weights
  private final int[] idle; // stretches since the slot was read
  private int stretches;
  private long total;

  SlotCounts(int slots) {
    cells = new long[slots];
    idle = new int[slots];
  }

  int slots() {
    return cells.length;
  }

  /** Counts accesses. */
  void add(long[] slots, float[] accessWeights, int accesses) {
    for (int i = 0; i < accesses; i++) {
      int slot = (int) slots[i];
      long cell = cells[slot];
      int weight = Float.floatToRawIntBits(weight(cell) + accessWeights[i]);
      cells[slot] = (cell & COUNT) + ONE_READ | Integer.toUnsignedLong(weight);
    }
    total += accesses;
  }

  private static int count(long cell) {
    return (int) (cell >>> 32);
  }

  private static float weight(long cell) {
    return Float.intBitsToFloat((int) cell);
  }

  /** Accesses since the last {@link #endStretch}. */
  long total() {
    return total;
  }

  SlotSpread reads() {
    int[] reads = new int[cells.length];
    Arrays.setAll(reads, slot -> count(cells[slot]));
    return SlotGroups.ofCounts(reads).spread();
  }

  SlotSpread weights() {
    float[] weights = new float[cells.length];
    for (int slot = 0; slot < weights.length; slot++) {
      weights[slot] = weight(cells[slot]);
    }
    return SlotGroups.ofWeights(weights).spread();
  }

  /** Counts from zero again; what was read is remembered as read in this stretch. */
  void endStretch() {
    for (int slot = 0; slot < cells.length; slot++) {
      idle[slot] = count(cells[slot]) > 0 ? 0 : idle[slot] + 1;
    }
    Arrays.fill(cells, 0);
    total = 0;
    stretches++;
  }

  /** Stretches that were ended. */
  int stretches() {
    return stretches;
  }

  /** Whether a slot was read in none of the last ended stretches. */
  boolean isDead(int slot, int lastStretches) {
    return idle[slot] >= lastStretches;
  }

  long dead(int lastStretches) {
    return Arrays.stream(idle).filter(since -> since >= lastStretches).count();
  }
}
