package io.github.dl4jmemory.ops;

/**
 * Scores of queries against the keys of one half of a head, by blocks of transposed keys. An object
 * is the scratch of one thread.
 */
final class PortableHalfScores<A> {
  private final Lanes<A> lanes;
  private final Slab<A> keys;
  private final int n;
  private final int side;
  private final int block;
  private final A some;
  private final A[] turned;
  private final A sums;

  PortableHalfScores(Lanes<A> lanes, Slab<A> keys, int n, int side) {
    this.lanes = lanes;
    this.keys = keys;
    this.n = n;
    this.side = side;
    block = Math.min(n, 256);
    some = lanes.array(block * side);
    turned = lanes.arrays(side, block);
    sums = lanes.array(block);
  }

  /** Rows of an array: the first starts at {@code at}, the next ones {@code step} further on. */
  record Rows<A>(A array, int at, int step) {}

  /** {@code half[i, j] = queries[i] . keys[firstKey + j]}, i below count, j below n. */
  void of(Rows<A> queries, long firstKey, Rows<A> half, int count) {
    for (int j = 0; j < n; j += block) {
      int width = Math.min(block, n - j);
      keys.read((firstKey + j) * side, some, 0, width * side);
      lanes.transpose(some, width, side, turned);
      for (int i = 0; i < count; i++) {
        lanes.zero(sums, width);
        lanes.addRows(
            sums, queries.array(), queries.at() + i * queries.step(), turned, side, width);
        System.arraycopy(sums, 0, half.array(), half.at() + i * half.step() + j, width);
      }
    }
  }
}
