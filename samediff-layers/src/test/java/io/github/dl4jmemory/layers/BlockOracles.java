package io.github.dl4jmemory.layers;

import java.util.Map;
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
    int size = layer.headSize();
    double[][] q = rotated(times(x, params.get("Wq")), layer.getTheta(), size);
    double[][] k = rotated(times(x, params.get("Wk")), layer.getTheta(), size);
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
          weight[j] = keep[j] ? Math.exp(score / Math.sqrt(size)) : 0;
          sum += weight[j];
        }
        for (int j = 0; j <= i && keep[i]; j++) {
          for (int c = 0; c < size; c++) {
            mixed[i][head * size + c] += weight[j] / sum * v[j][keyHead * size + c];
          }
        }
      }
    }
    return times(mixed, params.get("Wo"));
  }

  private static double[][] rotated(double[][] x, double theta, int headSize) {
    double[][] y = new double[x.length][x[0].length];
    for (int t = 0; t < x.length; t++) {
      for (int at = 0; at < x[t].length; at++) {
        int head = at / headSize * headSize;
        int i = (at - head) % (headSize / 2);
        double angle = t * Math.pow(theta, -2.0 * i / headSize);
        double first = x[t][head + i];
        double second = x[t][head + i + headSize / 2];
        y[t][at] =
            at - head < headSize / 2
                ? first * Math.cos(angle) - second * Math.sin(angle)
                : second * Math.cos(angle) + first * Math.sin(angle);
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
