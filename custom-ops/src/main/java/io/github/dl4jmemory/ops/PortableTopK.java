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
    final PortableSelection<A> selection = new PortableSelection<>(lanes, n, topK);
    PortableHalfScores<A> scores;
    A queries;
    A half;
  }

  private long lookup(INDArray query, INDArray subKeys, INDArray scores, INDArray slots) {
    long batch = query.size(0);
    long heads = query.size(1);
    int side = Math.toIntExact(query.size(2) / 2);
    int chunk = (int) Math.min(batch, Math.max(8, Math.min(128, (1 << 18) / (2 * n))));
    long chunks = (batch + chunk - 1) / chunk;
    Slab<A> q = lanes.slab(query);
    Slab<A> keys = lanes.slab(subKeys);
    Object[] found = new Object[Math.toIntExact(chunks * heads)];
    Parallel.run(
        found.length,
        () -> {
          Scratch mine = new Scratch();
          mine.scores = new PortableHalfScores<>(lanes, keys, n, side);
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
          for (int s = 0; s < 2; s++) {
            mine.scores.of(
                new PortableHalfScores.Rows<>(mine.queries, s * side, 2 * side),
                (head * 2 + s) * n,
                new PortableHalfScores.Rows<>(mine.half, s * n, 2 * n),
                count);
          }
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
      PortableSelection<A> selection = mine.selection;
      boolean clean =
          selection.best(mine.half, i * 2 * n, selection.first)
              && selection.best(mine.half, (i * 2 + 1) * n, selection.second)
              && selection.pair();
      if (!clean) {
        firstNan.accumulateAndGet(first + i * step, Math::min);
        continue;
      }
      for (int k = 0; k < topK; k++) {
        lanes.set(found.scores(), i * topK + k, selection.pairs.score(k));
        found.slots()[i * topK + k] = selection.pairs.id(k);
      }
    }
    return found;
  }
}
