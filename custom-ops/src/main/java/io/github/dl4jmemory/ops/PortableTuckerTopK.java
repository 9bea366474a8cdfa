package io.github.dl4jmemory.ops;

import java.util.concurrent.atomic.AtomicLong;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Tucker lookup in Java. A task takes some queries of one head: key scores by blocks of transposed
 * keys, then selection. Results are written only when no task met a NaN.
 */
final class PortableTuckerTopK<A> {
  private static final long CLEAN = Long.MAX_VALUE;

  private final Lanes<A> lanes;
  private final int heads;
  private final int rank;
  private final int n;
  private final int topK;
  private final int cores;
  private final double keyEpsilon; // 0: keys as they are
  private final TuckerSelection<A> selection;

  /** The first query with a NaN score. */
  private final AtomicLong firstNan = new AtomicLong(CLEAN);

  private PortableTuckerTopK(
      Lanes<A> lanes, INDArray cores, INDArray filters, double keyEpsilon, long n, INDArray slots) {
    this.lanes = lanes;
    this.keyEpsilon = keyEpsilon;
    this.heads = Math.toIntExact(cores.size(0));
    this.cores = Math.toIntExact(cores.size(1));
    this.rank = Math.toIntExact(cores.size(2));
    this.n = Math.toIntExact(n);
    this.topK = Math.toIntExact(slots.size(2));
    this.selection = new TuckerSelection<>(lanes, cores, filters, this.n, topK);
  }

  static <A> long lookup(
      Lanes<A> lanes,
      INDArray query,
      INDArray keys,
      INDArray cores,
      INDArray filters,
      double keyEpsilon,
      INDArray scores,
      INDArray slots) {
    return new PortableTuckerTopK<>(lanes, cores, filters, keyEpsilon, keys.size(3), slots)
        .lookup(lanes.slab(query), lanes.slab(keys), keys.size(4), scores, slots);
  }

  static <A> long select(
      Lanes<A> lanes,
      INDArray keyScores,
      INDArray cores,
      INDArray filters,
      INDArray scores,
      INDArray slots) {
    return new PortableTuckerTopK<>(lanes, cores, filters, 0, keyScores.size(4), slots)
        .select(lanes.slab(keyScores), scores, slots);
  }

  /** The scores [count, topK, cores] and slots [count, topK] of the queries of one task. */
  private record Found<A>(A scores, long[] slots) {}

  private final class Scratch {
    final TuckerSelection<A>.Scratch selection = PortableTuckerTopK.this.selection.scratch();
    A keys;
    A[] turned;
    A block;
    A inverse;
    A queries;
    A scores;
  }

  private long lookup(Slab<A> query, Slab<A> keys, long size, INDArray scores, INDArray slots) {
    int keySize = Math.toIntExact(size);
    long batch = slots.size(0);
    int lines = 2 * rank;
    int chunk = (int) Math.min(batch, Math.max(8, Math.min(128, (1 << 18) / ((long) lines * n))));
    int block = Math.min(n, 256);
    Object[] found = new Object[Math.toIntExact((batch + chunk - 1) / chunk * heads)];
    Parallel.run(
        found.length,
        () -> {
          Scratch mine = new Scratch();
          mine.keys = lanes.array(block * keySize);
          mine.turned = lanes.arrays(keySize, block);
          mine.block = lanes.array(block);
          mine.inverse = lanes.array(block);
          mine.queries = lanes.array(chunk * lines * keySize);
          mine.scores = lanes.array(chunk * lines * n);
          return mine;
        },
        (task, mine) -> {
          long head = task % heads;
          long from = task / heads * chunk;
          int count = (int) Math.min(chunk, batch - from);
          int one = lines * keySize;
          for (int i = 0; i < count; i++) {
            query.read(((from + i) * heads + head) * one, mine.queries, i * one, one);
          }
          for (int line = 0; line < lines; line++) {
            keyScores(mine, keys, head * lines + line, line, keySize, block, count);
          }
          found[(int) task] = select(mine, count, from * heads + head, heads);
        });
    return write(found, chunk, batch, scores, slots);
  }

