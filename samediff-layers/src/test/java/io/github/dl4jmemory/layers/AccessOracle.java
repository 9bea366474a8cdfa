package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What memories read, in double loops over all slots; sums of any number of passes. */
final class AccessOracle {

  final double[] counts;
  final double[] weights;
  private final int[] lastRead;
  private final Map<String, double[]> entropies = new java.util.HashMap<>();
  private final Map<String, Integer> tokens = new java.util.HashMap<>();

  AccessOracle(int slots) {
    counts = new double[slots];
    weights = new double[slots];
    lastRead = new int[slots];
  }

  /** Adds what a memory without query-key norm reads for the token x in this step. */
  void add(ProductKeyLookup memory, Map<String, INDArray> params, double[] x, int step) {
    int heads = memory.getHeads();
    double[] entropy = entropies.computeIfAbsent(memory.getLayerName(), name -> new double[heads]);
    tokens.merge(memory.getLayerName(), 1, Integer::sum);
    for (int head = 0; head < heads; head++) {
      double[] scores = scores(memory, params, x, head);
      List<Integer> best =
          IntStream.range(0, scores.length)
              .boxed()
              .sorted((a, b) -> Double.compare(scores[b], scores[a]))
              .limit(memory.getTopK())
              .toList();
      double sum = best.stream().mapToDouble(slot -> Math.exp(scores[slot])).sum();
      for (int slot : best) {
        double weight = Math.exp(scores[slot]) / sum;
        counts[slot]++;
        weights[slot] += weight;
        lastRead[slot] = step;
        entropy[head] -= weight * Math.log(weight);
      }
    }
  }

  private static double[] scores(
      ProductKeyLookup memory, Map<String, INDArray> params, double[] x, int head) {
    int n = (int) memory.getSubKeys();
    int half = (int) memory.getKeySize() / 2;
    double[] scores = new double[n * n];
    for (int slot = 0; slot < scores.length; slot++) {
      for (int side = 0; side < 2; side++) {
        for (int d = 0; d < half; d++) {
          double query = 0;
          for (int i = 0; i < x.length; i++) {
            query += x[i] * params.get("Wq").getDouble(i, (head * 2 + side) * half + d);
          }
          int key = side == 0 ? slot / n : slot % n;
          scores[slot] += query * params.get("K").getDouble(head, side, key, d);
        }
      }
    }
    return scores;
  }

  /** Slots that were not read in steps from first to last; steps count from 1. */
  long dead(int first) {
    return IntStream.of(lastRead).filter(step -> step < first).count();
  }

  long reads() {
    return (long) java.util.Arrays.stream(counts).sum();
  }

  List<Double> entropy(String memory) {
    List<Double> means = new ArrayList<>();
    for (double sum : entropies.get(memory)) {
      means.add(sum / tokens.get(memory));
    }
    return means;
  }

  /** Begins a stretch: only when slots were read last stays. */
  void nextStretch() {
    java.util.Arrays.fill(counts, 0);
    java.util.Arrays.fill(weights, 0);
    entropies.clear();
    tokens.clear();
  }
}
