package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Gradient of the Tucker lookup in Java; every output element is the work of one task. */
final class PortableTuckerGradient<A> {
  private static final int KEY_BLOCK = 256;

  private final Lanes<A> lanes;
  private final long batch;
  private final int heads;
  private final int rank;
  private final int n;
  private final int keySize;
  private final int topK;
  private final int coreCount;
  private final Slab<A> query;
  private final Slab<A> keys;
  private final Slab<A> cores;
  private final Slab<long[]> slots;
  private final Slab<A> gradients;

  /** Of every query: key scores and their gradients [2, rank, topK]. */
  private final A[] scores;

  private final A[] scoreGradients;

  /** Takes query, keys, cores, slots, score gradients. */
  PortableTuckerGradient(Lanes<A> lanes, INDArray[] in) {
    this.lanes = lanes;
    this.batch = in[0].size(0);
    this.heads = Math.toIntExact(in[0].size(1));
    this.rank = Math.toIntExact(in[0].size(3));
    this.keySize = Math.toIntExact(in[0].size(4));
    this.n = Math.toIntExact(in[1].size(3));
    this.coreCount = Math.toIntExact(in[2].size(1));
    this.topK = Math.toIntExact(in[3].size(2));
    this.query = lanes.slab(in[0]);
    this.keys = lanes.slab(in[1]);
    this.cores = lanes.slab(in[2]);
    this.slots = Slab.longs(in[3]);
    this.gradients = lanes.slab(in[4]);
    int queries = Math.toIntExact(batch * heads);
    this.scores = lanes.arrays(queries, 2 * rank * topK);
    this.scoreGradients = lanes.arrays(queries, 2 * rank * topK);
  }

  private final class Scratch {
    final long[] slots = new long[topK];
    final A gradients = lanes.array(topK * coreCount);
    final A cores = lanes.array(coreCount * rank * rank);
    final A query = lanes.array(keySize);
    final A products = lanes.array(keySize);
    final A[] keys = lanes.arrays(2 * rank * topK, keySize);

    void load(long at) {
      PortableTuckerGradient.this.slots.read(at * topK, slots, 0, topK);
      int all = topK * coreCount;
      PortableTuckerGradient.this.gradients.read(at * all, gradients, 0, all);
      int square = coreCount * rank * rank;
      PortableTuckerGradient.this.cores.read(at % heads * square, cores, 0, square);
    }

    long key(int k, int side) {
      return side == 0 ? slots[k] / n : slots[k] % n;
    }
  }

  long run(INDArray dQuery, INDArray dKeys, INDArray dCores) {
    long status = PortableBag.range(slots, (long) n * n);
    if (status != Kernels.OK) {
      return status;
    }
    ofQueries(lanes.slab(dQuery));
    ofCores(lanes.slab(dCores));
    ofKeys(lanes.slab(dKeys));
    return Kernels.OK;
  }

  private void ofQueries(Slab<A> out) {
    Parallel.run(
        batch * heads,
        Scratch::new,
        (at, mine) -> {
          mine.load(at);
          A dScores = scoreGradients[(int) at];
          score(mine, at, scores[(int) at]);
          for (int k = 0; k < topK; k++) {
            ofScores(mine, scores[(int) at], dScores, k);
          }
          for (int line = 0; line < 2 * rank; line++) {
            lanes.zero(mine.query, keySize);
            for (int k = 0; k < topK; k++) {
              double g = lanes.get(dScores, line * topK + k);
              lanes.addRow(mine.query, g, mine.keys[line * topK + k], keySize);
            }
            out.write((at * 2 * rank + line) * keySize, mine.query, 0, keySize);
          }
        });
  }

