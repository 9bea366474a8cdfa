package io.github.dl4jmemory.ops;

/**
 * A fixed pseudo-random permutation of [0, count), by a formula instead of a table: rounds of
 * invertible steps on the bits of the smallest power of two that holds count, again while the
 * result is not below count. The native kernel has the same formula.
 */
final class SlotPermutation {
  private static final int ROUNDS = 4;

  private final long count;
  private final long mask;
  private final int shift;
  private final long[] add = new long[ROUNDS];
  private final long[] factor = new long[ROUNDS];

  SlotPermutation(long count, int seed) {
    this.count = count;
    int bits = count <= 1 ? 0 : 64 - Long.numberOfLeadingZeros(count - 1);
    this.mask = bits == 0 ? 0 : -1L >>> (64 - bits);
    this.shift = bits / 2 + 1;
    long state = seed;
    for (int round = 0; round < ROUNDS; round++) {
      state += 0x9E3779B97F4A7C15L;
      add[round] = mixed(state);
      state += 0x9E3779B97F4A7C15L;
      factor[round] = mixed(state) | 1;
    }
  }

  /** The finaliser of splitmix64. */
  private static long mixed(long state) {
    long z = (state ^ (state >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /** Where a slot of [0, count) goes. */
  long at(long slot) {
    long x = slot;
    do {
      for (int round = 0; round < ROUNDS; round++) {
        x = ((x + add[round]) * factor[round]) & mask;
        x ^= x >>> shift;
      }
    } while (x >= count);
    return x;
  }
}
