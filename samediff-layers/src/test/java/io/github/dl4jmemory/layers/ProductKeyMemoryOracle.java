package io.github.dl4jmemory.layers;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Product-key memory for one token, in double loops over all slots. */
final class ProductKeyMemoryOracle {

  private ProductKeyMemoryOracle() {}

  static double[] token(ProductKeyMemory layer, Map<String, INDArray> params, double[] x) {
    return token(layer, params, x, List.of());
  }

  /** With keys of an overlay, which are candidates beside the slots. */
  static double[] token(
      ProductKeyMemory layer,
      Map<String, INDArray> params,
      double[] x,
      List<OverlayKeys.Entry> overlay) {
    int half = (int) layer.getKeySize() / 2;
    int n = (int) layer.getSubKeys();
    double[] query = times(x, params.get("Wq"));
    if (layer.isQueryBatchNorm()) {
      INDArray statistics = params.get("queryStatistics");
      for (int i = 0; i < query.length; i++) {
        query[i] =
            (query[i] - statistics.getDouble(0, i)) / Math.sqrt(statistics.getDouble(1, i) + 1e-6);
      }
    }
    double[] read = new double[(int) layer.getValueSize()];
    for (int head = 0; head < layer.getHeads(); head++) {
      double[][] halfScores = new double[2][n];
      for (int side = 0; side < 2; side++) {
        double[] q = new double[half];
        System.arraycopy(query, (head * 2 + side) * half, q, 0, half);
        for (int i = 0; i < n; i++) {
          double[] key = new double[half];
          for (int d = 0; d < half; d++) {
            key[d] = params.get("K").getDouble(head, side, i, d);
          }
          halfScores[side][i] = score(layer, params, head, side, key, q);
        }
      }
      double[] scores = new double[n * n + overlay.size()];
      for (int slot = 0; slot < n * n; slot++) {
        scores[slot] = halfScores[0][slot / n] + halfScores[1][slot % n];
      }
      for (int extra = 0; extra < overlay.size(); extra++) {
        scores[n * n + extra] = score(layer, params, head, overlay.get(extra), query);
      }
      int[] best =
          IntStream.range(0, scores.length)
              .boxed()
              .sorted((a, b) -> Double.compare(scores[b], scores[a]))
              .limit(layer.getTopK())
              .mapToInt(Integer::intValue)
              .toArray();
      double sum = 0;
      for (int slot : best) {
        sum += Math.exp(scores[slot] - scores[best[0]]);
      }
      for (int slot : best) {
        double weight = Math.exp(scores[slot] - scores[best[0]]) / sum;
        for (int j = 0; j < read.length; j++) {
          double value =
              slot < n * n
                  ? params.get("V").getDouble(slot, j)
                  : overlay.get(slot - n * n).value()[j];
          read[j] += weight * value;
        }
      }
    }
    if (layer.isGate()) {
      double[] gate = times(x, params.get("Wg"));
      for (int j = 0; j < read.length; j++) {
        read[j] *= gate[j] / (1 + Math.exp(-gate[j]));
      }
    }
    return times(read, params.get("Wo"));
  }

  private static double score(
      ProductKeyMemory layer,
      Map<String, INDArray> params,
      int head,
      OverlayKeys.Entry entry,
      double[] query) {
    if (entry.head() != head) {
      return Double.NEGATIVE_INFINITY;
    }
    int half = (int) layer.getKeySize() / 2;
    double score = 0;
    for (int side = 0; side < 2; side++) {
      int from = (head * 2 + side) * half;
      double[] q = Arrays.copyOfRange(query, from, from + half);
      double[] key = Arrays.copyOfRange(entry.key(), side * half, (side + 1) * half);
      score += score(layer, params, head, side, key, q);
    }
    return score;
  }

  private static double score(
      ProductKeyMemory layer,
      Map<String, INDArray> params,
      int head,
      int side,
      double[] key,
      double[] q) {
    int half = q.length;
    double score = 0;
    for (int d = 0; d < half; d++) {
      double gain = layer.isQueryKeyNorm() ? params.get("g").getDouble(head, side, d) : 1;
      score += gain * q[d] * key[d];
    }
    return layer.isQueryKeyNorm() ? score / (rms(q) * rms(key) * Math.sqrt(half)) : score;
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
