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
 * What a larger memory is worth: trains the same model with memories of several sizes, and a dense
 * one, on the same data in the same order with the same learning rates, and leaves a file of
 * results for each in a folder, and a picture. Begun again with the same folder it makes those that
 * are missing. {@code benchmarks/quality-size} makes a page of the folder.
 */
@Command(
    name = "quality-size",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description =
        "Trains memories of several sizes and a dense model on invented biographies, or on your own"
            + " text, and measures recall or held-out perplexity, and the share of slots in use.")
public final class QualityAgainstSize implements Callable<Integer> {
  /** A block of attention and memory, as in the main job. */
  private static final Settings.Shape BIOGRAPHIES = Settings.Shape.ofBiographies();

  /** Three blocks, the memory in the middle one; narrow, so that 4M rows stay below 2^28 values. */
  private static final Settings.Shape TEXT =
      new Settings.Shape(56, 3, 4, 149, 4, 256, 16, 32, true, 3e-3);

  @Option(
      names = "--text",
      arity = "1..*",
      paramLabel = "FILE",
      description = "Train on these UTF-8 texts; the last tenth of each is held out.")
  private List<Path> texts = List.of();

  @Option(names = "--people", defaultValue = "2000", description = "Invented people.")
  private int people;

  @Option(names = "--exposures", defaultValue = "40", description = "How often a fact is stated.")
  private int exposures;

  @Option(names = "--tokens", defaultValue = "5000000", description = "With --text: to train on.")
  private long tokens;

  @Option(
      names = "--sub-keys",
      split = ",",
      defaultValue = "0,256,512,1024,2048",
      description = "Sizes: a memory has so many squared slots; 0 is the dense model.")
  private List<Long> subKeys;

  @Option(names = "--memory-heads", defaultValue = "4", description = "Heads of the memory.")
  private int memoryHeads;

  @Option(names = "--key-size", defaultValue = "16", description = "Features of a query.")
  private int keySize;

  @Option(names = "--top-k", defaultValue = "32", description = "Slots that a head reads.")
  private int topK;

  @Option(
      names = "--no-query-batch-norm",
      description = "Queries as they come, to see what standardising them is worth.")
  private boolean plainQueries;

  @Option(names = "--learning-rate", defaultValue = "4e-3", description = "Of all models.")
  private double learningRate;

  @Option(names = "--seeds", split = ",", defaultValue = "1,2", description = "Data and models.")
  private List<Long> seeds;

  @Option(names = "--out", required = true, paramLabel = "DIR", description = "For the results.")
  private Path folder;

  @Option(
      names = "--workers",
      defaultValue = "2",
      description = "Trainings at once, each on a thread of its own.")
  private int workers;

  /** A program whose arguments picocli sets. */
  public QualityAgainstSize() {}

  /**
   * Runs the program and ends the process with its exit code.
   *
   * @param arguments see {@code --help}
   */
  public static void main(String... arguments) {
    System.exit(new CommandLine(new QualityAgainstSize()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    Display display = new Display(System.out, false);
    for (long seed : seeds) {
      RunFolder run = new RunFolder(folder.resolve("seed-" + seed));
      Settings settings = settings(seed);
      try (ByteLevelBpe tokenizer = MainJob.tokenizer(run, settings)) {
        train(settings, tokenizer, display);
      }
      draw();
    }
    return 0;
  }

  /** A picture of all results of this task that are in the folder. */
  private void draw() throws IOException {
    boolean text = !texts.isEmpty();
    String task = SizeTrial.task(text);
    byte[] png =
        new SizeChart(
                SizeTrial.results(folder, task), text ? Assessment.PER_TOKEN : Assessment.RECALL)
            .png();
    AtomicFiles.write(folder.resolve(task + ".png"), out -> out.write(png));
  }

  private void train(Settings settings, ByteLevelBpe tokenizer, Display display)
      throws IOException {
    TrainingData data = MainJob.data(settings, tokenizer);
    int vocabulary = tokenizer.vocabularySize();
    Budget budget = new Budget(settings.isText() ? tokens : null, null);
    Settings all = settings.withSteps(budget.steps(settings, data, vocabulary, workers));
    List<SideBySide.Work> works = new ArrayList<>();
    for (SizeTrial trial : trials(all)) {
      works.add(() -> trial.run(folder, data, vocabulary, display));
    }
    new SideBySide().run(works, workers);
  }

  /** The largest first: begun last it would run alone. The dense model has its multiply-adds. */
  private List<SizeTrial> trials(Settings settings) {
    List<Long> sizes = subKeys.stream().sorted(Comparator.reverseOrder()).toList();
    long largest = sizes.get(0);
    return sizes.stream()
        .map(n -> new SizeTrial(settings.withSubKeys(n == 0 ? largest : n), n * n))
        .toList();
  }

  private Settings settings(long seed) {
    boolean text = !texts.isEmpty();
    return new Settings(
        texts.stream().map(file -> file.toAbsolutePath().toString()).toList(),
        people,
        text ? 0 : exposures,
        2048,
        64,
        32,
        0,
        List.of(learningRate),
        (text ? TEXT : BIOGRAPHIES).withAccesses(memoryHeads, keySize, topK, !plainQueries),
        seed);
  }
}
