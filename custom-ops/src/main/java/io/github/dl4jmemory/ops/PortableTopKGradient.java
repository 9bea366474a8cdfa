package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Gradient of product-key lookup in Java; every output element is the work of one task. */
final class PortableTopKGradient<A> {
  private static final int KEY_BLOCK = 256;
  private static final int QUERY_BLOCK = 16;

  private final Lanes<A> lanes;
  private final long batch;
  private final int heads;
  private final int n;
  private final int side;
  private final int topK;
  private final Slab<A> query;
  private final Slab<A> subKeys;
  private final Slab<long[]> slots;
  private final Slab<A> gradients;

  PortableTopKGradient(
      Lanes<A> lanes, INDArray query, INDArray subKeys, INDArray slots, INDArray gradients) {
    this.lanes = lanes;
    this.batch = query.size(0);
    this.heads = Math.toIntExact(query.size(1));
    this.n = Math.toIntExact(subKeys.size(2));
    this.side = Math.toIntExact(subKeys.size(3));
    this.topK = Math.toIntExact(slots.size(2));
    this.query = lanes.slab(query);
    this.subKeys = lanes.slab(subKeys);
    this.slots = Slab.longs(slots);
    this.gradients = lanes.slab(gradients);
  }

  private final class Scratch {
    final long[] slots = new long[topK];
    final A gradients = lanes.array(topK);
    final A query = lanes.array(side);
    final A[] keys = lanes.arrays(topK, side);
    final A[] block = lanes.arrays(Math.min(n, KEY_BLOCK), side);

    void load(long at) {
      PortableTopKGradient.this.slots.read(at * topK, slots, 0, topK);
      PortableTopKGradient.this.gradients.read(at * topK, gradients, 0, topK);
    }
  }

  long run(INDArray queryGradients, INDArray subKeyGradients) {
    long status = PortableBag.range(slots, (long) n * n);
    if (status != Kernels.OK) {
      return status;
    }
    ofQueries(lanes.slab(queryGradients));
    ofKeys(lanes.slab(subKeyGradients));
    return Kernels.OK;
  }

  private void ofQueries(Slab<A> out) {
    long queries = batch * heads;
    Parallel.run(
        (queries + QUERY_BLOCK - 1) / QUERY_BLOCK,
        Scratch::new,
        (task, mine) -> {
          long end = Math.min(queries, (task + 1) * QUERY_BLOCK);
          for (long at = task * QUERY_BLOCK; at < end; at++) {
            mine.load(at);
            for (int s = 0; s < 2; s++) {
              ofQuery(mine, at % heads, s);
              out.write((at * 2 + s) * side, mine.query, 0, side);
            }
          }
        });
  }

  private void ofQuery(Scratch mine, long head, int s) {
    for (int k = 0; k < topK; k++) {
      long key = s == 0 ? mine.slots[k] / n : mine.slots[k] % n;
      subKeys.read(((head * 2 + s) * n + key) * side, mine.keys[k], 0, side);
    }
    lanes.zero(mine.query, side);
    lanes.addRows(mine.query, mine.gradients, 0, mine.keys, topK, side);
  }

  private void ofKeys(Slab<A> out) {
    int blocks = (n + KEY_BLOCK - 1) / KEY_BLOCK;
    Parallel.run(
        (long) heads * 2 * blocks,
        Scratch::new,
        (task, mine) -> {
          int first = (int) (task % blocks) * KEY_BLOCK;
          int count = Math.min(KEY_BLOCK, n - first);
          long headSide = task / blocks;
          for (int j = 0; j < count; j++) {
            lanes.zero(mine.block[j], side);
          }
          for (long b = 0; b < batch; b++) {
            ofBlock(mine, b * heads + headSide / 2, (int) (headSide % 2), first, count);
          }
          for (int j = 0; j < count; j++) {
            out.write((headSide * n + first + j) * side, mine.block[j], 0, side);
          }
        });
  }

  /** Adds what one query gives to the keys first .. first + count of side s. */
  private void ofBlock(Scratch mine, long at, int s, int first, int count) {
    mine.load(at);
    query.read((at * 2 + s) * side, mine.query, 0, side);
    for (int k = 0; k < topK; k++) {
      int key = (int) (s == 0 ? mine.slots[k] / n : mine.slots[k] % n) - first;
      if (key >= 0 && key < count) {
        lanes.addRow(mine.block[key], lanes.get(mine.gradients, k), mine.query, side);
      }
    }
  }
}
