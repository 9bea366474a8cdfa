package io.github.dl4jmemory.zoo;

import java.util.Locale;
import java.util.function.BooleanSupplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.deeplearning4j.nn.graph.ComputationGraph;

/** Trains a network to a number of steps, or until it is told to stop; shows a progress bar. */
final class Trainer {
  private static final int POINTS = 100;

  private final TrainingData data;
  private final int steps;
  private final BooleanSupplier stop;
  private final boolean quiet;

  Trainer(TrainingData data, int steps, BooleanSupplier stop, boolean quiet) {
    this.data = data;
    this.steps = steps;
    this.stop = stop;
    this.quiet = quiet;
  }

  /** Trains on from where {@code from} is; ends at all steps or, when told to stop, before. */
  Progress train(String title, ComputationGraph network, Progress from) {
    Progress progress = from;
    try (ProgressBar bar = quiet ? null : bar(title, from.step())) {
      while (progress.step() < steps && !stop.getAsBoolean()) {
        progress = step(network, progress);
        if (bar != null) {
          bar.stepTo(progress.step());
          bar.setExtraMessage(
              String.format(
                  Locale.ROOT,
                  " loss %.3f, %.0f tokens/s",
                  network.score(),
                  progress.tokensPerSecond()));
        }
      }
    }
    return progress;
  }

  private Progress step(ComputationGraph network, Progress progress) {
    long begin = System.nanoTime();
    network.fit(TrainingData.batch(data.rows(progress.step()), data.context()));
    double seconds = (System.nanoTime() - begin) / 1e9;
    int stretch = Math.max(1, steps / POINTS);
    return progress.plus(data.tokens(progress.step()), seconds, network.score(), stretch);
  }

  private ProgressBar bar(String title, int done) {
    return new ProgressBarBuilder()
        .setTaskName(title)
        .setInitialMax(steps)
        .startsFrom(done, java.time.Duration.ZERO)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(System.console() == null ? 10_000 : 500)
        .build();
  }
}
