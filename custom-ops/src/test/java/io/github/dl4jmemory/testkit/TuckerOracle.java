package io.github.dl4jmemory.testkit;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Tucker lookup as plain loops. */
public final class TuckerOracle {
  private TuckerOracle() {}

  /**
   * A slot and its scores.
   *
   * @param order score of the summed core
   * @param scores a score for each core
   * @param slot i * n + j
   */
  public record Hit(double order, double[] scores, long slot) {}

  /**
   * Key scores.
   *
   * @param query [batch, heads, 2, rank, keySize]
   * @param keys [heads, 2, rank, n, keySize]
   * @return [batch * heads][2 * rank][n]
   */
  public static double[][][] keyScores(INDArray query, INDArray keys) {
    int heads = (int) query.size(1);
    int lines = 2 * (int) query.size(3);
    int size = (int) query.size(4);
    int n = (int) keys.size(3);
    double[] q = Elements.doubles(query);
    double[] k = Elements.doubles(keys);
    double[][][] scores = new double[(int) query.size(0) * heads][lines][n];
    for (int i = 0; i < scores.length; i++) {
      for (int line = 0; line < lines; line++) {
        for (int j = 0; j < n; j++) {
          for (int d = 0; d < size; d++) {
            scores[i][line][j] +=
                q[(i * lines + line) * size + d]
                    * k[((i % heads * lines + line) * n + j) * size + d];
          }
        }
      }
    }
    return scores;
  }

  /**
   * The selection by its rule, every product and sum rounded.
   *
   * @param scores key scores [2 * rank][n]
   * @param cores [cores, rank, rank]
   * @param filters [2, rank]
   * @param topK hits to select
   * @param type the dtype to which numbers are rounded
   * @return topK hits, best first
   */
  public static List<Hit> select(
      double[][] scores, INDArray cores, INDArray filters, int topK, DataType type) {
    int rank = (int) filters.size(1);
    int n = scores[0].length;
    double[][] sum = new double[rank][rank];
    for (int a = 0; a < rank; a++) {
      for (int b = 0; b < rank; b++) {
        for (int c = 0; c < cores.size(0); c++) {
          sum[a][b] = rounded(sum[a][b] + cores.getDouble(c, a, b), type);
        }
      }
    }
    int[][] best = new int[2][];
    for (int side = 0; side < 2; side++) {
      double[] filtered = new double[n];
      for (int j = 0; j < n; j++) {
        double[] column = column(scores, side, j);
        filtered[j] = dot(Elements.doubles(filters.getRow(side)), column, type);
      }
      best[side] =
          IntStream.range(0, n)
              .boxed()
              .sorted(
                  Comparator.comparingDouble((Integer j) -> -(filtered[j] + 0.0))
                      .thenComparingInt(j -> j))
              .limit(topK)
              .mapToInt(j -> j)
              .toArray();
    }
    List<Hit> hits = new ArrayList<>();
    for (int i : best[0]) {
      for (int j : best[1]) {
        double[] row = column(scores, 0, i);
        double[] column = column(scores, 1, j);
        double[] each = new double[(int) cores.size(0)];
        for (int c = 0; c < each.length; c++) {
          each[c] = form(row, cores.slice(c).toDoubleMatrix(), column, type);
        }
        hits.add(new Hit(form(row, sum, column, type), each, (long) i * n + j));
      }
    }
    hits.sort(
        Comparator.comparingDouble((Hit hit) -> -(hit.order() + 0.0)).thenComparingLong(Hit::slot));
    return hits.subList(0, topK);
  }

  private static double[] column(double[][] scores, int side, int j) {
    double[] column = new double[scores.length / 2];
    for (int a = 0; a < column.length; a++) {
      column[a] = scores[side * column.length + a][j];
    }
    return column;
  }

  /** row . (core column). */
  private static double form(double[] row, double[][] core, double[] column, DataType type) {
    double[] right = new double[row.length];
    for (int a = 0; a < row.length; a++) {
      right[a] = dot(core[a], column, type);
    }
    return dot(row, right, type);
  }

  private static double dot(double[] x, double[] y, DataType type) {
    double sum = rounded(x[0] * y[0], type);
    for (int a = 1; a < x.length; a++) {
      sum = rounded(sum + rounded(x[a] * y[a], type), type);
    }
    return sum;
  }

  private static double rounded(double x, DataType type) {
    return type == DataType.FLOAT ? (float) x : x;
  }

  /**
   * Gradients with respect to query, keys and cores.
   *
   * @param query [batch, heads, 2, rank, keySize]
   * @param keys [heads, 2, rank, n, keySize]
   * @param cores [heads, cores, rank, rank]
   * @param slots [batch, heads, topK]
   * @param scoreGradients [batch, heads, topK, cores]
   * @return the three gradients in 'c' order
   */
  public static double[][] gradients(
      INDArray query, INDArray keys, INDArray cores, INDArray slots, INDArray scoreGradients) {
    int heads = (int) query.size(1);
    int rank = (int) query.size(3);
    int size = (int) query.size(4);
    int n = (int) keys.size(3);
    int coreCount = (int) cores.size(1);
    int topK = (int) slots.size(2);
    double[] q = Elements.doubles(query);
    double[] k = Elements.doubles(keys);
    double[] core = Elements.doubles(cores);
    double[] g = Elements.doubles(scoreGradients);
    long[] slot = Elements.longs(slots);
    double[][][] scores = keyScores(query, keys);
    double[][] out = {new double[q.length], new double[k.length], new double[core.length]};
    for (int at = 0; at < slot.length * coreCount; at++) {
      int pick = at / coreCount;
      int i = pick / topK;
      int[] key = {(int) (slot[pick] / n), (int) (slot[pick] % n)};
      for (int a = 0; a < rank; a++) {
        for (int b = 0; b < rank; b++) {
          int c = ((i % heads * coreCount + at % coreCount) * rank + a) * rank + b;
          double row = scores[i][a][key[0]];
          double column = scores[i][rank + b][key[1]];
          out[2][c] += g[at] * row * column;
          for (int d = 0; d < size; d++) {
            int rowQuery = (i * 2 * rank + a) * size + d;
            int rowKey = ((i % heads * 2 * rank + a) * n + key[0]) * size + d;
            int columnQuery = (i * 2 * rank + rank + b) * size + d;
            int columnKey = ((i % heads * 2 * rank + rank + b) * n + key[1]) * size + d;
            out[0][rowQuery] += g[at] * core[c] * column * k[rowKey];
            out[1][rowKey] += g[at] * core[c] * column * q[rowQuery];
            out[0][columnQuery] += g[at] * core[c] * row * k[columnKey];
            out[1][columnKey] += g[at] * core[c] * row * q[columnQuery];
          }
        }
      }
    }
    return out;
  }
}
