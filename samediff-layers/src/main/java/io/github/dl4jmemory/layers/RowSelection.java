package io.github.dl4jmemory.layers;

import java.util.Comparator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Chooses the rows of one table that a batch may change. */
record RowSelection(AccessCounts.Table background, RowChoice choice, int most) {

  /**
   * The rows with the highest positive scores, equal ones by slot; as places in {@code rows}.
   *
   * @param rows distinct rows read, ascending
   * @param counts accesses of each
   * @return places, ascending
   */
  int[] of(long[] rows, long[] counts) {
    double all = LongStream.of(counts).sum();
    double[] scores = new double[rows.length];
    for (int i = 0; i < rows.length; i++) {
      int readBy = background.readBy()[(int) rows[i]];
      scores[i] = counts[i] == 0 ? 0 : choice.score(counts[i] / all, readBy, background);
    }
    return IntStream.range(0, rows.length)
        .filter(i -> scores[i] > 0)
        .boxed()
        .sorted(Comparator.<Integer>comparingDouble(i -> -scores[i]).thenComparing(i -> i))
        .limit(most)
        .mapToInt(Integer::intValue)
        .sorted()
        .toArray();
  }
}
