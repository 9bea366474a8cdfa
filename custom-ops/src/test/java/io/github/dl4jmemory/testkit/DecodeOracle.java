package io.github.dl4jmemory.testkit;

import org.nd4j.linalg.api.ndarray.INDArray;

/** One token's attention to a cache, by double loops. */
public final class DecodeOracle {
  private final int heads;
  private final int groups;
  private final int capacity;
  private final int size;
  private final double[] query;
  private final double[] keys;
  private final double[] values;
  private final long[] counts;

  private final double[] cosines;
  private final double[] sines;
  private final int half;

  /**
   * Attention of query [batch, heads, headSize] to keys and values [batch, keyValueHeads, capacity,
   * headSize]; cosines and sines [positions, half] or null.
   */
  public DecodeOracle(
      INDArray query,
      INDArray keys,
      INDArray values,
      INDArray counts,
      INDArray cosines,
      INDArray sines) {
    heads = (int) query.size(1);
    size = (int) query.size(2);
    groups = (int) keys.size(1);
    capacity = (int) keys.size(2);
    half = cosines == null ? 0 : (int) cosines.size(1);
    this.query = Elements.doubles(query);
    this.keys = Elements.doubles(keys);
    this.values = Elements.doubles(values);
    this.counts = Elements.longs(counts);
    this.cosines = cosines == null ? null : Elements.doubles(cosines);
    this.sines = sines == null ? null : Elements.doubles(sines);
  }

  /**
   * The softmax of a head over the keys of its row.
   *
   * @param b row of the batch
   * @param h head
   * @return as many numbers as the row has keys
   */
  public double[] weights(int b, int h) {
    double[] p = new double[(int) counts[b]];
    double total = 0;
    for (int j = 0; j < p.length; j++) {
      double score = 0;
      for (int i = 0; i < size; i++) {
        score +=
            turned(query, (b * heads + h) * size, i, p.length - 1)
                * turned(keys, row(b, h, j), i, j);
      }
      p[j] = Math.exp(score / Math.sqrt(size));
      total += p[j];
    }
    for (int j = 0; j < p.length; j++) {
      p[j] /= total;
    }
    return p;
  }

  /**
   * The output.
   *
   * @return [batch, heads, headSize]
   */
  public double[] out() {
    double[] out = new double[query.length];
    for (int b = 0; b < counts.length; b++) {
      for (int h = 0; h < heads; h++) {
        double[] p = weights(b, h);
        for (int j = 0; j < p.length; j++) {
          for (int i = 0; i < size; i++) {
            out[(b * heads + h) * size + i] += p[j] * values[row(b, h, j) + i];
          }
        }
      }
    }
    return out;
  }

  private int row(int b, int h, int j) {
    return ((b * groups + h * groups / heads) * capacity + j) * size;
  }

  private double turned(double[] x, int at, int i, int position) {
    if (i >= 2 * half) {
      return x[at + i];
    }
    int pair = i % half;
    double cosine = cosines[position * half + pair];
    double sine = sines[position * half + pair];
    double a = x[at + pair];
    double b = x[at + pair + half];
    return i < half ? a * cosine - b * sine : b * cosine + a * sine;
  }
}
