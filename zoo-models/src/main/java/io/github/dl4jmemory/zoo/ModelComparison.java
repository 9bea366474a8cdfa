package io.github.dl4jmemory.zoo;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What kinds of language models are worth: trains each on the same text with the same tokens at
 * every learning rate of a grid, takes each one's best rate for further seeds, and leaves a file of
 * results for each training in a folder, and the networks of those that differ from the dense one
 * by their attention alone. Interrupted or killed and begun again with the same folder it goes on
 * from its checkpoints.
 */
@Command(
    name = "model-comparison",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Trains kinds of language models side by side on your own text.")
public final class ModelComparison implements Callable<Integer> {
  static final String OWNER = "model comparison";

  private final StopSignal stop = new StopSignal();

  @Option(
      names = "--text",
      arity = "1..*",
      required = true,
      paramLabel = "FILE",
      description = "Train on these UTF-8 texts; the last tenth of each is held out.")
  private List<Path> texts;

  @Option(
      names = "--models",
      split = ",",
      defaultValue = "dense,moe,memory",
      description = "Kinds of models (default ${DEFAULT-VALUE}).")
  private List<String> models;

  @Option(names = "--tokens", defaultValue = "2000000", description = "Of each training.")
  private long tokens;

  @Option(
      names = "--learning-rates",
      split = ",",
      defaultValue = "5e-4,1e-3,2e-3",
      description = "Grid, trained with the first seed (default ${DEFAULT-VALUE}).")
  private List<Double> learningRates;

  @Option(
      names = "--seeds",
      split = ",",
      defaultValue = "1,2,3",
      description = "Of data and model.")
  private List<Long> seeds;

  @Option(names = "--context", defaultValue = "512", description = "Tokens in a row.")
  private int context;

  @Option(names = "--batch", defaultValue = "4", description = "Rows in a step.")
  private int batch;

  @Option(names = "--model", defaultValue = "224", description = "Features of the residual stream.")
  private int model;

  @Option(names = "--layers", defaultValue = "6", description = "Blocks.")
  private int layers;

  @Option(names = "--hidden", defaultValue = "592", description = "Of the dense model.")
  private int hidden;

  @Option(names = "--sub-keys", defaultValue = "300", description = "A memory has so many squared.")
  private long subKeys;

  @Option(names = "--out", required = true, paramLabel = "DIR", description = "For the results.")
  private Path folder;

  @Option(names = "--workers", defaultValue = "2", description = "Trainings at once.")
  private int workers;

  /** A program whose arguments picocli sets. */
  public ModelComparison() {}

  /**
   * Runs the program and ends the process with its exit code.
   *
   * @param arguments see {@code --help}
   */
  public static void main(String... arguments) {
    ModelComparison program = new ModelComparison();
    program.stop.exitAfter(() -> new CommandLine(program).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    Display display = new Display(System.out, false);
    List<Contender> contenders = models.stream().map(Contender::of).toList();
    Settings first = settings(seeds.get(0));
    try (ByteLevelBpe tokenizer = MainJob.tokenizer(new RunFolder(folder), first)) {
      train(grid(contenders, first, tokenizer), first, tokenizer, display);
      for (long seed : seeds.subList(1, seeds.size())) {
        if (!stop.getAsBoolean()) {
          List<ComparedTrial> best = best(contenders, first, tokenizer, seed);
          train(best, settings(seed), tokenizer, display);
        }
      }
    }
    return stop.getAsBoolean() ? StopSignal.INTERRUPTED : 0;
  }

  private void train(
      List<ComparedTrial> trials, Settings settings, ByteLevelBpe tokenizer, Display display)
      throws IOException {
    TextData data = MainJob.text(settings, tokenizer);
    Vocabulary vocabulary = Vocabulary.of(folder, tokenizer, data);
    SideBySide sideBySide = new SideBySide();
    List<SideBySide.Work> works = new ArrayList<>();
    for (ComparedTrial trial : trials) {
      works.add(
          () ->
              trial.run(
                  folder,
                  data,
                  vocabulary,
                  display,
                  () -> stop.getAsBoolean() || sideBySide.failed()));
    }
    sideBySide.run(works, workers);
  }

  private List<ComparedTrial> grid(
      List<Contender> contenders, Settings first, ByteLevelBpe tokenizer) {
    List<ComparedTrial> trials = new ArrayList<>();
    for (Contender contender : contenders) {
      learningRates.forEach(rate -> trials.add(new ComparedTrial(first, contender, rate)));
    }
    return trials;
  }

  /** Each contender with the learning rate that was best with the first seed. */
  private List<ComparedTrial> best(
      List<Contender> contenders, Settings first, ByteLevelBpe tokenizer, long seed)
      throws IOException {
    List<ComparedTrial> trials = new ArrayList<>();
    for (Contender contender : contenders) {
      List<ComparedTrial.Result> results = new ArrayList<>();
      for (double rate : learningRates) {
        results.add(new ComparedTrial(first, contender, rate).result(folder));
      }
      ModelReport best =
          results.stream()
              .map(ComparedTrial.Result::report)
              .min(Comparator.comparingDouble(ModelReport::validationLoss))
              .orElseThrow();
      trials.add(new ComparedTrial(settings(seed), contender, best.learningRate()));
    }
    return trials;
  }

  private Settings settings(long seed) {
    Settings.Shape shape =
        new Settings.Shape(model, layers, 4, hidden, 4, subKeys, 32, 16, true, 3e-3);
    return new Settings(
        texts.stream().map(file -> file.toAbsolutePath().toString()).toList(),
        0,
        0,
        2048,
        context,
        batch,
        Math.toIntExact(Math.max(1, Math.round(tokens / (double) (context * (long) batch)))),
        learningRates,
        shape,
        seed);
  }
}
