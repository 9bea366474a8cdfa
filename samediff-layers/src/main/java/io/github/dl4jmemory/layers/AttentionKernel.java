package io.github.dl4jmemory.layers;

/**
 * Softmax attention of one query to cached keys, on heap arrays: {@code out = sum_j p_j v_j}, p the
 * softmax over kept keys of {@code q . k_j / sqrt(headSize)}.
 *
 * @param <A> float[] or double[]
 */
final class AttentionKernel<A> {

  private final Reals<A> reals;
  private final int headSize;
  private final double scale;

  AttentionKernel(Reals<A> reals, int headSize) {
    this.reals = reals;
    this.headSize = headSize;
    this.scale = 1 / Math.sqrt(headSize);
  }

  /**
   * Adds to out, from {@code row} on, the attention of the query at row to n keys, [headSize, n]
   * with steps of keysStep; keep is null to keep all.
   */
  void attend(
      A q,
      int row,
      A keys,
      int keysAt,
      int keysStep,
      A v,
      int valuesAt,
      int valuesStep,
      boolean[] keep,
      int keepAt,
      int n,
      A scores,
      A out) {
    reals.fill(scores, 0, n, 0);
    reals.combine(q, row, 1, headSize, keys, keysAt, keysStep, scores, 0, n);
    reals.scale(scores, 0, n, scale);
    if (keep != null) {
      for (int j = 0; j < n; j++) {
        if (!keep[keepAt + j]) {
          reals.set(scores, j, Double.NEGATIVE_INFINITY);
        }
      }
    }
    reals.softmax(scores, 0, n);
    reals.combine(scores, 0, 1, n, v, valuesAt, valuesStep, out, row, headSize);
  }
}
