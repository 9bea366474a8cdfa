package io.github.dl4jmemory.zoo;

import java.util.Arrays;
import java.util.List;

/**
 * Which tokens before it, and itself, a token of a row sees: the first tokens, marked ones, and the
 * last ones of a window.
 *
 * @param initial first tokens
 */
record VisibleTokens(int initial, Mark marks) {
  private static final int MOST_APART = 1000;

  /** Which tokens all later ones see. */
  @FunctionalInterface
  interface Mark {
    boolean at(int[] row, int place);
  }

  static VisibleTokens separators(int initial, int[] ids) {
    int[] ascending = ids.clone();
    Arrays.sort(ascending);
    return new VisibleTokens(
        initial, (row, place) -> Arrays.binarySearch(ascending, row[place]) >= 0);
  }

  /** As {@link io.github.dl4jmemory.layers.IntervalMarks} marks them. */
  static VisibleTokens intervals(int initial, int interval) {
    return new VisibleTokens(
        initial, (row, place) -> place >= initial && (place + 1 - initial) % interval == 0);
  }

  /**
   * Pairs of a token and a token that it sees, of a row of inputs.
   *
   * @param window of the last tokens, itself included; 0 for all
   */
  long pairs(int[] row, int inputs, int window) {
    if (window == 0) {
      return (long) inputs * (inputs + 1) / 2;
    }
    long pairs = 0;
    long far = 0; // of what has left the window, how many are still seen
    for (int t = 0; t < inputs; t++) {
      int left = t - window;
      if (left >= 0 && (left < initial || marks.at(row, left))) {
        far++;
      }
      pairs += Math.min(t + 1, window) + far;
    }
    return pairs;
  }

  /** Of all pairs in these rows, whose last tokens are no inputs, the share that is seen. */
  double share(List<int[]> rows, int... windows) {
    double seen = 0;
    double all = 0;
    for (int[] row : rows) {
      for (int window : windows) {
        seen += pairs(row, row.length - 1, window);
        all += pairs(row, row.length - 1, 0);
      }
    }
    return seen / all;
  }

  /** The interval with which the share of these rows is closest to this one's. */
  int closestInterval(List<int[]> rows, int window) {
    double share = share(rows, window);
    List<int[]> any = rows.subList(0, 1); // rows are of one length, and intervals do not read them
    int closest = 1;
    double least = Double.POSITIVE_INFINITY;
    for (int interval = 1; interval <= MOST_APART; interval++) {
      double distance = Math.abs(intervals(initial, interval).share(any, window) - share);
      if (distance < least) {
        least = distance;
        closest = interval;
      }
    }
    return closest;
  }
}
