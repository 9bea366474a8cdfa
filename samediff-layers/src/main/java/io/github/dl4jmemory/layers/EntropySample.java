package io.github.dl4jmemory.layers;

import java.util.Arrays;
import java.util.List;

/** Mean entropy of the softmax weights of a reader's heads, over some tokens of every pass. */
final class EntropySample {

  private static final int TOKENS = 64;

  private final int topK;
  private final double[] sums;
  private long tokens;

  EntropySample(int heads, int topK) {
    this.topK = topK;
    sums = new double[heads];
  }

  /** Adds at most 64 tokens, evenly spaced, of weights [passTokens, heads, topK]. */
  void add(float[] weights, int passTokens) {
    int taken = Math.min(TOKENS, passTokens);
    for (int i = 0; i < taken; i++) {
      int token = (int) ((long) i * passTokens / taken);
      for (int head = 0; head < sums.length; head++) {
        sums[head] += entropy(weights, (token * sums.length + head) * topK);
      }
    }
    tokens += taken;
  }

  private double entropy(float[] weights, int from) {
    double entropy = 0;
    for (int i = from; i < from + topK; i++) {
      entropy -= weights[i] > 0 ? weights[i] * Math.log(weights[i]) : 0;
    }
    return entropy;
  }

  boolean isEmpty() {
    return tokens == 0;
  }

  /** For every head, in nats. */
  List<Double> means() {
    return Arrays.stream(sums).mapToObj(sum -> sum / tokens).toList();
  }

  void clear() {
    Arrays.fill(sums, 0);
    tokens = 0;
  }
}