  /** Reads the keys that were found, and forms their scores again. */
  private void score(Scratch mine, long at, A into) {
    for (int line = 0; line < 2 * rank; line++) {
      query.read((at * 2 * rank + line) * keySize, mine.query, 0, keySize);
      long matrix = at % heads * 2 * rank + line;
      for (int k = 0; k < topK; k++) {
        A key = mine.keys[line * topK + k];
        keys.read((matrix * n + mine.key(k, line / rank)) * keySize, key, 0, keySize);
        lanes.set(into, line * topK + k, lanes.dot(mine.query, key, keySize, mine.products));
      }
    }
  }

  /**
   * Gradients of the key scores of pick k: the core, weighted by the gradients, times the other.
   */
  private void ofScores(Scratch mine, A score, A into, int k) {
    for (int a = 0; a < rank; a++) {
      double row = 0;
      double column = 0;
      for (int b = 0; b < rank; b++) {
        row += weighted(mine, k, a, b) * lanes.get(score, (rank + b) * topK + k);
        column += weighted(mine, k, b, a) * lanes.get(score, b * topK + k);
      }
      lanes.set(into, a * topK + k, row);
      lanes.set(into, (rank + a) * topK + k, column);
    }
  }

  private double weighted(Scratch mine, int k, int a, int b) {
    double sum = 0;
    for (int c = 0; c < coreCount; c++) {
      sum +=
          lanes.get(mine.gradients, k * coreCount + c)
              * lanes.get(mine.cores, (c * rank + a) * rank + b);
    }
    return sum;
  }

  private void ofCores(Slab<A> out) {
    int square = coreCount * rank * rank;
    Parallel.run(
        heads,
        Scratch::new,
        (head, mine) -> {
          double[] sums = new double[square];
          for (long b = 0; b < batch; b++) {
            long at = b * heads + head;
            mine.load(at);
            A score = scores[(int) at];
            for (int i = 0; i < topK * square; i++) {
              int k = i / square;
              int c = i % square / (rank * rank);
              int row = i % (rank * rank) / rank;
              int column = rank + i % rank;
              sums[i % square] +=
                  lanes.get(mine.gradients, k * coreCount + c)
                      * lanes.get(score, row * topK + k)
                      * lanes.get(score, column * topK + k);
            }
          }
          for (int i = 0; i < square; i++) {
            lanes.set(mine.cores, i, sums[i]);
          }
          out.write(head * square, mine.cores, 0, square);
        });
  }

  private void ofKeys(Slab<A> out) {
    int blocks = (n + KEY_BLOCK - 1) / KEY_BLOCK;
    Parallel.run(
        (long) heads * 2 * rank * blocks,
        () -> new Block(lanes.arrays(Math.min(n, KEY_BLOCK), keySize)),
        (task, mine) -> {
          int first = (int) (task % blocks) * KEY_BLOCK;
          int count = Math.min(KEY_BLOCK, n - first);
          long matrix = task / blocks;
          for (int j = 0; j < count; j++) {
            lanes.zero(mine.keys[j], keySize);
          }
          for (long b = 0; b < batch; b++) {
            long at = b * heads + matrix / (2 * rank);
            ofBlock(mine, at, (int) (matrix % (2 * rank)), first, count);
          }
          for (int j = 0; j < count; j++) {
            out.write((matrix * n + first + j) * keySize, mine.keys[j], 0, keySize);
          }
        });
  }

  private final class Block {
    final A[] keys;
    final A query = lanes.array(keySize);
    final long[] slots = new long[topK];

    Block(A[] keys) {
      this.keys = keys;
    }
  }

  /** Adds what one query gives to the keys first .. first + count of one side and rank. */
  private void ofBlock(Block mine, long at, int line, int first, int count) {
    slots.read(at * topK, mine.slots, 0, topK);
    query.read((at * 2 * rank + line) * keySize, mine.query, 0, keySize);
    for (int k = 0; k < topK; k++) {
      int key = (int) (line < rank ? mine.slots[k] / n : mine.slots[k] % n) - first;
      if (key >= 0 && key < count) {
        double g = lanes.get(scoreGradients[(int) at], line * topK + k);
        lanes.addRow(mine.keys[key], g, mine.query, keySize);
      }
    }
  }
}
