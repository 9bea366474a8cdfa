package io.github.dl4jmemory.testkit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Product-key lookup as plain loops, for one array of queries [batch, heads, keySize]. */
public final class ProductKeyOracle {
  private ProductKeyOracle() {}

  /**
   * A slot and its score.
   *
   * @param score rounded sum of the two half scores
   * @param slot i * n + j
   */
  public record Hit(double score, long slot) {}

  /**
   * Half scores.
   *
   * @param query [batch, heads, keySize]
   * @param subKeys [heads, 2, n, keySize/2]
   * @return [batch * heads][2][n]
   */
  public static double[][][] halfScores(INDArray query, INDArray subKeys) {
    int heads = (int) query.size(1);
    int n = (int) subKeys.size(2);
    int side = (int) subKeys.size(3);
    double[] q = Elements.doubles(query);
    double[] keys = Elements.doubles(subKeys);
    double[][][] half = new double[(int) query.size(0) * heads][2][n];
    for (int i = 0; i < half.length; i++) {
      for (int s = 0; s < 2; s++) {
        for (int j = 0; j < n; j++) {
          for (int d = 0; d < side; d++) {
            half[i][s][j] +=
                q[(i * 2 + s) * side + d] * keys[(((i % heads) * 2 + s) * n + j) * side + d];
          }
        }
      }
    }
    return half;
  }

  /**
   * The selection by its rule: halves by score descending, index ascending; the result, among ranks
   * p * q at most topK, by rounded sum descending, slot ascending.
   *
   * @param half half scores [2][n], exact in type
   * @param topK hits to select
   * @param type the dtype to which sums are rounded
   * @return topK hits, best first
   */
  public static List<Hit> select(double[][] half, int topK, DataType type) {
    int n = half[0].length;
    int[] first = ranked(half[0]);
    int[] second = ranked(half[1]);
    List<Hit> candidates = new ArrayList<>();
    for (int p = 1; p <= topK; p++) {
      for (int q = 1; p * q <= topK; q++) {
        double sum = rounded(half[0][first[p - 1]] + half[1][second[q - 1]], type);
        candidates.add(new Hit(sum, (long) first[p - 1] * n + second[q - 1]));
      }
    }
    candidates.sort(
        Comparator.comparingDouble((Hit hit) -> -hit.score()).thenComparingLong(Hit::slot));
    return candidates.subList(0, topK);
  }

  private static int[] ranked(double[] scores) {
    return IntStream.range(0, scores.length)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer j) -> -scores[j]).thenComparingInt(j -> j))
        .mapToInt(j -> j)
        .toArray();
  }

  /**
   * The topK best rounded sums of all n * n pairs, by brute force.
   *
   * @param half half scores [2][n], exact in type
   * @param topK sums to return
   * @param type the dtype to which sums are rounded
   * @return the sums, best first
   */
  public static double[] bestSums(double[][] half, int topK, DataType type) {
    int n = half[0].length;
    double[] sums = new double[n * n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        sums[i * n + j] = -rounded(half[0][i] + half[1][j], type);
      }
    }
    Arrays.sort(sums);
    return Arrays.stream(sums).limit(topK).map(sum -> -sum).toArray();
  }

  private static double rounded(double sum, DataType type) {
    return type == DataType.FLOAT ? (float) sum : sum;
  }

  /**
   * Gradient with respect to the query.
   *
   * @param query [batch, heads, keySize]
   * @param subKeys [heads, 2, n, keySize/2]
   * @param slots [batch, heads, topK]
   * @param scoreGradients [batch, heads, topK]
   * @return [batch, heads, keySize] in 'c' order
   */
  public static double[] queryGradient(
      INDArray query, INDArray subKeys, INDArray slots, INDArray scoreGradients) {
    return gradients(query, subKeys, slots, scoreGradients)[0];
  }

  /**
   * Gradient with respect to the sub-keys.
   *
   * @param query [batch, heads, keySize]
   * @param subKeys [heads, 2, n, keySize/2]
   * @param slots [batch, heads, topK]
   * @param scoreGradients [batch, heads, topK]
   * @return [heads, 2, n, keySize/2] in 'c' order
   */
  public static double[] subKeyGradient(
      INDArray query, INDArray subKeys, INDArray slots, INDArray scoreGradients) {
    return gradients(query, subKeys, slots, scoreGradients)[1];
  }

  private static double[][] gradients(
      INDArray query, INDArray subKeys, INDArray slots, INDArray scoreGradients) {
    int heads = (int) query.size(1);
    int n = (int) subKeys.size(2);
    int side = (int) subKeys.size(3);
    int topK = (int) slots.size(2);
    double[] q = Elements.doubles(query);
    double[] keys = Elements.doubles(subKeys);
    long[] hit = Elements.longs(slots);
    double[] gradient = Elements.doubles(scoreGradients);
    double[] dq = new double[q.length];
    double[] dk = new double[keys.length];
    for (int at = 0; at < hit.length; at++) {
      int i = at / topK;
      long[] key = {hit[at] / n, hit[at] % n};
      for (int s = 0; s < 2; s++) {
        for (int d = 0; d < side; d++) {
          int qAt = (i * 2 + s) * side + d;
          int kAt = (((i % heads) * 2 + s) * n + (int) key[s]) * side + d;
          dq[qAt] += gradient[at] * keys[kAt];
          dk[kAt] += gradient[at] * q[qAt];
        }
      }
    }
    return new double[][] {dq, dk};
  }
}
