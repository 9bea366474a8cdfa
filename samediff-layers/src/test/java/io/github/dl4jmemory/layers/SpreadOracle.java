package io.github.dl4jmemory.layers;

import java.util.Arrays;

/** The formulas of {@link SlotSpread}, in plain loops over sorted parts. */
final class SpreadOracle {

  private SpreadOracle() {}

  static double[] parts(double[] amounts) {
    double sum = Arrays.stream(amounts).sum();
    return Arrays.stream(amounts).map(a -> a / sum).sorted().toArray();
  }

  static double share(double[] amounts) {
    int used = 0;
    for (double amount : amounts) {
      used += amount > 0 ? 1 : 0;
    }
    return used / (double) amounts.length;
  }

  static double kl(double[] amounts) {
    double kl = 0;
    for (double z : parts(amounts)) {
      kl += z > 0 ? z * Math.log(z * amounts.length) : 0;
    }
    return kl;
  }

  static double gini(double[] amounts) {
    double cumulated = 0;
    double sum = 0;
    for (double z : parts(amounts)) {
      cumulated += z;
      sum += cumulated;
    }
    return 1 - 2 * sum / amounts.length;
  }

  static long top(double[] amounts, double percent) {
    double[] sorted = amounts.clone();
    Arrays.sort(sorted);
    double wanted = Arrays.stream(amounts).sum() * percent / 100;
    double held = 0;
    int count = 0;
    while (held < wanted) {
      count++;
      held += sorted[sorted.length - count];
    }
    return count;
  }

  static double lorenz(double[] amounts, double share) {
    double left = share * amounts.length;
    double held = 0;
    for (double z : parts(amounts)) {
      held += z * Math.max(0, Math.min(1, left));
      left--;
    }
    return held;
  }
}
