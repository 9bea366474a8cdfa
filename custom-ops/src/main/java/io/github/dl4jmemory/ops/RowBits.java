package io.github.dl4jmemory.ops;

/**
 * Random bits of (seed, row, column), without state: 32 for every column, uniform and independent
 * for all that is done with them here. The same numbers as cpu/row_bits.h.
 *
 * <p>Seed and row become a key of 64 bits by the finaliser of SplitMix64 (Steele, Lea and Flood
 * 2014; Stafford's variant 13 of the constants), a bijection: no two rows of a seed share a key.
 * The column is mixed with both halves of the key by two multiplications (constants of Wellons
 * 2018, lowbias32), which vector units do on 32 bits.
 */
final class RowBits {
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;
  private static final int FIRST = 0x7FEB352D;
  private static final int SECOND = 0x846CA68B;

  private final long base;
  private int low;
  private int high;

  RowBits(long seed) {
    base = mix(seed + GOLDEN);
  }

  private static long mix(long x) {
    x = (x ^ x >>> 30) * 0xBF58476D1CE4E5B9L;
    x = (x ^ x >>> 27) * 0x94D049BB133111EBL;
    return x ^ x >>> 31;
  }

  /** The row whose bits come next. */
  void row(long row) {
    long key = mix(base + row * GOLDEN);
    low = (int) key;
    high = (int) (key >>> 32);
  }

  int at(int column) {
    int x = column + low;
    x = (x ^ x >>> 16) * FIRST + high;
    x = (x ^ x >>> 15) * SECOND;
    return x ^ x >>> 16;
  }
}
