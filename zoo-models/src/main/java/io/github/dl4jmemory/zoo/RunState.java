package io.github.dl4jmemory.zoo;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What run.json holds.
 *
 * @param settings of the whole run
 * @param finished trainings, in the order of the grid
 * @param interrupted trainings that have begun, each with its checkpoint
 * @param wallSeconds time that the run has taken, its earlier parts included
 */
record RunState(
    Settings settings, List<Finished> finished, List<Interrupted> interrupted, double wallSeconds) {

  /**
   * A finished training.
   *
   * @param score by which the learning rate is chosen; more is better
   */
  record Finished(String model, double learningRate, double score, ModelReport report) {
    Trial trial() {
      return new Trial(model, learningRate);
    }
  }

  /**
   * A training that was interrupted.
   *
   * @param checkpoint file name of its network
   */
  record Interrupted(Trial trial, Progress progress, String checkpoint) {}

  RunState {
    finished = List.copyOf(finished);
    interrupted = List.copyOf(interrupted);
  }

  static RunState start(Settings settings) {
    return new RunState(settings, List.of(), List.of(), 0);
  }

  Grid grid() {
    return new Grid(settings.learningRates());
  }

  /** Trainings without a result, the longest first. */
  List<Trial> open() {
    List<Trial> open = new ArrayList<>(grid().longestFirst());
    finished.forEach(f -> open.remove(f.trial()));
    return open;
  }

  /** Where a training stands that was interrupted. */
  Optional<Interrupted> interrupted(Trial trial) {
    return interrupted.stream().filter(i -> i.trial().equals(trial)).findFirst();
  }

  /** The training with the best score; of equal ones the first of the grid. */
  Optional<Finished> best(String model) {
    return finished.stream()
        .filter(f -> f.model().equals(model))
        .max(Comparator.comparingDouble(Finished::score));
  }

  /** The best training of each model. */
  List<Finished> best() {
    return ModelPair.NAMES.stream().map(this::best).flatMap(Optional::stream).toList();
  }

  RunState with(Finished next) {
    List<Trial> order = grid().trials();
    List<Finished> sorted =
        Stream.concat(finished.stream(), Stream.of(next))
            .sorted(Comparator.comparingInt(f -> order.indexOf(f.trial())))
            .toList();
    return new RunState(settings, sorted, others(next.trial()), wallSeconds);
  }

  RunState with(Interrupted next) {
    List<Interrupted> all = new ArrayList<>(others(next.trial()));
    all.add(next);
    return new RunState(settings, finished, all, wallSeconds);
  }

  RunState withWallSeconds(double seconds) {
    return new RunState(settings, finished, interrupted, seconds);
  }

  private List<Interrupted> others(Trial trial) {
    return interrupted.stream().filter(i -> !i.trial().equals(trial)).toList();
  }
}
