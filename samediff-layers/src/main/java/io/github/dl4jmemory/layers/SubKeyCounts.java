package io.github.dl4jmemory.layers;

import java.util.Arrays;

/** Reads through each sub-key of a reader, [heads, 2, subKeys]: 8 bytes a sub-key. */
final class SubKeyCounts {

  private final int heads;
  private final int topK;
  private final int subKeys;
  private final int[] reads;
  private final int[] idle; // stretches since the sub-key was read through
  private int stretches;

  SubKeyCounts(int heads, int topK, int subKeys) {
    this.heads = heads;
    this.topK = topK;
    this.subKeys = subKeys;
    reads = new int[heads * 2 * subKeys];
    idle = new int[reads.length];
  }

  /** Counts accesses [tokens, heads, topK]: slot i * subKeys + j is read through i and j. */
  void add(long[] slots, int accesses) {
    for (int from = 0; from < accesses; from += topK) {
      int first = from / topK % heads * 2 * subKeys;
      for (int i = from; i < from + topK; i++) {
        int slot = (int) slots[i];
        reads[first + slot / subKeys]++;
        reads[first + subKeys + slot % subKeys]++;
      }
    }
  }

  /** The reads of one half of one head in this stretch. */
  int[] reads(int head, int half) {
    int from = (head * 2 + half) * subKeys;
    return Arrays.copyOfRange(reads, from, from + subKeys);
  }

  /** Brings what is known of idle sub-keys up to date; {@link #nextStretch} counts from zero. */
  void endStretch() {
    for (int key = 0; key < reads.length; key++) {
      idle[key] = reads[key] > 0 ? 0 : idle[key] + 1;
    }
    stretches++;
  }

  void nextStretch() {
    Arrays.fill(reads, 0);
  }

  /** Whether a sub-key was read through in none of the last ended stretches, and there were so. */
  boolean isDead(int head, int half, int key, int lastStretches) {
    return stretches >= lastStretches && idle[(head * 2 + half) * subKeys + key] >= lastStretches;
  }

  /** A sub-key is given a whole window again. */
  void revived(int head, int half, int key) {
    idle[(head * 2 + half) * subKeys + key] = 0;
  }
}
