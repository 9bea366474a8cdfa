package io.github.dl4jmemory.ops;

/** The exact selection from half scores. An object is the scratch of one thread. */
final class PortableSelection<A> {
  /** The best of the halves, and of their pairs. */
  final TopSelector first;

  final TopSelector second;
  final TopSelector pairs;

  private final Lanes<A> lanes;
  private final int n;
  private final int topK;

  PortableSelection(Lanes<A> lanes, int n, int topK) {
    this.lanes = lanes;
    this.n = n;
    this.topK = topK;
    first = new TopSelector(topK);
    second = new TopSelector(topK);
    pairs = new TopSelector(topK);
  }

  /** The best of one half, sorted; false if a score is NaN. */
  boolean best(A half, int at, TopSelector top) {
    top.clear();
    boolean clean = true;
    for (int j = 0; j < n; j++) {
      double score = lanes.get(half, at + j);
      clean &= score == score;
      top.offer(score, j);
    }
    top.sort();
    return clean;
  }

  /** The best pairs of ranks p, q from 1 with p * q at most topK; false if a sum is NaN. */
  boolean pair() {
    pairs.clear();
    boolean clean = true;
    for (int p = 0; p < topK; p++) {
      long row = first.id(p) * n;
      for (int q = 0; (p + 1L) * (q + 1L) <= topK; q++) {
        double sum = lanes.round(first.score(p) + second.score(q));
        clean &= sum == sum;
        pairs.offer(sum, row + second.id(q));
      }
    }
    pairs.sort();
    return clean;
  }
}
