package io.github.dl4jmemory.bench;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntConsumer;

/** Times several sides in turn, each until it has run for a while, a few rounds; medians. */
final class Turns {
  private static final int ROUNDS = 7;
  private static final double STRETCH_MILLIS = 250;
  private static final int MOST = 10_000;

  private Turns() {}

  /** Milliseconds of an iteration of each side, after rounds that are not counted. */
  static Map<String, Double> medians(Map<String, IntConsumer> sides) {
    Map<String, double[]> times = new LinkedHashMap<>();
    Map<String, Integer> iterations = new LinkedHashMap<>();
    sides.forEach((name, side) -> iterations.put(name, iterations(side)));
    for (int round = 0; round < ROUNDS; round++) {
      for (Map.Entry<String, IntConsumer> side : sides.entrySet()) {
        double[] of = times.computeIfAbsent(side.getKey(), name -> new double[ROUNDS]);
        of[round] = millis(side.getValue(), iterations.get(side.getKey()));
      }
    }
    Map<String, Double> medians = new LinkedHashMap<>();
    times.forEach(
        (name, of) -> {
          Arrays.sort(of);
          medians.put(name, of[ROUNDS / 2]);
        });
    return medians;
  }

  /** As many as take up a stretch, once the compiler of the JVM has seen the side for as long. */
  private static int iterations(IntConsumer side) {
    int count = 1;
    while (count < MOST && millis(side, count) * count < 2 * STRETCH_MILLIS) {
      count *= 2;
    }
    return Math.max(1, (int) Math.min(MOST, STRETCH_MILLIS / millis(side, count)));
  }

  private static double millis(IntConsumer side, int count) {
    long start = System.nanoTime();
    for (int i = 0; i < count; i++) {
      side.accept(i);
    }
    return (System.nanoTime() - start) / 1e6 / count;
  }
}
