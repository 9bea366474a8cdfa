package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.zoo.RunState.Finished;
import io.github.dl4jmemory.zoo.RunState.Interrupted;
import java.io.IOException;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.deeplearning4j.nn.graph.ComputationGraph;

/** One training of the grid, on the thread that runs it: from its checkpoint or its beginning. */
final class Training {
  private final Trial trial;
  private final MemoryTransformer model;
  private final TrainingData data;
  private final Ledger ledger;
  private final Display display;

  Training(Trial trial, ModelPair models, TrainingData data, Ledger ledger, Display display) {
    this.trial = trial;
    this.model = models.model(trial.model(), trial.learningRate());
    this.data = data;
    this.ledger = ledger;
    this.display = display;
  }

  /** Trains to the end and keeps the result, or stops when told to and keeps a checkpoint. */
  void run(BooleanSupplier stop) throws IOException {
    if (stop.getAsBoolean()) {
      return;
    }
    Optional<Interrupted> interrupted = ledger.state().interrupted(trial);
    ComputationGraph network =
        interrupted.isPresent() ? ledger.load(interrupted.get()) : model.init();
    Progress from = interrupted.map(Interrupted::progress).orElseGet(Progress::start);
    int steps = ledger.state().settings().steps();
    try (Display.Bar bar = display.bar(trial.title(), steps, from.step())) {
      Progress progress = new Trainer(data, steps, stop).train(network, from, bar);
      if (progress.step() == steps) {
        Finished finished = assess(network, progress);
        ledger.finish(finished, network);
        bar.end(result(finished));
      } else if (progress.step() > from.step()) {
        ledger.interrupt(trial, progress, network);
      }
    }
  }

  private Finished assess(ComputationGraph network, Progress progress) {
    Assessment assessment = Assessment.of(network, data);
    ModelReport report =
        new ModelReport(
            trial.model(),
            trial.learningRate(),
            model.multiplyAddsPerToken(),
            model.parameterCount(),
            progress.tokensPerSecond(),
            assessment.loss(),
            assessment.scores(),
            progress.curve());
    return new Finished(trial.model(), trial.learningRate(), assessment.score(), report);
  }

  private String result(Finished finished) {
    String measure = data instanceof BiographyData ? "choosing recall" : "held-out loss";
    return String.format(Locale.ROOT, "%s %.4f", measure, Math.abs(finished.score()));
  }
}