  /** scores[i, line, j] = queries[i, line] . keys[matrix, j], of normalised keys if so set. */
  private void keyScores(
      Scratch mine, Slab<A> keys, long matrix, int line, int keySize, int block, int count) {
    for (int j = 0; j < n; j += block) {
      int width = Math.min(block, n - j);
      keys.read((matrix * n + j) * keySize, mine.keys, 0, width * keySize);
      lanes.transpose(mine.keys, width, keySize, mine.turned);
      if (keyEpsilon > 0) {
        inverseRms(mine, width, keySize);
      }
      for (int i = 0; i < count; i++) {
        int at = i * 2 * rank + line;
        lanes.zero(mine.block, width);
        lanes.addRows(mine.block, mine.queries, at * keySize, mine.turned, keySize, width);
        if (keyEpsilon > 0) {
          lanes.multiply(mine.block, mine.inverse, width);
        }
        System.arraycopy(mine.block, 0, mine.scores, at * n + j, width);
      }
    }
  }

  private void inverseRms(Scratch mine, int width, int keySize) {
    lanes.zero(mine.inverse, width);
    for (int c = 0; c < keySize; c++) {
      lanes.addSquares(mine.inverse, mine.turned[c], width);
    }
    for (int j = 0; j < width; j++) {
      double meanSquare = lanes.get(mine.inverse, j) / keySize;
      lanes.set(mine.inverse, j, 1 / Math.sqrt(meanSquare + keyEpsilon));
    }
  }

  private long select(Slab<A> keyScores, INDArray scores, INDArray slots) {
    long batch = slots.size(0);
    int one = 2 * rank * n;
    Object[] found = new Object[Math.toIntExact(batch * heads)];
    Parallel.run(
        found.length,
        () -> {
          Scratch mine = new Scratch();
          mine.scores = lanes.array(one);
          return mine;
        },
        (task, mine) -> {
          long query = task / heads * heads + task % heads;
          keyScores.read(query * one, mine.scores, 0, one);
          found[(int) task] = select(mine, 1, query, 1);
        });
    return write(found, 1, batch, scores, slots);
  }

  /** Selects for each of the count queries in mine.scores; query i is number first + i * step. */
  private Found<A> select(Scratch mine, int count, long first, long step) {
    Found<A> found = new Found<>(lanes.array(count * topK * cores), new long[count * topK]);
    int head = (int) (first % heads);
    for (int i = 0; i < count; i++) {
      boolean clean =
          selection.run(
              mine.selection,
              mine.scores,
              i * 2 * rank * n,
              head,
              found.scores(),
              found.slots(),
              i * topK);
      if (!clean) {
        firstNan.accumulateAndGet(first + i * step, Math::min);
      }
    }
    return found;
  }

  @SuppressWarnings("unchecked")
  private Found<A> found(Object result) {
    return (Found<A>) result;
  }

  private long write(Object[] found, int chunk, long batch, INDArray scores, INDArray slots) {
    if (firstNan.get() != CLEAN) {
      return firstNan.get() << 8 | Kernels.NAN;
    }
    Slab<A> scoresOut = lanes.slab(scores);
    Slab<long[]> slotsOut = Slab.longs(slots);
    for (int task = 0; task < found.length; task++) {
      Found<A> result = found(found[task]);
      long from = (long) task / heads * chunk;
      for (int i = 0; i < Math.min(chunk, batch - from); i++) {
        long to = ((from + i) * heads + task % heads) * topK;
        scoresOut.write(to * cores, result.scores(), i * topK * cores, topK * cores);
        slotsOut.write(to, result.slots(), i * topK, topK);
      }
    }
    return Kernels.OK;
  }
}
