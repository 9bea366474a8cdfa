package io.github.dl4jmemory.zoo;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * How long to train.
 *
 * @param tokens of each training, or null
 * @param minutes of the whole run, or null
 */
record Budget(Long tokens, Double minutes) {
  private static final int CALIBRATION_STEPS = 12;

  /** Steps of each training: from the tokens or minutes asked for, or the exposures. */
  int steps(Settings settings, TrainingData data, int vocabulary, int workers) throws IOException {
    double steps;
    if (minutes != null) {
      steps = minutes * 60 / secondsOfAStep(settings, data, vocabulary, workers);
    } else if (tokens != null) {
      steps = tokens / (double) TrainingData.predicted(data.batches().rows(0));
    } else if (data instanceof BiographyData biographies) {
      steps = biographies.steps(settings.exposures());
    } else {
      long inStep = TrainingData.predicted(data.batches().rows(0));
      steps = ((TextData) data).tokensInRound() / (double) inStep;
    }
    return (int) Math.max(1, Math.min(Integer.MAX_VALUE, Math.round(steps)));
  }

  /** Seconds in which all trainings, side by side as in the run, do one step each. */
  private static double secondsOfAStep(
      Settings settings, TrainingData data, int vocabulary, int workers) throws IOException {
    List<Trial> trials = new Grid(settings.learningRates()).longestFirst();
    ModelPair models = new ModelPair(settings, vocabulary, data.context());
    Map<Trial, Double> seconds = new ConcurrentHashMap<>();
    SideBySide sideBySide = new SideBySide();
    sideBySide.run(
        trials.stream()
            .map(trial -> (SideBySide.Work) () -> seconds.put(trial, measure(trial, models, data)))
            .toList(),
        workers);
    return busiest(trials.stream().map(seconds::get).toList(), workers);
  }

  /** Seconds of one step, measured once warm. */
  private static double measure(Trial trial, ModelPair models, TrainingData data) {
    ComputationGraph scratch = models.model(trial.model(), trial.learningRate()).init();
    Progress warm =
        new Trainer(data, CALIBRATION_STEPS, () -> false)
            .train(scratch, Progress.start(), (progress, loss) -> {});
    Progress measured =
        new Trainer(data, 2 * CALIBRATION_STEPS, () -> false)
            .train(scratch, warm, (progress, loss) -> {});
    return (measured.seconds() - warm.seconds()) / CALIBRATION_STEPS;
  }

  /** Time of the worker that is done last, when each takes the next work as soon as it is free. */
  static double busiest(List<Double> seconds, int workers) {
    double[] busy = new double[workers];
    for (double work : seconds) {
      Arrays.sort(busy);
      busy[0] += work;
    }
    return Arrays.stream(busy).max().orElseThrow();
  }
}
