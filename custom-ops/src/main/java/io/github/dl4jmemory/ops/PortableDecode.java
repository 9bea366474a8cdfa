package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The decoding kernel in Java: the heads of a group over blocks of keys, then of values. Its
 * scratch is a block and a few rows a thread, whatever the cache holds.
 */
final class PortableDecode<A> {
  private static final int BLOCK = 64;

  /** Of keys and values: below, a further thread costs more than it saves. */
  private static final long BYTES_OF_THREAD = 1 << 20;

  private final Lanes<A> lanes;
  private final DecodeInput in;
  private final long[] counts;
  private final int group;
  private final int headSize;
  private final int half;
  private final long capacity;
  private final Slab<A> queries;
  private final Slab<A> keys;
  private final Slab<A> values;
  private final Slab<A> cosines;
  private final Slab<A> sines;
  private final Slab<A> weights;
  private final Slab<A> outs;

  private PortableDecode(Lanes<A> lanes, DecodeInput in, INDArray weights, INDArray out) {
    this.lanes = lanes;
    this.in = in;
    counts = new long[Math.toIntExact(in.batch())];
    Slab.longs(in.counts()).read(0, counts, 0, counts.length);
    group = Math.toIntExact(in.heads() / in.keyValueHeads());
    headSize = Math.toIntExact(in.headSize());
    half = Math.toIntExact(in.rotary() / 2);
    capacity = in.capacity();
    queries = lanes.slab(in.query());
    keys = lanes.slab(in.keys());
    values = lanes.slab(in.values());
    cosines = half == 0 ? null : lanes.slab(in.cosines());
    sines = half == 0 ? null : lanes.slab(in.sines());
    this.weights = lanes.slab(weights);
    outs = lanes.slab(out);
  }

  static DecodeKernels kernels() {
    return (in, weights, out) ->
        new PortableDecode<>(Lanes.of(in.query()), in, weights, out).attend();
  }

  private long attend() {
    long tasks = in.batch() * in.keyValueHeads();
    if (bytes() < 2 * BYTES_OF_THREAD) {
      Unit unit = new Unit();
      for (long task = 0; task < tasks; task++) {
        unit.attend(task);
      }
    } else {
      Parallel.run(tasks, Unit::new, (task, unit) -> unit.attend(task));
    }
    return Kernels.OK;
  }

  private long bytes() {
    long kept = 0;
    for (long count : counts) {
      kept += count;
    }
    return 2 * kept * in.keyValueHeads() * headSize * in.query().dataType().width();
  }

  /** The heads of one group. */
  private final class Unit {
    private final A[] query = lanes.arrays(group, headSize);
    private final A[] sums = lanes.arrays(group, headSize);
    private final A[] rows = lanes.arrays(BLOCK, headSize);
    private final A products = lanes.array(headSize);
    private final A block = lanes.array(BLOCK);
    private final A cosine = lanes.array(half);
    private final A sine = lanes.array(half);
    private final double[] tops = new double[group];
    private long firstHead;
    private long firstKey;

    void attend(long task) {
      long example = task / in.keyValueHeads();
      long count = counts[Math.toIntExact(example)];
      firstHead = example * in.heads() + task % in.keyValueHeads() * group;
      firstKey = task * capacity;
      for (int h = 0; h < group; h++) {
        lanes.zero(sums[h], headSize);
        tops[h] = Double.NEGATIVE_INFINITY;
        if (count > 0) {
          queries.read((firstHead + h) * headSize, query[h], 0, headSize);
          turn(query[h], count - 1);
          lanes.scale(query[h], headSize, 1 / Math.sqrt(headSize));
        }
      }
      for (long from = 0; from < count; from += BLOCK) {
        score(from, (int) Math.min(BLOCK, count - from));
      }
      for (int h = 0; h < group; h++) {
        soften(h, count);
      }
      for (long from = 0; from < count; from += BLOCK) {
        add(from, (int) Math.min(BLOCK, count - from));
      }
      for (int h = 0; h < group; h++) {
        outs.write((firstHead + h) * headSize, sums[h], 0, headSize);
      }
    }

    private void turn(A row, long position) {
      if (half > 0) {
        cosines.read(position * half, cosine, 0, half);
        sines.read(position * half, sine, 0, half);
        lanes.turn(row, cosine, sine, half);
      }
    }

    private void score(long from, int keyCount) {
      for (int k = 0; k < keyCount; k++) {
        keys.read((firstKey + from + k) * headSize, rows[k], 0, headSize);
        turn(rows[k], from + k);
      }
      for (int h = 0; h < group; h++) {
        for (int k = 0; k < keyCount; k++) {
          lanes.set(block, k, lanes.dot(query[h], rows[k], headSize, products));
          tops[h] = Math.max(tops[h], lanes.get(block, k)); // NaN stays
        }
        weights.write((firstHead + h) * capacity + from, block, 0, keyCount);
      }
    }

    /** Scores become their softmax. */
    private void soften(int h, long count) {
      double total = 0;
      for (long from = 0; from < count; from += BLOCK) {
        int length = (int) Math.min(BLOCK, count - from);
        weights.read((firstHead + h) * capacity + from, block, 0, length);
        for (int k = 0; k < length; k++) {
          double e = Math.exp(lanes.get(block, k) - tops[h]);
          total += e;
          lanes.set(block, k, e);
        }
        weights.write((firstHead + h) * capacity + from, block, 0, length);
      }
      for (long from = 0; from < count; from += BLOCK) {
        int length = (int) Math.min(BLOCK, count - from);
        weights.read((firstHead + h) * capacity + from, block, 0, length);
        lanes.scale(block, length, 1 / total);
        weights.write((firstHead + h) * capacity + from, block, 0, length);
      }
    }

    private void add(long from, int valueCount) {
      for (int k = 0; k < valueCount; k++) {
        values.read((firstKey + from + k) * headSize, rows[k], 0, headSize);
      }
      for (int h = 0; h < group; h++) {
        weights.read((firstHead + h) * capacity + from, block, 0, valueCount);
        lanes.addRows(sums[h], block, 0, rows, valueCount, headSize);
      }
    }
  }
}
