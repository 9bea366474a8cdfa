package io.github.dl4jmemory.ops;

import java.util.concurrent.atomic.AtomicLong;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Product-key lookup in Java. A task takes some queries of one head: half scores by blocks of
 * transposed keys, then selection. Results are written only when no task met a NaN.
 */
final class PortableTopK<A> {
  private static final long CLEAN = Long.MAX_VALUE;

  private final Lanes<A> lanes;
  private final int n;
  private final int topK;

  /** The first query with a NaN score. */
  private final AtomicLong firstNan = new AtomicLong(CLEAN);

  private PortableTopK(Lanes<A> lanes, long n, long topK) {
    this.lanes = lanes;
    this.n = Math.toIntExact(n);
    this.topK = Math.toIntExact(topK);
  }

  static <A> long lookup(
      Lanes<A> lanes, INDArray query, INDArray subKeys, INDArray scores, INDArray slots) {
    return new PortableTopK<>(lanes, subKeys.size(2), scores.size(2))
        .lookup(query, subKeys, scores, slots);
  }

  static <A> long select(Lanes<A> lanes, INDArray halfScores, INDArray scores, INDArray slots) {
    return new PortableTopK<>(lanes, halfScores.size(2), scores.size(1))
        .select(halfScores, scores, slots);
  }

  /** The slots and scores of the queries of one task. */
  private record Found<A>(A scores, long[] slots) {}

  private final class Scratch {
    final TopSelector first = new TopSelector(topK);
    final TopSelector second = new TopSelector(topK);
    final TopSelector pairs = new TopSelector(topK);
    A keys;
    A[] turned;
    A block;
    A queries;
    A half;
  }

  private long lookup(INDArray query, INDArray subKeys, INDArray scores, INDArray slots) {
    long batch = query.size(0);
    long heads = query.size(1);
    int side = Math.toIntExact(query.size(2) / 2);
    int chunk = (int) Math.min(batch, Math.max(8, Math.min(128, (1 << 18) / (2 * n))));
    int block = Math.min(n, 256);
    long chunks = (batch + chunk - 1) / chunk;
    Slab<A> q = lanes.slab(query);
    Slab<A> keys = lanes.slab(subKeys);
    Object[] found = new Object[Math.toIntExact(chunks * heads)];
    Parallel.run(
        found.length,
        () -> {
          Scratch mine = new Scratch();
          mine.keys = lanes.array(block * side);
          mine.turned = lanes.arrays(side, block);
          mine.block = lanes.array(block);
          mine.queries = lanes.array(chunk * 2 * side);
          mine.half = lanes.array(chunk * 2 * n);
          return mine;
        },
        (task, mine) -> {
          long head = task % heads;
          long from = task / heads * chunk;
          int count = (int) Math.min(chunk, batch - from);
          for (int i = 0; i < count; i++) {
            q.read(((from + i) * heads + head) * 2 * side, mine.queries, i * 2 * side, 2 * side);
          }
          halfScores(mine, keys, head * 2 * n * side, side, block, count);
          found[(int) task] = select(mine, count, from * heads + head, heads);
        });
    if (firstNan.get() != CLEAN) {
      return firstNan.get() << 8 | Kernels.NAN;
    }
    Slab<A> scoresOut = lanes.slab(scores);
    Slab<long[]> slotsOut = Slab.longs(slots);
    Parallel.run(
        found.length,
        () -> null,
        (task, none) -> {
          long from = task / heads * chunk;
          int count = (int) Math.min(chunk, batch - from);
          Found<A> result = found(found[(int) task]);
          for (int i = 0; i < count; i++) {
            long to = ((from + i) * heads + task % heads) * topK;
            scoresOut.write(to, result.scores(), i * topK, topK);
            slotsOut.write(to, result.slots(), i * topK, topK);
          }
        });
    return Kernels.OK;
  }

  @SuppressWarnings("unchecked")
  private Found<A> found(Object result) {
    return (Found<A>) result;
  }

  /** half[i, s, j] = queries[i, s] . keys[s, j]. */
  private void halfScores(Scratch mine, Slab<A> keys, long at, int side, int block, int count) {
    for (int s = 0; s < 2; s++) {
      for (int j = 0; j < n; j += block) {
        int width = Math.min(block, n - j);
        keys.read(at + ((long) s * n + j) * side, mine.keys, 0, width * side);
        lanes.transpose(mine.keys, width, side, mine.turned);
        for (int i = 0; i < count; i++) {
          lanes.zero(mine.block, width);
          lanes.addRows(mine.block, mine.queries, (i * 2 + s) * side, mine.turned, side, width);
          System.arraycopy(mine.block, 0, mine.half, (i * 2 + s) * n + j, width);
        }
      }
    }
  }

  private long select(INDArray halfScores, INDArray scores, INDArray slots) {
    long queries = halfScores.size(0);
    int chunk = (int) Math.min(queries, Math.max(1, (1 << 18) / (2 * n)));
    Slab<A> half = lanes.slab(halfScores);
    Object[] found = new Object[Math.toIntExact((queries + chunk - 1) / chunk)];
    Parallel.run(
        found.length,
        () -> {
          Scratch mine = new Scratch();
          mine.half = lanes.array(chunk * 2 * n);
          return mine;
        },
        (task, mine) -> {
          int count = (int) Math.min(chunk, queries - task * chunk);
          half.read(task * chunk * 2 * n, mine.half, 0, count * 2 * n);
          found[(int) task] = select(mine, count, task * chunk, 1);
        });
    if (firstNan.get() != CLEAN) {
      return firstNan.get() << 8 | Kernels.NAN;
    }
    Slab<A> scoresOut = lanes.slab(scores);
    Slab<long[]> slotsOut = Slab.longs(slots);
    for (int task = 0; task < found.length; task++) {
      Found<A> result = found(found[task]);
      long from = (long) task * chunk;
      int count = (int) Math.min(chunk, queries - from) * topK;
      scoresOut.write(from * topK, result.scores(), 0, count);
      slotsOut.write(from * topK, result.slots(), 0, count);
    }
    return Kernels.OK;
  }

  /** Selects for each of the count queries in mine.half; query i is number first + i * step. */
  private Found<A> select(Scratch mine, int count, long first, long step) {
    Found<A> found = new Found<>(lanes.array(count * topK), new long[count * topK]);
    for (int i = 0; i < count; i++) {
      boolean clean =
          best(mine.half, i * 2 * n, mine.first)
              && best(mine.half, (i * 2 + 1) * n, mine.second)
              && pair(mine);
      if (!clean) {
        firstNan.accumulateAndGet(first + i * step, Math::min);
        continue;
      }
      for (int k = 0; k < topK; k++) {
        lanes.set(found.scores(), i * topK + k, mine.pairs.score(k));
        found.slots()[i * topK + k] = mine.pairs.id(k);
      }
    }
    return found;
  }

  /** The best of one half, sorted; false if a score is NaN. */
  private boolean best(A half, int at, TopSelector top) {
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
  private boolean pair(Scratch mine) {
    mine.pairs.clear();
    boolean clean = true;
    for (int p = 0; p < topK; p++) {
      long row = mine.first.id(p) * n;
      for (int q = 0; (p + 1L) * (q + 1L) <= topK; q++) {
        double sum = lanes.round(mine.first.score(p) + mine.second.score(q));
        clean &= sum == sum;
        mine.pairs.offer(sum, row + mine.second.id(q));
      }
    }
    mine.pairs.sort();
    return clean;
  }
}
