package io.github.dl4jmemory.layers;

import java.util.Arrays;

/** A set of slots of a table of any size; memory for the regions that have members. */
final class SlotSet {

  private static final int REGION = 1 << 15;

  private final long[][] regions;

  SlotSet(long slots) {
    regions = new long[Math.toIntExact((slots + REGION - 1) / REGION)][];
  }

  /** Adds a slot; false where it was there. */
  boolean add(long slot) {
    int region = (int) (slot / REGION);
    if (regions[region] == null) {
      regions[region] = new long[REGION / Long.SIZE];
    }
    int bit = (int) (slot % REGION);
    long before = regions[region][bit / Long.SIZE];
    regions[region][bit / Long.SIZE] = before | 1L << bit;
    return regions[region][bit / Long.SIZE] != before;
  }

  void remove(long slot) {
    regions[(int) (slot / REGION)][(int) (slot % REGION) / Long.SIZE] &= ~(1L << slot);
  }

  void clear() {
    Arrays.fill(regions, null);
  }
}
