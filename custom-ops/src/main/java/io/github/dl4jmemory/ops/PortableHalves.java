package io.github.dl4jmemory.ops;

import java.util.concurrent.atomic.AtomicLong;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Product-key lookup in parts, in Java: the best of one half, and the merge of both. Results are
 * staged, and written only when all is well.
 */
final class PortableHalves<A> {
  private static final long NONE = Long.MAX_VALUE;

  private final Lanes<A> lanes;
  private final int n;
  private final int topK;
  private final Object[] scores;
  private final long[][] ids;
  private final AtomicLong firstNan = new AtomicLong(NONE);
  private final AtomicLong firstWrong = new AtomicLong(NONE);

  private PortableHalves(Lanes<A> lanes, long n, long topK, long tasks) {
    this.lanes = lanes;
    this.n = Math.toIntExact(n);
    this.topK = Math.toIntExact(topK);
    scores = new Object[Math.toIntExact(tasks)];
    ids = new long[scores.length][];
  }

  private static int chunk(long queries, long n) {
    return (int) Math.min(queries, Math.max(8, Math.min(128, (1 << 18) / n)));
  }

  private static long tasks(long queries, long n) {
    int chunk = chunk(queries, n);
    return (queries + chunk - 1) / chunk;
  }

  // ------------------------------------------------------------------------------------ one half

  static <A> long find(
      Lanes<A> lanes, INDArray query, INDArray keys, INDArray scores, INDArray indices) {
    long n = keys.size(1);
    long tasks = tasks(query.size(0), n) * query.size(1);
    return new PortableHalves<>(lanes, n, scores.size(2), tasks).find(query, keys, scores, indices);
  }

  private final class FindScratch {
    final PortableSelection<A> selection = new PortableSelection<>(lanes, n, topK);
    final PortableHalfScores<A> keys;
    final A queries;
    final A half;

    FindScratch(Slab<A> keys, int side, int chunk) {
      this.keys = new PortableHalfScores<>(lanes, keys, n, side);
      queries = lanes.array(chunk * side);
      half = lanes.array(chunk * n);
    }
  }

  private long find(INDArray query, INDArray keys, INDArray scoresOut, INDArray indicesOut) {
    long batch = query.size(0);
    long heads = query.size(1);
    int side = Math.toIntExact(query.size(2));
    int chunk = chunk(batch, n);
    Slab<A> q = lanes.slab(query);
    Slab<A> k = lanes.slab(keys);
    Parallel.run(
        scores.length,
        () -> new FindScratch(k, side, chunk),
        (task, mine) -> {
          long head = task % heads;
          long from = task / heads * chunk;
          int count = (int) Math.min(chunk, batch - from);
          for (int i = 0; i < count; i++) {
            q.read(((from + i) * heads + head) * side, mine.queries, i * side, side);
          }
          mine.keys.of(
              new PortableHalfScores.Rows<>(mine.queries, 0, side),
              head * n,
              new PortableHalfScores.Rows<>(mine.half, 0, n),
              count);
          reserve(task, count);
          for (int i = 0; i < count; i++) {
            if (mine.selection.best(mine.half, i * n, mine.selection.first)) {
              keep(task, i, mine.selection.first);
            } else {
              firstNan.accumulateAndGet((from + i) * heads + head, Math::min);
            }
          }
        });
    return publish(heads, chunk, batch, scoresOut, indicesOut);
  }

  // --------------------------------------------------------------------------------- both halves

  static <A> long merge(
      Lanes<A> lanes,
      Kernels.Half first,
      Kernels.Half second,
      long subKeys,
      INDArray scores,
      INDArray slots) {
    long tasks = tasks(scores.size(0), subKeys);
    return new PortableHalves<>(lanes, subKeys, scores.size(1), tasks)
        .merge(first, second, scores, slots);
  }

  /** A list of one half, as it is read. */
  private final class Lists {
    final Slab<A> scores;
    final Slab<long[]> indices;

    Lists(Kernels.Half half) {
      scores = lanes.slab(half.scores());
      indices = Slab.longs(half.indices());
    }
  }

  private final class MergeScratch {
    final PortableSelection<A> selection = new PortableSelection<>(lanes, n, topK);
    final A values = lanes.array(topK);
    final long[] indices = new long[topK];
    final long[] lastList = new long[n]; // in which an index stood, counted from 1
  }

  private long merge(
      Kernels.Half first, Kernels.Half second, INDArray scoresOut, INDArray slotsOut) {
    long queries = scoresOut.size(0);
    int chunk = chunk(queries, n);
    Lists one = new Lists(first);
    Lists two = new Lists(second);
    Parallel.run(
        scores.length,
        MergeScratch::new,
        (task, mine) -> {
          long from = task * chunk;
          int count = (int) Math.min(chunk, queries - from);
          reserve(task, count);
          for (int i = 0; i < count; i++) {
            boolean fine = read(one, from + i, 0, mine, mine.selection.first);
            fine &= read(two, from + i, queries, mine, mine.selection.second);
            if (fine && mine.selection.pair()) {
              keep(task, i, mine.selection.pairs);
            } else if (fine) {
              firstNan.accumulateAndGet(from + i, Math::min);
            }
          }
        });
    if (firstWrong.get() != NONE) {
      return firstWrong.get() << 8 | Kernels.OUT_OF_RANGE;
    }
    return publish(1, chunk, queries, scoresOut, slotsOut);
  }

  /** The list of a query; false if an index is out of range, or stands there twice. */
  private boolean read(Lists lists, long query, long before, MergeScratch mine, TopSelector to) {
    to.clear();
    lists.scores.read(query * topK, mine.values, 0, topK);
    lists.indices.read(query * topK, mine.indices, 0, topK);
    long list = before + query + 1;
    for (int k = 0; k < topK; k++) {
      long index = mine.indices[k];
      if (index < 0 || index >= n || mine.lastList[(int) index] == list) {
        firstWrong.accumulateAndGet((before + query) * topK + k, Math::min);
        return false;
      }
      mine.lastList[(int) index] = list;
      to.append(lanes.get(mine.values, k), index);
    }
    return true;
  }

  // --------------------------------------------------------------------------------- the results

  private void reserve(long task, int count) {
    scores[(int) task] = lanes.array(count * topK);
    ids[(int) task] = new long[count * topK];
  }

  @SuppressWarnings("unchecked")
  private A scores(int task) {
    return (A) scores[task];
  }

  private void keep(long task, int query, TopSelector best) {
    for (int k = 0; k < topK; k++) {
      lanes.set(scores((int) task), query * topK + k, best.score(k));
      ids[(int) task][query * topK + k] = best.id(k);
    }
  }

  /** Query i of a task is number (task / heads * chunk + i) * heads + task % heads. */
  private long publish(long heads, int chunk, long queries, INDArray scoresOut, INDArray idsOut) {
    if (firstNan.get() != NONE) {
      return firstNan.get() << 8 | Kernels.NAN;
    }
    Slab<A> scoresTo = lanes.slab(scoresOut);
    Slab<long[]> idsTo = Slab.longs(idsOut);
    for (int task = 0; task < scores.length; task++) {
      long from = task / heads * chunk;
      int count = (int) Math.min(chunk, queries - from);
      for (int i = 0; i < count; i++) {
        long to = ((from + i) * heads + task % heads) * topK;
        scoresTo.write(to, scores(task), i * topK, topK);
        idsTo.write(to, ids[task], i * topK, topK);
      }
    }
    return Kernels.OK;
  }
}
