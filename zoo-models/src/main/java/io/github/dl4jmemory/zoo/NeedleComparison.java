package io.github.dl4jmemory.zoo;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Whether what stands far back is still found when few keys are kept: trains small transformers on
 * pairs of keys and values that are hidden in filler and asked for at the end (a needle in a
 * haystack), with dense attention, and with separators, more of the last tokens, or tokens at fixed
 * intervals, each of which keeps as many keys as the separators do. The models are trained on this
 * task alone: nothing is said about language. Leaves a file of results for each training in a
 * folder; what is there is not done again.
 */
@Command(
    name = "needle-comparison",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Trains small transformers to find hidden pairs at equally many kept keys.")
public final class NeedleComparison implements Callable<Integer> {
  static final String OWNER = "needle-comparison";

  private final StopSignal stop = new StopSignal();

  @Option(
      names = "--models",
      split = ",",
      defaultValue = "dense,separator,streaming,fix",
      description = "Kinds of attention (default ${DEFAULT-VALUE}).")
  private List<String> models;

  @Option(
      names = "--seeds",
      split = ",",
      defaultValue = "1,2,3",
      description = "Of rows and parameters (default ${DEFAULT-VALUE}).")
  private List<Long> seeds;

  @Option(names = "--context", defaultValue = "128", description = "Tokens in a row.")
  private int context;

  @Option(names = "--pairs", defaultValue = "4", description = "Hidden in a row.")
  private int pairs;

  @Option(names = "--window", defaultValue = "8", description = "Last tokens beside separators.")
  private int window;

  @Option(names = "--model", defaultValue = "64", description = "Features of the residual stream.")
  private int model;

  @Option(names = "--layers", defaultValue = "2", description = "Blocks.")
  private int layers;

  @Option(names = "--batch", defaultValue = "16", description = "Rows in a step.")
  private int batch;

  @Option(names = "--steps", defaultValue = "3000", description = "Of each training.")
  private int steps;

  @Option(names = "--learning-rate", defaultValue = "3e-3", description = "Highest on the way.")
  private double learningRate;

  @Option(names = "--test-rows", defaultValue = "500", description = "To measure on.")
  private int testRows;

  @Option(names = "--out", required = true, paramLabel = "DIR", description = "For the results.")
  private Path folder;

  @Option(names = "--workers", defaultValue = "2", description = "Trainings at once.")
  private int workers;

  /** A program whose arguments picocli sets. */
  public NeedleComparison() {}

  /**
   * Runs the program and ends the process with its exit code.
   *
   * @param arguments see {@code --help}
   */
  public static void main(String... arguments) {
    NeedleComparison program = new NeedleComparison();
    program.stop.exitAfter(() -> new CommandLine(program).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    Require.that(window > 0, OWNER, "--window", "at least 1", window, "use 8");
    Require.that(testRows > 0, OWNER, "--test-rows", "at least 1", testRows, "use 500");
    NeedleSettings settings =
        new NeedleSettings(
            context, pairs, window, model, layers, batch, steps, learningRate, testRows);
    List<NeedleModel> kinds = models.stream().map(NeedleModel::of).toList();
    Display display = new Display(System.out, false);
    SideBySide sideBySide = new SideBySide();
    List<SideBySide.Work> works = new ArrayList<>();
    for (long seed : seeds) {
      for (NeedleModel kind : kinds) {
        NeedleTrial trial = new NeedleTrial(settings, kind, seed);
        works.add(
            () -> trial.run(folder, display, () -> stop.getAsBoolean() || sideBySide.failed()));
      }
    }
    sideBySide.run(works, workers);
    return stop.getAsBoolean() ? StopSignal.INTERRUPTED : 0;
  }
}
