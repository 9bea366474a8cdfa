package io.github.dl4jmemory.layers;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A mixture of experts on tokens [token][nIn], in double loops. */
final class MixtureOfExpertsOracle {

  private final MixtureOfExperts layer;
  private final Map<String, INDArray> params;

  MixtureOfExpertsOracle(MixtureOfExperts layer, Map<String, INDArray> params) {
    this.layer = layer;
    this.params = params;
  }

  double[][] run(double[][] x) {
    double[][] out = new double[x.length][(int) layer.getNOut()];
    for (int t = 0; t < x.length; t++) {
      double[] p = probabilities(x[t]);
      boolean[] chosen = chosen(x[t]);
      double sum = 0;
      for (int e = 0; e < p.length; e++) {
        sum += chosen[e] ? p[e] : 0;
      }
      for (int e = 0; e < p.length; e++) {
        double weight = layer.isNormalizeTopK() ? p[e] / sum : p[e];
        if (chosen[e]) {
          addExpert(e, x[t], weight, out[t]);
        }
      }
    }
    return out;
  }

  /** The load-balance loss of these tokens. */
  double balanceLoss(double[][] x) {
    double sum = 0;
    for (int e = 0; e < layer.getExperts(); e++) {
      double share = 0;
      double mean = 0;
      for (double[] token : x) {
        share += chosen(token)[e] ? 1.0 / layer.getTopK() / x.length : 0;
        mean += probabilities(token)[e] / x.length;
      }
      sum += share * mean;
    }
    return layer.getBalanceLoss() * layer.getExperts() * sum;
  }

  private double score(int e, double[] token) {
    double score = 0;
    for (int i = 0; i < token.length; i++) {
      score += token[i] * params.get("Wr").getDouble(i, e);
    }
    return score;
  }

  private double[] probabilities(double[] token) {
    double[] p = new double[layer.getExperts()];
    double sum = 0;
    for (int e = 0; e < p.length; e++) {
      p[e] = Math.exp(score(e, token));
      sum += p[e];
    }
    for (int e = 0; e < p.length; e++) {
      p[e] /= sum;
    }
    return p;
  }

  /** An expert is chosen if fewer than topK others come before it. */
  private boolean[] chosen(double[] token) {
    boolean[] chosen = new boolean[layer.getExperts()];
    for (int e = 0; e < chosen.length; e++) {
      int before = 0;
      for (int other = 0; other < chosen.length; other++) {
        double difference = score(other, token) - score(e, token);
        before += difference > 0 || difference == 0 && other < e ? 1 : 0;
      }
      chosen[e] = before < layer.getTopK();
    }
    return chosen;
  }

  private void addExpert(int e, double[] token, double weight, double[] out) {
    for (int k = 0; k < layer.getHiddenSize(); k++) {
      double a = 0;
      double b = 0;
      for (int i = 0; i < token.length; i++) {
        a += token[i] * params.get("W1").getDouble(e, i, k);
        b += token[i] * params.get("W3").getDouble(e, i, k);
      }
      double h = a / (1 + Math.exp(-a)) * b;
      for (int o = 0; o < out.length; o++) {
        out[o] += weight * h * params.get("W2").getDouble(e, k, o);
      }
    }
  }
}
