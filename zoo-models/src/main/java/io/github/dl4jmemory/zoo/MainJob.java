package io.github.dl4jmemory.zoo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The main job: trains a dense and a memory model of equal compute per token on invented
 * biographies, or on the user's own text, and compares what they know. {@code --help} lists the
 * options. Exit codes: 0 done, 1 failed, 2 wrong arguments, 130 interrupted with a checkpoint.
 */
@Command(
    name = "dl4j-memory",
    mixinStandardHelpOptions = true,
    version = "dl4j-memory 0.1.0",
    sortOptions = false,
    description =
        "Trains a dense and a memory language model of equal compute per token and compares them:"
            + " on invented biographies (how many facts does each recall?) or on your own text"
            + " (held-out perplexity).")
public final class MainJob implements Callable<Integer> {
  private static final String FOLDER = "dl4j-memory-run";

  private final StopSignal stop = new StopSignal();

  @Option(
      names = "--text",
      arity = "1..*",
      paramLabel = "FILE",
      description = "Train on these UTF-8 texts; the last tenth of each is held out.")
  private List<Path> texts = List.of();

  @Option(
      names = "--people",
      defaultValue = "1000",
      description = "Invented people, four facts about each (default ${DEFAULT-VALUE}).")
  private int people;

  @Option(
      names = "--exposures",
      defaultValue = "40",
      description = "How often each fact is stated (default ${DEFAULT-VALUE}).")
  private int exposures;

  @Option(
      names = "--learning-rates",
      split = ",",
      defaultValue = "2e-3,4e-3,8e-3,1.6e-2",
      description = "Grid that both models are trained with (default ${DEFAULT-VALUE}).")
  private List<Double> learningRates;

  @Option(names = "--tokens", description = "Training tokens of each training of the grid.")
  private Long tokens;

  @Option(
      names = "--minutes",
      description =
          "Or: about so many minutes for the whole run; measured speed decides the steps.")
  private Double minutes;

  @Option(
      names = "--batch",
      defaultValue = "32",
      description = "Rows in a step (default ${DEFAULT-VALUE}).")
  private int batch;

  @Option(
      names = "--context",
      defaultValue = "64",
      description = "With --text: tokens in a row (default ${DEFAULT-VALUE}).")
  private int context;

  @Option(
      names = "--vocabulary",
      defaultValue = "2048",
      description = "Largest vocabulary of the tokenizer (default ${DEFAULT-VALUE}).")
  private int vocabulary;

  @Option(
      names = "--seed",
      defaultValue = "1",
      description = "Of corpus, order and parameters (default ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description =
          "Folder of the run (default ./dl4j-memory-run, or with a number behind it where there is a"
              + " run already).")
  private Path folder;

  @Option(
      names = "--resume",
      description = "Continue the interrupted run in --out; its own settings hold.")
  private boolean resume;

  @Option(names = "--quiet", description = "No progress bars.")
  private boolean quiet;

  /** A job whose arguments picocli sets. */
  public MainJob() {}

  /**
   * Runs the job and ends the process with its exit code.
   *
   * @param arguments see {@code --help}
   */
  public static void main(String... arguments) {
    MainJob job = new MainJob();
    job.stop.exitAfter(() -> job.run(arguments));
  }

  /** The job with its exit code; errors go to standard error as one line. */
  int run(String... arguments) {
    return new CommandLine(this)
        .setExecutionExceptionHandler(
            (e, line, parsed) -> {
              line.getErr().println(e.getMessage() == null ? e.toString() : e.getMessage());
              return e instanceof IllegalArgumentException ? 2 : 1;
            })
        .execute(arguments);
  }

  /** The folder asked for, or the first free one; with --resume the last one taken. */
  private Path folder() {
    if (folder != null) {
      return folder;
    }
    Path last = Path.of(FOLDER);
    Path next = last;
    for (int i = 2; new RunFolder(next).hasRun(); i++) {
      last = next;
      next = Path.of(FOLDER + "-" + i);
    }
    return resume ? last : next;
  }

