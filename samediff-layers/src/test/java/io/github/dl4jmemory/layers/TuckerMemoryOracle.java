package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.UltraMemOps;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * An UltraMem or UltraMemV2 on one sequence of tokens, in double loops, with the expanded table: a
 * row of V projected by the matrix of its block. Filters are taken as they are.
 */
final class TuckerMemoryOracle {

  private final TuckerMemory layer;
  private final Map<String, INDArray> params;
  private final int width;

  TuckerMemoryOracle(TuckerMemory layer, Map<String, INDArray> params) {
    this.layer = layer;
    this.params = params;
    width = (int) layer.rankKeySize();
  }

  /** A virtual slot and its scores, one a core. */
  private record Hit(long slot, double[] scores) {

    double sum() {
      return java.util.Arrays.stream(scores).sum();
    }
  }

  /** Outputs of a sequence; a masked token is null, and its output zeros. */
  double[][] sequence(double[][] x) {
    double[][] out = new double[x.length][(int) layer.getNOut()];
    for (int t = 0; t < x.length; t++) {
      if (x[t] != null) {
        double[] query = times(queried(x, t), params.get("Wq"));
        for (int head = 0; head < layer.getHeads(); head++) {
          List<Hit> hits = hits(head, query);
          for (Hit hit : hits) {
            add(hit.slot(), weights(hit, hits), x[t], out[t]);
          }
        }
      }
    }
    return out;
  }

  private double[] queried(double[][] x, int t) {
    int taps = layer.getQueryConvolution();
    if (taps == 0) {
      return x[t];
    }
    double[] sum = new double[x[t].length];
    for (int k = 0; k < taps; k++) {
      int from = t - taps + 1 + k;
      for (int d = 0; d < sum.length && from >= 0 && x[from] != null; d++) {
        sum[d] += params.get("Wc").getDouble(k, d) * x[from][d];
      }
    }
    return sum;
  }

  /** The topK of the candidates that the filters let pass, best first. */
  private List<Hit> hits(int head, double[] query) {
    double[][] rows = keyScores(head, 0, query);
    double[][] columns = keyScores(head, 1, query);
    int n = rows[0].length;
    List<Hit> hits = new ArrayList<>();
    for (int i : best(head, 0, rows)) {
      for (int j : best(head, 1, columns)) {
        double[] scores = new double[layer.getCores()];
        for (int p = 0; p < scores.length; p++) {
          for (int a = 0; a < layer.getRank(); a++) {
            for (int b = 0; b < layer.getRank(); b++) {
              double core = params.get("C").getDouble(head, p, a, b);
              scores[p] += rows[a][i] * core * columns[b][j];
            }
          }
        }
        hits.add(new Hit((long) i * n + j, scores));
      }
    }
    hits.sort(Comparator.comparingDouble(Hit::sum).reversed());
    return hits.subList(0, layer.getTopK());
  }

  /** Scores [rank][key] of one side. */
  private double[][] keyScores(int head, int side, double[] query) {
    int rank = layer.getRank();
    int n = (int) layer.sideKeys();
    int queryHead = layer.sharesQuery() ? 0 : head;
    double[][] scores = new double[rank][n];
    for (int a = 0; a < rank; a++) {
      double[] q = new double[width];
      for (int d = 0; d < width; d++) {
        q[d] = query[((queryHead * 2 + side) * rank + a) * width + d];
      }
      for (int i = 0; i < n; i++) {
        double[] key = new double[width];
        for (int d = 0; d < width; d++) {
          key[d] = params.get("K").getDouble(head, side, a, i, d);
        }
        scores[a][i] = score(a, q, key);
      }
    }
    return scores;
  }

  private double score(int a, double[] q, double[] key) {
    boolean norm = layer.isQueryKeyNorm();
    double score = 0;
    for (int d = 0; d < width; d++) {
      double gains = norm ? params.get("gq").getDouble(a, d) * params.get("gk").getDouble(a, d) : 1;
      score += gains * q[d] * key[d];
    }
    return norm ? score / (rms(q) * rms(key)) : score;
  }

  private int[] best(int head, int side, double[][] scores) {
    double[] filtered = new double[scores[0].length];
    for (int i = 0; i < filtered.length; i++) {
      for (int a = 0; a < scores.length; a++) {
        filtered[i] += params.get("F").getDouble(head, side, a) * scores[a][i];
      }
    }
    return IntStream.range(0, filtered.length)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -filtered[i]))
        .limit(layer.getTopK())
        .mapToInt(Integer::intValue)
        .toArray();
  }

  private double[] weights(Hit hit, List<Hit> all) {
    if (!layer.isSoftmax()) {
      return hit.scores();
    }
    double[] weights = new double[layer.getCores()];
    for (int p = 0; p < weights.length; p++) {
      for (Hit other : all) {
        weights[p] += Math.exp(other.scores()[p] - hit.scores()[p]);
      }
      weights[p] = 1 / weights[p];
    }
    return weights;
  }

  /** Adds what a virtual slot holds: a row of V, weighted by slices, projected by its block. */
  private void add(long virtualSlot, double[] weights, double[] x, double[] out) {
    UltraMemOps.ExpandedSlots place =
        UltraMemOps.expandSlots(
            Nd4j.createFromArray(virtualSlot),
            layer.getSlots(),
            layer.getExpansion(),
            layer.getPermutationSeed());
    long slot = place.slots().getLong(0);
    int size = (int) layer.getValueSize();
    boolean second = layer instanceof UltraMemV2;
    long first = second ? 0 : place.blocks().getLong(0) * size;
    double product = second ? preValue(slot, x) : 1;
    for (int d = 0; d < size; d++) {
      double weight = weights[d / (size / layer.getCores())] * product;
      for (int o = 0; o < out.length; o++) {
        double projected = params.get("Wo").getDouble(first + d, o);
        out[o] += weight * params.get("V").getDouble(slot, d) * projected;
      }
    }
  }

  private double preValue(long slot, double[] x) {
    double[] input = times(x, params.get("Wp"));
    double sum = 0;
    for (int d = 0; d < input.length; d++) {
      sum += input[d] * params.get("P").getDouble(slot, d);
    }
    return sum;
  }

  private static double rms(double[] values) {
    double squares = 0;
    for (double value : values) {
      squares += value * value;
    }
    return Math.sqrt(squares / values.length + 1e-6);
  }

  private static double[] times(double[] x, INDArray matrix) {
    double[] out = new double[(int) matrix.size(1)];
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < out.length; j++) {
        out[j] += x[i] * matrix.getDouble(i, j);
      }
    }
    return out;
  }
}
