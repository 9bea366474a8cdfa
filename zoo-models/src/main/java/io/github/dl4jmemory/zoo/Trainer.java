package io.github.dl4jmemory.zoo;

import java.util.List;
import java.util.function.BooleanSupplier;
import org.deeplearning4j.nn.graph.ComputationGraph;

/** Trains a network to a number of steps, or until it is told to stop. */
final class Trainer {
  private static final int POINTS = 100;

  /** Told after every step. */
  @FunctionalInterface
  interface Watcher {
    void onStep(Progress progress, double loss);
  }

  private final TrainingData.Batches batches;
  private final int context;
  private final int steps;
  private final BooleanSupplier stop;

  Trainer(TrainingData data, int steps, BooleanSupplier stop) {
    this.batches = data.batches();
    this.context = data.context();
    this.steps = steps;
    this.stop = stop;
  }

  /** Trains on from where {@code from} is; ends at all steps or, when told to stop, before. */
  Progress train(ComputationGraph network, Progress from, Watcher watcher) {
    Progress progress = from;
    while (progress.step() < steps && !stop.getAsBoolean()) {
      progress = step(network, progress);
      watcher.onStep(progress, network.score());
    }
    return progress;
  }

  private Progress step(ComputationGraph network, Progress progress) {
    long begin = System.nanoTime();
    List<int[]> rows = batches.rows(progress.step());
    network.fit(TrainingData.batch(rows, context));
    double seconds = (System.nanoTime() - begin) / 1e9;
    int stretch = Math.max(1, steps / POINTS);
    return progress.plus(TrainingData.predicted(rows), seconds, network.score(), stretch);
  }
}
