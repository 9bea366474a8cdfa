package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The selection of a Tucker lookup from the key scores of one query. Every product and every sum is
 * rounded to the dtype, in the order of rank: so all tiers select the same, bit for bit.
 */
final class TuckerSelection<A> {
  private final Lanes<A> lanes;
  private final int rank;
  private final int n;
  private final int topK;
  private final int coreCount;

  /** [heads, cores, rank, rank], [heads, rank, rank] their sums, and [heads, 2, rank]. */
  private final double[] cores;

  private final double[] sums;
  private final double[] filters;

  TuckerSelection(Lanes<A> lanes, INDArray cores, INDArray filters, int n, int topK) {
    this.lanes = lanes;
    this.coreCount = Math.toIntExact(cores.size(1));
    this.rank = Math.toIntExact(cores.size(2));
    this.n = n;
    this.topK = topK;
    this.cores = elements(lanes, cores);
    this.filters = elements(lanes, filters);
    this.sums = sums((int) cores.size(0));
  }

  private static <A> double[] elements(Lanes<A> lanes, INDArray array) {
    int length = Math.toIntExact(array.length());
    A read = lanes.array(length);
    lanes.slab(array).read(0, read, 0, length);
    double[] elements = new double[length];
    for (int i = 0; i < length; i++) {
      elements[i] = lanes.get(read, i);
    }
    return elements;
  }

  private double[] sums(int heads) {
    int square = rank * rank;
    double[] sums = new double[heads * square];
    for (int i = 0; i < sums.length; i++) {
      int first = i / square * coreCount * square + i % square;
      sums[i] = cores[first];
      for (int c = 1; c < coreCount; c++) {
        sums[i] = lanes.round(sums[i] + cores[first + c * square]);
      }
    }
    return sums;
  }

  /** Scratch of one thread. */
  final class Scratch {
    private final TopSelector rows = new TopSelector(topK);
    private final TopSelector columns = new TopSelector(topK);
    private final TopSelector pairs = new TopSelector(topK);

    /** Of the best columns: core times their scores, [topK][rank]. */
    private final double[][] right = new double[topK][rank];

    private final double[] line = new double[rank];
    private final double[] one = new double[rank];
  }

  Scratch scratch() {
    return new Scratch();
  }

  /**
   * Selects from key scores [2, rank, n] at an offset.
   *
   * @param scores [.., topK, cores], written from to * cores on
   * @param slots [.., topK], written from {@code to} on
   * @return false if a score is NaN
   */
  boolean run(Scratch mine, A keyScores, int at, int head, A scores, long[] slots, int to) {
    int other = at + rank * n;
    boolean clean =
        best(mine.rows, keyScores, at, head * 2 * rank)
            && best(mine.columns, keyScores, other, (head * 2 + 1) * rank)
            && pair(mine, keyScores, at, head);
    for (int k = 0; clean && k < topK; k++) {
      long slot = mine.pairs.id(k);
      slots[to + k] = slot;
      load(keyScores, at, (int) (slot / n), mine.line);
      load(keyScores, other, (int) (slot % n), mine.one);
      for (int c = 0; c < coreCount; c++) {
        multiply(cores, (head * coreCount + c) * rank * rank, mine.one, mine.right[0]);
        double score = dot(mine.line, mine.right[0]);
        clean &= score == score;
        lanes.set(scores, (to + k) * coreCount + c, score);
      }
    }
    return clean;
  }

  /** The best of one side by filtered score, sorted; false if one is NaN. */
  private boolean best(TopSelector top, A keyScores, int at, int filter) {
    top.clear();
    boolean clean = true;
    for (int j = 0; j < n; j++) {
      double score = lanes.round(filters[filter] * lanes.get(keyScores, at + j));
      for (int a = 1; a < rank; a++) {
        double product = filters[filter + a] * lanes.get(keyScores, at + a * n + j);
        score = lanes.round(score + lanes.round(product));
      }
      clean &= score == score;
      top.offer(score, j);
    }
    top.sort();
    return clean;
  }

  /** The best of all topK * topK candidates by the whole core; false if a score is NaN. */
  private boolean pair(Scratch mine, A keyScores, int at, int head) {
    for (int q = 0; q < topK; q++) {
      load(keyScores, at + rank * n, (int) mine.columns.id(q), mine.one);
      multiply(sums, head * rank * rank, mine.one, mine.right[q]);
    }
    mine.pairs.clear();
    boolean clean = true;
    for (int p = 0; p < topK; p++) {
      load(keyScores, at, (int) mine.rows.id(p), mine.line);
      long row = mine.rows.id(p) * n;
      for (int q = 0; q < topK; q++) {
        double score = dot(mine.line, mine.right[q]);
        clean &= score == score;
        mine.pairs.offer(score, row + mine.columns.id(q));
      }
    }
    mine.pairs.sort();
    return clean;
  }

  private void load(A keyScores, int at, int key, double[] into) {
    for (int a = 0; a < rank; a++) {
      into[a] = lanes.get(keyScores, at + a * n + key);
    }
  }

  /** {@code into[a] = sum over b of core[a, b] * x[b]}. */
  private void multiply(double[] core, int at, double[] x, double[] into) {
    for (int a = 0; a < rank; a++) {
      double sum = lanes.round(core[at + a * rank] * x[0]);
      for (int b = 1; b < rank; b++) {
        sum = lanes.round(sum + lanes.round(core[at + a * rank + b] * x[b]));
      }
      into[a] = sum;
    }
  }

  private double dot(double[] x, double[] y) {
    double sum = lanes.round(x[0] * y[0]);
    for (int a = 1; a < rank; a++) {
      sum = lanes.round(sum + lanes.round(x[a] * y[a]));
    }
    return sum;
  }
}