  @Override
  public Integer call() throws IOException {
    WallTime time = WallTime.start();
    check();
    folder = folder();
    RunFolder run = new RunFolder(folder);
    Settings settings = resume ? run.read().settings() : settings();
    Require.that(
        resume || !run.hasRun(),
        "main job",
        "--out",
        "a folder without a run",
        folder,
        "add --resume, or give another --out");
    try (ByteLevelBpe tokenizer = tokenizer(run, settings)) {
      TrainingData data = data(settings, tokenizer);
      RunState state = resume ? run.read() : start(settings, data, tokenizer);
      run.write(state);
      Ledger ledger = new Ledger(run, state, time);
      if (!new Run(run, ledger, data, tokenizer, workers(state.settings()), System.out, quiet)
          .go(stop)) {
        System.out.println("Interrupted. Continue with: --resume --out " + folder);
        return StopSignal.INTERRUPTED;
      }
    }
    return 0;
  }

  private RunState start(Settings settings, TrainingData data, ByteLevelBpe tokenizer)
      throws IOException {
    int steps =
        new Budget(tokens, minutes)
            .steps(settings, data, tokenizer.vocabularySize(), workers(settings));
    return RunState.start(settings.withSteps(steps));
  }

  /** Trainings at once: each takes one processor. */
  private static int workers(Settings settings) {
    int trainings = new Grid(settings.learningRates()).trials().size();
    return Math.min(trainings, Runtime.getRuntime().availableProcessors());
  }

  private void check() {
    between(2, people, "--people", 62_500); // one to choose the rate by, one to report
    between(1, exposures, "--exposures", 1_000_000);
    between(1, batch, "--batch", 1 << 20);
    between(1, context, "--context", 1 << 20);
    Require.that(
        tokens == null || minutes == null,
        "main job",
        "--tokens, --minutes",
        "one of them",
        "both",
        "give the tokens of each training, or the minutes of the run");
    Require.that(
        tokens == null || tokens > 0, "main job", "--tokens", "at least 1", tokens, "use 1000000");
    Require.that(
        minutes == null || minutes > 0, "main job", "--minutes", "over 0", minutes, "use 3");
    Require.that(
        !learningRates.isEmpty() && learningRates.stream().allMatch(rate -> rate > 0 && rate < 1),
        "main job",
        "--learning-rates",
        "numbers between 0 and 1",
        learningRates,
        "use 2e-3,4e-3,8e-3");
    Require.that(
        learningRates.stream().distinct().count() == learningRates.size(),
        "main job",
        "--learning-rates",
        "each rate once",
        learningRates,
        "name every rate once");
  }

  private static void between(int least, int got, String parameter, int most) {
    Require.that(
        got >= least && got <= most,
        "main job",
        parameter,
        least + " to " + most,
        got,
        "choose one in between");
  }

  private Settings settings() {
    boolean text = !texts.isEmpty();
    return new Settings(
        texts.stream().map(file -> file.toAbsolutePath().toString()).toList(),
        people,
        text ? 0 : exposures,
        vocabulary,
        context,
        batch,
        0,
        learningRates,
        text ? Settings.Shape.ofText() : Settings.Shape.ofBiographies(),
        seed);
  }

  /** The tokenizer of a run; trained, and kept in its folder, where there is none yet. */
  static ByteLevelBpe tokenizer(RunFolder run, Settings settings) throws IOException {
    Path file = run.file("tokenizer.json");
    if (Files.exists(file)) {
      return ByteLevelBpe.load(file);
    }
    List<String> texts =
        settings.isText()
            ? TextData.trainingPart(TextData.read(paths(settings)))
            : people(settings).sentences();
    ByteLevelBpe tokenizer = ByteLevelBpe.train(texts, settings.vocabulary());
    tokenizer.save(file);
    return tokenizer;
  }

  /** What a run trains on. */
  static TrainingData data(Settings settings, ByteLevelBpe tokenizer) throws IOException {
    return settings.isText()
        ? text(settings, tokenizer)
        : new BiographyData(people(settings), tokenizer, settings.batch(), settings.seed());
  }

  static TextData text(Settings settings, ByteLevelBpe tokenizer) throws IOException {
    return new TextData(
        TextData.read(paths(settings)),
        tokenizer,
        settings.context(),
        settings.batch(),
        settings.seed());
  }

  private static List<Path> paths(Settings settings) {
    return settings.texts().stream().map(Path::of).toList();
  }

  private static Biographies people(Settings settings) {
    return Biographies.of(settings.people(), settings.seed());
  }
}
