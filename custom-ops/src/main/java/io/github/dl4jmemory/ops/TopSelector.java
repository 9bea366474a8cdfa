package io.github.dl4jmemory.ops;

/**
 * Keeps the best of the entries offered, by score descending, then id ascending: a heap whose root
 * is the worst kept.
 */
final class TopSelector {
  private final double[] scores;
  private final long[] ids;
  private int size;

  TopSelector(int capacity) {
    scores = new double[capacity];
    ids = new long[capacity];
  }

  void clear() {
    size = 0;
  }

  void offer(double score, long id) {
    if (size < scores.length) {
      rise(size++, score, id);
    } else if (before(score, id, scores[0], ids[0])) {
      sink(score, id, size);
    }
  }

  /**
   * Adds an entry below those before, instead of {@link #offer}: a list that is ordered already.
   */
  void append(double score, long id) {
    scores[size] = score;
    ids[size++] = id;
  }

  /** Orders what was kept, best first; after it only the getters and clear may be called. */
  void sort() {
    for (int end = size - 1; end > 0; end--) {
      double score = scores[end];
      long id = ids[end];
      scores[end] = scores[0];
      ids[end] = ids[0];
      sink(score, id, end);
    }
  }

  double score(int rank) {
    return scores[rank];
  }

  long id(int rank) {
    return ids[rank];
  }

  private static boolean before(double score, long id, double otherScore, long otherId) {
    return score > otherScore || (score == otherScore && id < otherId);
  }

  private void rise(int from, double score, long id) {
    int at = from;
    while (at > 0) {
      int parent = (at - 1) >>> 1;
      if (!before(scores[parent], ids[parent], score, id)) {
        break;
      }
      move(parent, at);
      at = parent;
    }
    scores[at] = score;
    ids[at] = id;
  }

  /** Puts an entry at the root of the first {@code length} entries and restores the heap. */
  private void sink(double score, long id, int length) {
    int at = 0;
    for (int child = 1; child < length; child = 2 * at + 1) {
      int other = child + 1;
      if (other < length && before(scores[child], ids[child], scores[other], ids[other])) {
        child = other;
      }
      if (!before(score, id, scores[child], ids[child])) {
        break;
      }
      move(child, at);
      at = child;
    }
    scores[at] = score;
    ids[at] = id;
  }

  private void move(int from, int to) {
    scores[to] = scores[from];
    ids[to] = ids[from];
  }
}
