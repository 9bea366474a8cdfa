package io.github.dl4jmemory.zoo;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.style.markers.SeriesMarkers;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What it costs a trained dense model to change to separator attention: takes the best dense
 * training of a {@link ModelComparison}, goes on with the same data in the same order, once with
 * its own attention and once with each other, and measures the perplexity of held-out text from
 * before the first step on. The learning rate rises and falls once more. Leaves a file of results
 * for each and a picture in a folder; what is there is not done again.
 */
@Command(
    name = "post-training",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Goes on training a dense model with separator attention.")
public final class PostTraining implements Callable<Integer> {
  private static final String OWNER = "post-training";

  private final StopSignal stop = new StopSignal();

  @Option(
      names = "--comparison",
      required = true,
      paramLabel = "DIR",
      description = "The --out of a ModelComparison with finished dense trainings.")
  private Path comparison;

  @Option(
      names = "--models",
      split = ",",
      defaultValue = "separator-64,separator-128",
      description = "Kinds of attention to change to (default ${DEFAULT-VALUE}).")
  private List<String> models;

  @Option(names = "--seed", defaultValue = "1", description = "Of the dense training.")
  private long seed;

  @Option(names = "--tokens", defaultValue = "500000", description = "To go on with.")
  private long tokens;

  @Option(
      names = "--learning-rate",
      description = "Highest on the way; default that of the dense training.")
  private Double learningRate;

  @Option(names = "--points", defaultValue = "10", description = "Times to measure on the way.")
  private int points;

  @Option(
      names = "--held-out-rows",
      defaultValue = "200",
      description = "To measure on, evenly chosen (default ${DEFAULT-VALUE}).")
  private int rows;

  @Option(names = "--out", required = true, paramLabel = "DIR", description = "For the results.")
  private Path folder;

  @Option(names = "--workers", defaultValue = "2", description = "Trainings at once.")
  private int workers;

  /** A program whose arguments picocli sets. */
  public PostTraining() {}

  /**
   * Runs the program and ends the process with its exit code.
   *
   * @param arguments see {@code --help}
   */
  public static void main(String... arguments) {
    PostTraining program = new PostTraining();
    program.stop.exitAfter(() -> new CommandLine(program).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    List<Contender> contenders =
        Stream.concat(Stream.of(Contender.DENSE), models.stream().map(this::attention)).toList();
    Require.that(points > 0, OWNER, "--points", "at least 1", points, "use 10");
    Require.that(rows > 0, OWNER, "--held-out-rows", "at least 1", rows, "use 200");
    FinishedTrials trials = new FinishedTrials(OWNER, comparison);
    ComparedTrial.Result dense = trials.best(Contender.DENSE, seed);
    List<PostTrained> runs = contenders.stream().map(to -> run(dense, to)).toList();
    try (ByteLevelBpe tokenizer = trials.tokenizer()) {
      train(runs, trials, dense, MainJob.text(dense.settings(), tokenizer), tokenizer);
    }
    if (stop.getAsBoolean()) {
      return StopSignal.INTERRUPTED;
    }
    draw(runs);
    return 0;
  }

  private Contender attention(String title) {
    Contender contender = Contender.of(title);
    Require.that(
        contender.isOfAttention() && contender != Contender.DENSE,
        OWNER,
        "--models",
        "models that differ from the dense one by their attention",
        title,
        "use separator-64");
    return contender;
  }

  private PostTrained run(ComparedTrial.Result dense, Contender to) {
    Settings settings = dense.settings();
    long step = (long) settings.context() * settings.batch();
    int steps = Math.toIntExact(Math.max(points, tokens / step));
    double rate = learningRate == null ? dense.report().learningRate() : learningRate;
    return new PostTrained(ComparedTrial.of(dense), to, rate, steps, points);
  }

  private void train(
      List<PostTrained> runs,
      FinishedTrials trials,
      ComparedTrial.Result dense,
      TextData data,
      ByteLevelBpe tokenizer)
      throws IOException {
    Vocabulary vocabulary = trials.vocabulary(tokenizer, data);
    Display display = new Display(System.out, false);
    SideBySide sideBySide = new SideBySide();
    List<SideBySide.Work> works = new ArrayList<>();
    for (PostTrained run : runs) {
      works.add(
          () ->
              run.run(
                  folder,
                  trials.load(dense),
                  data,
                  some(data.heldOut()),
                  vocabulary,
                  display,
                  () -> stop.getAsBoolean() || sideBySide.failed()));
    }
    sideBySide.run(works, workers);
  }

  private List<int[]> some(List<int[]> heldOut) {
    int count = Math.min(rows, heldOut.size());
    return IntStream.range(0, count)
        .mapToObj(i -> heldOut.get(Math.toIntExact((long) i * heldOut.size() / count)))
        .toList();
  }

  private void draw(List<PostTrained> runs) throws IOException {
    XYChart chart = Charts.empty("", "tokens since the change", "held-out perplexity per token");
    for (PostTrained run : runs) {
      PostTrained.Result result = run.result(folder);
      double[] perplexities =
          result.heldOut().points().stream().mapToDouble(p -> Math.exp(p.loss())).toArray();
      chart
          .addSeries(result.model(), result.heldOut().tokens(), perplexities)
          .setMarker(SeriesMarkers.CIRCLE);
    }
    byte[] png = Charts.png(chart);
    AtomicFiles.write(folder.resolve("post-training-seed-" + seed + ".png"), out -> out.write(png));
  }
}
