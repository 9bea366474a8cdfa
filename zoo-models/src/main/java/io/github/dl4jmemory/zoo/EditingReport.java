package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.zoo.FactChange.Recall;
import java.util.List;
import java.util.Map;

/**
 * What editing.json holds.
 *
 * @param before recall of each trained network, before any edit
 * @param grid every setting on the facts that choose
 * @param results the chosen setting of each method on the facts that are reported
 */
record EditingReport(
    long seed,
    int people,
    int exposures,
    int facts,
    int editExposures,
    int steps,
    long tokens,
    Map<String, Long> parameters,
    Map<String, Double> trainingRates,
    Map<String, Recall> before,
    List<Result> grid,
    List<Result> results,
    double wallSeconds) {

  /**
   * An edit.
   *
   * @param seconds of its steps
   */
  record Result(
      String method, String setting, Recall recall, long changedNumbers, double seconds) {}
}
