package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** The attention kernels in Java: a query at a time, over the keys that it sees. */
final class PortableAttention<A> {
  private final Lanes<A> lanes;
  private final AttentionInput in;
  private final int time;
  private final int heads;
  private final int groups;
  private final int headSize;
  private final double scale;

  private PortableAttention(Lanes<A> lanes, AttentionInput in) {
    this.lanes = lanes;
    this.in = in;
    time = Math.toIntExact(in.time());
    heads = Math.toIntExact(in.heads());
    groups = Math.toIntExact(in.keyValueHeads());
    headSize = Math.toIntExact(in.headSize());
    scale = 1 / Math.sqrt(headSize);
  }

  static AttentionKernels kernels() {
    return new AttentionKernels() {
      @Override
      public long forward(AttentionInput in, INDArray out, INDArray logSums) {
        return new PortableAttention<>(Lanes.of(in.query()), in).forward(out, logSums);
      }

      @Override
      public long backward(
          AttentionInput in,
          INDArray out,
          INDArray logSums,
          INDArray outGradients,
          INDArray queryGradients,
          INDArray keyGradients,
          INDArray valueGradients) {
        return new PortableAttention<>(Lanes.of(in.query()), in)
            .backward(logSums, outGradients, queryGradients, keyGradients, valueGradients);
      }
    };
  }

  private long units() {
    return in.batch() * groups;
  }

  private long forward(INDArray out, INDArray logSums) {
    Slab<A> queries = lanes.slab(in.query());
    Slab<A> outs = lanes.slab(out);
    Slab<A> sums = lanes.slab(logSums);
    Parallel.run(
        units(),
        Unit::new,
        (task, unit) -> {
          unit.load(task);
          for (int head = unit.firstHead(); head < unit.firstHead() + heads / groups; head++) {
            for (int i = 0; i < time; i++) {
              queries.read(unit.row(i, head), unit.query, 0, headSize);
              lanes.zero(unit.result, headSize);
              double logSum = unit.attend(i);
              outs.write(unit.row(i, head), unit.result, 0, headSize);
              lanes.set(unit.one, 0, logSum);
              sums.write((unit.example * heads + head) * time + i, unit.one, 0, 1);
            }
          }
        });
    return Kernels.OK;
  }

  private long backward(
      INDArray logSums,
      INDArray outGradients,
      INDArray queryGradients,
      INDArray keyGradients,
      INDArray valueGradients) {
    Slab<A> queries = lanes.slab(in.query());
    Slab<A> sums = lanes.slab(logSums);
    Slab<A> douts = lanes.slab(outGradients);
    Slab<A> dqueries = lanes.slab(queryGradients);
    Slab<A> dkeys = lanes.slab(keyGradients);
    Slab<A> dvalues = lanes.slab(valueGradients);
    Parallel.run(
        units(),
        Gradients::new,
        (task, unit) -> {
          unit.load(task);
          unit.clear();
          for (int head = unit.firstHead(); head < unit.firstHead() + heads / groups; head++) {
            for (int i = 0; i < time; i++) {
              queries.read(unit.row(i, head), unit.query, 0, headSize);
              douts.read(unit.row(i, head), unit.dout, 0, headSize);
              sums.read((unit.example * heads + head) * time + i, unit.one, 0, 1);
              lanes.zero(unit.result, headSize);
              unit.backward(i, lanes.get(unit.one, 0));
              dqueries.write(unit.row(i, head), unit.result, 0, headSize);
            }
          }
          for (int j = 0; j < time; j++) {
            dkeys.write(unit.keyRow(j), unit.dkeys[j], 0, headSize);
            dvalues.write(unit.keyRow(j), unit.dvalues[j], 0, headSize);
          }
        });
    return Kernels.OK;
  }

  /** Keys and values of one example and key-value head. */
  private class Unit {
    final A[] keys = lanes.arrays(time, headSize);
    final A[] values = lanes.arrays(time, headSize);
    final A[] seenValues = lanes.arrays(time, 0);
    final A query = lanes.array(headSize);
    final A result = lanes.array(headSize);
    final A products = lanes.array(headSize);
    final A scores = lanes.array(time);
    final A one = lanes.array(1);
    final VisibleKeys visible = new VisibleKeys(in);
    long example;
    private int group;

    void load(long task) {
      example = task / groups;
      group = (int) (task % groups);
      visible.load(example);
      Slab<A> allKeys = lanes.slab(in.keys());
      Slab<A> allValues = lanes.slab(in.values());
      for (int j = 0; j < time; j++) {
        allKeys.read(keyRow(j), keys[j], 0, headSize);
        allValues.read(keyRow(j), values[j], 0, headSize);
      }
    }

    int firstHead() {
      return group * (heads / groups);
    }

    long row(int i, int head) {
      return ((example * time + i) * heads + head) * headSize;
    }

    long keyRow(int j) {
      return ((example * time + j) * groups + group) * headSize;
    }

    double score(int seen) {
      return scale * lanes.dot(query, keys[visible.at(seen)], headSize, products);
    }

    /** Adds what query i sees to the result; returns the logarithm of the sum of exponentials. */
    double attend(int i) {
      int count = visible.of(i);
      if (count == 0) {
        return Double.POSITIVE_INFINITY;
      }
      double top = Double.NEGATIVE_INFINITY;
      for (int s = 0; s < count; s++) {
        lanes.set(scores, s, score(s));
        top = Math.max(top, lanes.get(scores, s));
        seenValues[s] = values[visible.at(s)];
      }
      double total = 0;
      for (int s = 0; s < count; s++) {
        double e = Math.exp(lanes.get(scores, s) - top);
        total += e;
        lanes.set(scores, s, e);
      }
      lanes.addRows(result, scores, 0, seenValues, count, headSize);
      lanes.scale(result, headSize, 1 / total);
      return top + Math.log(total);
    }
  }

  /** The gradients of these. */
  private final class Gradients extends Unit {
    final A[] dkeys = lanes.arrays(time, headSize);
    final A[] dvalues = lanes.arrays(time, headSize);
    final A dout = lanes.array(headSize);
    private final A dots = lanes.array(time);

    void clear() {
      for (int j = 0; j < time; j++) {
        lanes.zero(dkeys[j], headSize);
        lanes.zero(dvalues[j], headSize);
      }
    }

    /** Adds to the gradients of keys and values; the result becomes that of the query. */
    void backward(int i, double logSum) {
      int count = visible.of(i);
      double along = 0;
      for (int s = 0; s < count; s++) {
        double p = Math.exp(score(s) - logSum);
        double dot = lanes.dot(dout, values[visible.at(s)], headSize, products);
        lanes.set(scores, s, p);
        lanes.set(dots, s, dot);
        along += p * dot;
      }
      for (int s = 0; s < count; s++) {
        int j = visible.at(s);
        double p = lanes.get(scores, s);
        double d = scale * p * (lanes.get(dots, s) - along);
        lanes.addRow(result, d, keys[j], headSize);
        lanes.addRow(dkeys[j], d, query, headSize);
        lanes.addRow(dvalues[j], p, dout, headSize);
      }
    }
  }
}
