package io.github.dl4jmemory.zoo;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The trainings of a run: both models at every learning rate. */
record Grid(List<Double> learningRates) {
  Grid {
    learningRates = List.copyOf(learningRates);
  }

  /** In the order of run.json. */
  List<Trial> trials() {
    return trials(ModelPair.NAMES);
  }

  /** In the order to begin them: memory models take longer, and begun last they would run alone. */
  List<Trial> longestFirst() {
    List<String> names = new ArrayList<>(ModelPair.NAMES);
    Collections.reverse(names);
    return trials(names);
  }

  private List<Trial> trials(List<String> names) {
    List<Trial> trials = new ArrayList<>();
    for (String name : names) {
      learningRates.forEach(rate -> trials.add(new Trial(name, rate)));
    }
    return trials;
  }

  /** Where the learning rate is an end of a grid of several: a rate beyond it may be better. */
  List<String> warnings(List<Trial> best) {
    List<String> warnings = new ArrayList<>();
    for (Trial trial : best) {
      if (learningRates.size() > 1 && trial.learningRate() == Collections.min(learningRates)) {
        warnings.add(warning(trial, "lowest", "lower"));
      } else if (learningRates.size() > 1
          && trial.learningRate() == Collections.max(learningRates)) {
        warnings.add(warning(trial, "highest", "higher"));
      }
    }
    return warnings;
  }

  private static String warning(Trial trial, String end, String beyond) {
    return trial.model()
        + ": the best learning rate, "
        + Trial.rate(trial.learningRate())
        + ", is the "
        + end
        + " of the grid; a "
        + beyond
        + " one may serve it better";
  }
}
