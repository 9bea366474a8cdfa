package io.github.dl4jmemory.layers;

import java.util.Arrays;

/**
 * Reads of the slots of one table: 12 bytes a slot. Counting costs two additions an access; {@link
 * #endStretch} passes over all slots.
 */
final class SlotCounts {

  private final int[] reads;
  private final float[] weights;
  private final int[] idle; // stretches since the slot was read
  private int stretches;
  private long total;

  SlotCounts(int slots) {
    reads = new int[slots];
    weights = new float[slots];
    idle = new int[slots];
  }

  int slots() {
    return reads.length;
  }

  /** Counts accesses. */
  void add(long[] slots, float[] accessWeights, int accesses) {
    for (int i = 0; i < accesses; i++) {
      int slot = (int) slots[i];
      reads[slot]++;
      weights[slot] += accessWeights[i];
    }
    total += accesses;
  }

  /** Accesses since the last {@link #endStretch}. */
  long total() {
    return total;
  }

  SlotSpread reads() {
    return SlotGroups.ofCounts(reads).spread();
  }

  SlotSpread weights() {
    return SlotGroups.ofWeights(weights).spread();
  }

  /** Counts from zero again; what was read is remembered as read in this stretch. */
  void endStretch() {
    for (int slot = 0; slot < reads.length; slot++) {
      idle[slot] = reads[slot] > 0 ? 0 : idle[slot] + 1;
    }
    Arrays.fill(reads, 0);
    Arrays.fill(weights, 0);
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
