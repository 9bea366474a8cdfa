package io.github.dl4jmemory.layers;

/**
 * Causal multi-head softmax attention on heap arrays, parallel over (batch, key-value head):
 *
 * <pre>
 * out_i = sum over j &lt;= i of p_ij v_j,   p_i = softmax over kept j &lt;= i of (q_i . k_j / sqrt(headSize))
 * </pre>
 *
 * Queries and outputs are rows [batch * time, heads * headSize], keys and values rows [batch *
 * time, keyValueHeads * headSize]; head h reads key-value head {@code h * keyValueHeads / heads}. A
 * position that {@code keep} marks false is no key, and its output is zero.
 *
 * <p>Forward leaves log sum exp of every score row, so that backward can compute the probabilities
 * again in blocks of rows: memory grows with time, not with its square.
 *
 * @param <A> float[] or double[]
 */
final class AttentionKernel<A> {

  private static final int BLOCK = 32; // query rows whose probabilities backward holds at once

  private final Reals<A> reals;
  private final int heads;
  private final int groups;
  private final int headSize;
  private final double scale;

  AttentionKernel(Reals<A> reals, int heads, int keyValueHeads, int headSize) {
    this.reals = reals;
    this.heads = heads;
    this.groups = keyValueHeads;
    this.headSize = headSize;
    this.scale = 1 / Math.sqrt(headSize);
  }

  /** Sets out and logSums [batch, heads, time]; keep [batch * time], or null to keep all. */
  void forward(int batch, int time, A q, A k, A v, boolean[] keep, A out, A logSums) {
    Parallel.forEach(
        batch * groups,
        task -> forward(task / groups, task % groups, time, q, k, v, keep, out, logSums));
  }

  private void forward(
      int b, int group, int time, A q, A k, A v, boolean[] keep, A out, A logSums) {
    int keyWidth = groups * headSize;
    int keysAt = b * time * keyWidth + group * headSize;
    A keys = reals.allocate(headSize * time);
    reals.transpose(k, keysAt, keyWidth, time, headSize, keys, 0, time);
    A scores = reals.allocate(time);
    for (int head = firstHead(group); head < firstHead(group + 1); head++) {
      for (int i = 0; i < time; i++) {
        int row = ((b * time + i) * heads + head) * headSize;
        reals.fill(out, row, row + headSize, 0);
        if (keep == null || keep[b * time + i]) {
          double logSum =
              attend(
                  q, row, keys, 0, time, v, keysAt, keyWidth, keep, b * time, i + 1, scores, out);
          reals.set(logSums, (b * heads + head) * time + i, logSum);
        }
      }
    }
  }

  /** out[row..] += attention of the query at row over n keys; returns the row's log sum exp. */
  double attend(
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
    scores(q, row, keys, keysAt, keysStep, keep, keepAt, n, scores, 0);
    double logSum = reals.softmax(scores, 0, n);
    reals.combine(scores, 0, 1, n, v, valuesAt, valuesStep, out, row, headSize);
    return logSum;
  }

  private void scores(
      A q,
      int row,
      A keys,
      int keysAt,
      int keysStep,
      boolean[] keep,
      int keepAt,
      int n,
      A scores,
      int at) {
    reals.fill(scores, at, at + n, 0);
    reals.combine(q, row, 1, headSize, keys, keysAt, keysStep, scores, at, n);
    reals.scale(scores, at, n, scale);
    if (keep != null) {
      for (int j = 0; j < n; j++) {
        if (!keep[keepAt + j]) {
          reals.set(scores, at + j, Double.NEGATIVE_INFINITY);
        }
      }
    }
  }

  /** Sets dq, dk and dv from the gradient of out and what {@link #forward} left in logSums. */
  void backward(
      int batch, int time, A q, A k, A v, boolean[] keep, A logSums, A dout, A dq, A dk, A dv) {
    Parallel.forEach(
        batch * groups,
        task ->
            new Backward(task / groups, task % groups, time, q, k, v, keep, logSums)
                .run(dout, dq, dk, dv));
  }

  private int firstHead(int group) {
    return group * (heads / groups);
  }

  /** Backward of one (batch, key-value head). */
  private final class Backward {

    private final int b;
    private final int group;
    private final int time;
    private final A q;
    private final A k;
    private final A v;
    private final boolean[] keep;
    private final A logSums;
    private final int keyWidth = groups * headSize;
    private final int width = heads * headSize;
    private final int keysAt;
    private final A keys;
    private final A values;
    private final A p;
    private final A d;

    Backward(int b, int group, int time, A q, A k, A v, boolean[] keep, A logSums) {
      this.b = b;
      this.group = group;
      this.time = time;
      this.q = q;
      this.k = k;
      this.v = v;
      this.keep = keep;
      this.logSums = logSums;
      this.keysAt = b * time * keyWidth + group * headSize;
      this.keys = reals.allocate(headSize * time);
      this.values = reals.allocate(headSize * time);
      this.p = reals.allocate(BLOCK * time);
      this.d = reals.allocate(BLOCK * time);
    }

    void run(A dout, A dq, A dk, A dv) {
      reals.transpose(k, keysAt, keyWidth, time, headSize, keys, 0, time);
      reals.transpose(v, keysAt, keyWidth, time, headSize, values, 0, time);
      for (int j = 0; j < time; j++) {
        int at = keysAt + j * keyWidth;
        reals.fill(dk, at, at + headSize, 0);
        reals.fill(dv, at, at + headSize, 0);
      }
      for (int head = firstHead(group); head < firstHead(group + 1); head++) {
        for (int from = 0; from < time; from += BLOCK) {
          int to = Math.min(time, from + BLOCK);
          for (int i = from; i < to; i++) {
            queryRow(head, i, (i - from) * time, dout, dq);
          }
          keyRows(head, from, to, dout, dk, dv);
        }
      }
    }

    private void queryRow(int head, int i, int at, A dout, A dq) {
      int row = (b * time + i) * width + head * headSize;
      int n = i + 1;
      reals.fill(dq, row, row + headSize, 0);
      reals.fill(d, at, at + n, 0);
      if (keep != null && !keep[b * time + i]) {
        reals.fill(p, at, at + n, 0);
        return;
      }
      scores(q, row, keys, 0, time, keep, b * time, n, p, at);
      reals.expMinus(p, at, n, reals.get(logSums, (b * heads + head) * time + i));
      reals.combine(dout, row, 1, headSize, values, 0, time, d, at, n);
      reals.softmaxBackward(p, at, d, at, n, scale);
      reals.combine(d, at, 1, n, k, keysAt, keyWidth, dq, row, headSize);
    }

    private void keyRows(int head, int from, int to, A dout, A dk, A dv) {
      for (int j = 0; j < to; j++) {
        int first = Math.max(from, j);
        int rows = to - first;
        int at = (first - from) * time + j;
        int queries = (b * time + first) * width + head * headSize;
        int key = keysAt + j * keyWidth;
        reals.combine(p, at, time, rows, dout, queries, width, dv, key, headSize);
        reals.combine(d, at, time, rows, q, queries, width, dk, key, headSize);
      }
    }
  }
}
