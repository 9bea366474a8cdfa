package io.github.dl4jmemory.layers;

import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The language-model blocks for one example [time][features], in double loops. */
final class BlockOracles {

  private BlockOracles() {}

  static double[][] rmsNorm(RmsNorm layer, Map<String, INDArray> params, double[][] x) {
    double[][] y = new double[x.length][x[0].length];
    for (int t = 0; t < x.length; t++) {
      double squares = 0;
      for (double value : x[t]) {
        squares += value * value;
      }
      for (int i = 0; i < x[t].length; i++) {
        double root = Math.sqrt(squares / x[t].length + layer.getEpsilon());
        y[t][i] = params.get("gain").getDouble(0, i) * x[t][i] / root;
      }
    }
    return y;
  }

  static double[][] swiGlu(Map<String, INDArray> params, double[][] x) {
    double[][] a = times(x, params.get("W1"));
    double[][] b = times(x, params.get("W3"));
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < a[t].length; i++) {
        a[t][i] = a[t][i] / (1 + Math.exp(-a[t][i])) * b[t][i];
      }
    }
    return times(a, params.get("W2"));
  }

  static double[][] attention(
      CausalAttention layer, Map<String, INDArray> params, double[][] x, boolean[] keep) {
    return attention(layer, params, x, places(x.length), (i, j) -> keep[i] && keep[j]);
  }

  /** x [time][model + 1], with the flag of separators. */
  static double[][] attention(
      SeparatorAttention layer, Map<String, INDArray> params, double[][] x, boolean[] keep) {
    int model = x[0].length - 1;
    double[][] features = new double[x.length][];
    int[] positions = places(x.length);
    int[] tokens = new int[x.length]; // that are no padding, before a token
    int kept = 0;
    int segment = 0;
    for (int t = 0; t < x.length; t++) {
      features[t] = Arrays.copyOf(x[t], model);
      tokens[t] = kept;
      positions[t] = layer.isBilevelPositions() ? segment : t;
      kept += keep[t] ? 1 : 0;
      segment += keep[t] && x[t][model] == 1 ? 1 : 0;
    }
    return attention(
        layer,
        params,
        features,
        positions,
        (i, j) ->
            keep[i]
                && keep[j]
                && (tokens[j] < layer.getInitial()
                    || x[j][model] == 1
                    || layer.getWindow() == 0
                    || i - j < layer.getWindow()));
  }

  private static int[] places(int time) {
    return IntStream.range(0, time).toArray();
  }

  private interface Sight {
    boolean sees(int query, int key);
  }

  private static double[][] attention(
      AttentionLayer layer,
      Map<String, INDArray> params,
      double[][] x,
      int[] positions,
      Sight sight) {
    int size = layer.headSize();
    double[][] q = rotated(times(x, params.get("Wq")), layer, positions);
    double[][] k = rotated(times(x, params.get("Wk")), layer, positions);
    double[][] v = times(x, params.get("Wv"));
    double[][] mixed = new double[x.length][x[0].length];
    for (int head = 0; head < layer.getHeads(); head++) {
      int keyHead = head * layer.getKeyValueHeads() / layer.getHeads();
      for (int i = 0; i < x.length; i++) {
        double[] weight = new double[i + 1];
        double sum = 0;
        for (int j = 0; j <= i; j++) {
          double score = 0;
          for (int c = 0; c < size; c++) {
            score += q[i][head * size + c] * k[j][keyHead * size + c];
          }
          weight[j] = sight.sees(i, j) ? Math.exp(score / Math.sqrt(size)) : 0;
          sum += weight[j];
        }
        for (int j = 0; j <= i && sum > 0; j++) {
          for (int c = 0; c < size; c++) {
            mixed[i][head * size + c] += weight[j] / sum * v[j][keyHead * size + c];
          }
        }
      }
    }
    return times(mixed, params.get("Wo"));
  }

  private static double[][] rotated(double[][] x, AttentionLayer layer, int[] positions) {
    int turned = (int) (layer.headSize() * layer.getRotaryFraction());
    double[][] y = new double[x.length][x[0].length];
    for (int t = 0; t < x.length; t++) {
      for (int at = 0; at < x[t].length; at++) {
        int head = at / layer.headSize() * layer.headSize();
        int i = (at - head) % (turned / 2);
        double angle = positions[t] * Math.pow(layer.getTheta(), -2.0 * i / turned);
        double first = x[t][head + i];
        double second = x[t][head + i + turned / 2];
        if (at - head >= turned) {
          y[t][at] = x[t][at];
        } else if (at - head < turned / 2) {
          y[t][at] = first * Math.cos(angle) - second * Math.sin(angle);
        } else {
          y[t][at] = second * Math.cos(angle) + first * Math.sin(angle);
        }
      }
    }
    return y;
  }

  static double[][] nextToken(Map<String, INDArray> params, double[][] x) {
    double[][] p = times(x, params.get("W"));
    for (double[] row : p) {
      double sum = 0;
      for (int i = 0; i < row.length; i++) {
        row[i] = Math.exp(row[i]);
        sum += row[i];
      }
      for (int i = 0; i < row.length; i++) {
        row[i] /= sum;
      }
    }
    return p;
  }

  private static double[][] times(double[][] x, INDArray w) {
    double[][] y = new double[x.length][(int) w.size(1)];
    for (int t = 0; t < x.length; t++) {
      for (int j = 0; j < y[t].length; j++) {
        for (int i = 0; i < x[t].length; i++) {
          y[t][j] += x[t][i] * w.getDouble(i, j);
        }
      }
    }
    return y;
  }
}
