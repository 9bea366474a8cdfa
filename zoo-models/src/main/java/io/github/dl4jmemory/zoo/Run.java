package io.github.dl4jmemory.zoo;

import java.io.IOException;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.function.BooleanSupplier;

/** Trains both models at every learning rate of the grid, several at once, and reports. */
final class Run {
  private final RunFolder folder;
  private final Ledger ledger;
  private final TrainingData data;
  private final ByteLevelBpe tokens;
  private final int workers;
  private final PrintStream out;
  private final Display display;
  private final ModelPair models;

  /**
   * A run.
   *
   * @param workers most trainings at once; results do not depend on it
   */
  Run(
      RunFolder folder,
      Ledger ledger,
      TrainingData data,
      ByteLevelBpe tokens,
      int workers,
      PrintStream out,
      boolean quiet) {
    this.folder = folder;
    this.ledger = ledger;
    this.data = data;
    this.tokens = tokens;
    this.workers = workers;
    this.out = out;
    this.display = new Display(out, quiet);
    this.models = new ModelPair(ledger.state().settings(), tokens.vocabularySize(), data.context());
  }

  /** Runs what is left; false when it was told to stop and checkpoints are written. */
  boolean go(BooleanSupplier stop) throws IOException {
    describe();
    train(ledger.state().open(), stop);
    if (!ledger.state().open().isEmpty()) {
      return false;
    }
    new RunReport(folder, ledger, data, tokens, out).write();
    return true;
  }

  private void train(List<Trial> trials, BooleanSupplier stop) throws IOException {
    SideBySide sideBySide = new SideBySide();
    BooleanSupplier end = () -> sideBySide.failed() || stop.getAsBoolean();
    sideBySide.run(
        trials.stream().map(trial -> (SideBySide.Work) () -> training(trial).run(end)).toList(),
        workers);
  }

  private Training training(Trial trial) {
    return new Training(trial, models, data, ledger, display);
  }

  private void describe() {
    for (String name : ModelPair.NAMES) {
      MemoryTransformer model = models.model(name, 1);
      out.printf(
          Locale.ROOT,
          "%-6s %,d multiply-adds per token, %,d parameters%n",
          name,
          model.multiplyAddsPerToken(),
          model.parameterCount());
    }
  }
}
