package io.github.dl4jmemory.testkit;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Separator attention and its gradient by double loops over a time x time mask. */
public final class AttentionOracle {
  private final int batch;
  private final int time;
  private final int heads;
  private final int groups;
  private final int size;
  private final long initial;
  private final long window;
  private final double[] query;
  private final double[] keys;
  private final double[] values;
  private final long[] kinds;

  /** Attention of query [batch, time, heads, headSize] to keys and values; kinds [batch, time]. */
  public AttentionOracle(
      INDArray query, INDArray keys, INDArray values, INDArray kinds, long initial, long window) {
    batch = (int) query.size(0);
    time = (int) query.size(1);
    heads = (int) query.size(2);
    groups = (int) keys.size(2);
    size = (int) query.size(3);
    this.initial = initial;
    this.window = window;
    this.query = Elements.doubles(query);
    this.keys = Elements.doubles(keys);
    this.values = Elements.doubles(values);
    this.kinds = Elements.longs(kinds);
  }

  /** Whether query i of an example sees key j. */
  public boolean sees(int b, int i, int j) {
    if (j > i || kinds[b * time + j] == 2 || kinds[b * time + i] == 2) {
      return false;
    }
    long before = Arrays.stream(kinds, b * time, b * time + j).filter(kind -> kind != 2).count();
    return before < initial || kinds[b * time + j] == 1 || i - j < window;
  }

  private int queryRow(int b, int i, int head) {
    return ((b * time + i) * heads + head) * size;
  }

  private int keyRow(int b, int j, int head) {
    return ((b * time + j) * groups + head * groups / heads) * size;
  }

  /** Probabilities of all keys; zeros where the query is padding. */
  private double[] probabilities(int b, int i, int head) {
    double[] p = new double[time];
    double top = Double.NEGATIVE_INFINITY;
    for (int j = 0; j <= i; j++) {
      p[j] = dot(query, queryRow(b, i, head), keys, keyRow(b, j, head)) / Math.sqrt(size);
      top = sees(b, i, j) ? Math.max(top, p[j]) : top;
    }
    double total = 0;
    for (int j = 0; j < time; j++) {
      p[j] = sees(b, i, j) ? Math.exp(p[j] - top) : 0;
      total += p[j];
    }
    for (int j = 0; j < time && total > 0; j++) {
      p[j] /= total;
    }
    return p;
  }

  private double dot(double[] x, int xAt, double[] y, int yAt) {
    double sum = 0;
    for (int c = 0; c < size; c++) {
      sum += x[xAt + c] * y[yAt + c];
    }
    return sum;
  }

  private void add(double[] to, int toAt, double factor, double[] from, int fromAt) {
    for (int c = 0; c < size; c++) {
      to[toAt + c] += factor * from[fromAt + c];
    }
  }

  private interface Query {
    void at(int b, int i, int head);
  }

  private void forEach(Query action) {
    for (int b = 0; b < batch; b++) {
      for (int i = 0; i < time; i++) {
        for (int head = 0; head < heads; head++) {
          action.at(b, i, head);
        }
      }
    }
  }

  /** The output, flat. */
  public double[] out() {
    double[] out = new double[query.length];
    forEach(
        (b, i, head) -> {
          double[] p = probabilities(b, i, head);
          for (int j = 0; j <= i; j++) {
            add(out, queryRow(b, i, head), p[j], values, keyRow(b, j, head));
          }
        });
    return out;
  }

  /** Gradients of query, keys and values, flat. */
  public double[][] gradients(INDArray outGradients) {
    double[] g = Elements.doubles(outGradients);
    double[][] d = {new double[query.length], new double[keys.length], new double[values.length]};
    forEach(
        (b, i, head) -> {
          double[] p = probabilities(b, i, head);
          int row = queryRow(b, i, head);
          double along = 0;
          for (int j = 0; j <= i; j++) {
            along += p[j] * dot(g, row, values, keyRow(b, j, head));
          }
          for (int j = 0; j <= i; j++) {
            int key = keyRow(b, j, head);
            double ds = p[j] * (dot(g, row, values, key) - along) / Math.sqrt(size);
            add(d[0], row, ds, keys, key);
            add(d[1], key, ds, query, row);
            add(d[2], key, p[j], g, row);
          }
        });
    return d;
  }
}
