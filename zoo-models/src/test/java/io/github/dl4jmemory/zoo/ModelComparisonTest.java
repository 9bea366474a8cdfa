package io.github.dl4jmemory.zoo;

import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.dl4jmemory.layers.IntervalMarks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class ModelComparisonTest {
  @TempDir Path folder;

  private int run(String... more) throws IOException {
    Path text = folder.resolve("text.txt");
    Files.writeString(text, "The cat sat on the mat.\nThe dog did not.\n".repeat(150));
    String[] all = {
      "--text",
      text.toString(),
      "--out",
      folder.resolve("out").toString(),
      "--tokens",
      "1500",
      "--context",
      "32",
      "--batch",
      "4",
      "--model",
      "16",
      "--layers",
      "2",
      "--hidden",
      "400",
      "--sub-keys",
      "17",
      "--learning-rates",
      "1e-3,1e-2"
    };
    return new CommandLine(new ModelComparison())
        .execute(Stream.of(all, more).flatMap(Arrays::stream).toArray(String[]::new));
  }

  private List<ComparedTrial.Result> results() throws IOException {
    List<ComparedTrial.Result> results = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder.resolve("out"))) {
      for (Path file :
          files
              .filter(f -> f.toString().endsWith(".json") && f.toString().contains("-seed-"))
              .sorted()
              .toList()) {
        results.add(new ObjectMapper().readValue(file.toFile(), ComparedTrial.Result.class));
      }
    }
    return results;
  }

  @Test
  void theGridWithTheFirstSeedAndTheBestRateWithTheOthers() throws IOException {
    String all = Stream.of(Contender.values()).map(Contender::title).collect(joining(","));
    assertEquals(0, run("--seeds", "1,2", "--models", all));
    List<ComparedTrial.Result> results = results();
    assertEquals(Contender.values().length * (2 + 1), results.size(), "no checkpoint is left");
    double multiplyAdds = results.get(0).report().multiplyAddsPerToken();
    for (ComparedTrial.Result result : results) {
      assertEquals(1, result.report().multiplyAddsPerToken() / multiplyAdds, 0.02, result.model());
      double attended = result.report().scores().get(ComparedTrial.ATTENDED);
      assertEquals(1, attended, "the windows are longer than the rows");
      assertEquals(12, result.settings().steps());
      assertEquals(
          result.tokens() / result.seconds(), result.report().tokensPerSecond(), 1e-6, "speed");
      assertNetwork(result);
      assertTrue(Double.isFinite(result.report().validationLoss()));
    }
    for (Contender contender : Contender.values()) {
      List<ComparedTrial.Result> own =
          results.stream().filter(r -> r.model().equals(contender.title())).toList();
      double best =
          own.stream()
              .filter(r -> r.settings().seed() == 1)
              .min((a, b) -> Double.compare(loss(a), loss(b)))
              .orElseThrow()
              .report()
              .learningRate();
      assertEquals(
          List.of(best),
          own.stream()
              .filter(r -> r.settings().seed() == 2)
              .map(r -> r.report().learningRate())
              .toList());
    }
  }

  /** What others go on from: the network that was assessed, with its updater. */
  private void assertNetwork(ComparedTrial.Result result) throws IOException {
    ComparedTrial trial = ComparedTrial.of(result);
    Path file = trial.network(folder.resolve("out"));
    assertEquals(trial.contender().isOfAttention(), Files.exists(file), result.model());
    if (trial.contender() == Contender.FIX_64) {
      ComputationGraph network = MemoryTransformer.load(file);
      assertEquals(result.report().parameters(), network.numParams());
      assertEquals(12, network.getIterationCount());
      IntervalMarks marks = (IntervalMarks) network.getLayer("separators").conf().getLayer();
      assertEquals(
          result.report().scores().get(ComparedTrial.INTERVAL), (double) marks.getInterval());
    }
  }

  private static double loss(ComparedTrial.Result result) {
    return result.report().validationLoss();
  }

  @Test
  void interruptedItGoesOnAsIfNothingHadHappened() throws IOException {
    assertEquals(0, run("--seeds", "1", "--models", "memory", "--learning-rates", "1e-2"));
    ComparedTrial.Result whole = results().get(0);
    ComparedTrial trial = new ComparedTrial(whole.settings(), Contender.MEMORY, 1e-2);
    Path again = folder.resolve("again");
    try (ByteLevelBpe tokenizer =
        MainJob.tokenizer(new RunFolder(folder.resolve("out")), whole.settings())) {
      TrainingData data = MainJob.data(whole.settings(), tokenizer);
      Display display = new Display(System.out, true);
      for (int part = 0; part < 3; part++) {
        AtomicInteger asked = new AtomicInteger();
        trial.run(
            again,
            data,
            new Vocabulary(tokenizer.vocabularySize(), new int[] {1}, 8),
            display,
            () -> asked.incrementAndGet() > 9); // asked twice before the first step
        assertFalse(trial.isDone(again) && part == 0, "interrupted");
        try (Stream<Path> files = Files.list(again)) {
          assertTrue(files.count() <= 2, "the last checkpoint only");
        }
      }
      assertTrue(trial.isDone(again));
      assertEquals(loss(whole), loss(trial.result(again)), "bit-equal");
      assertEquals(whole.tokens(), trial.result(again).tokens());
    }
  }

  @Test
  void theShareOfTheMapThatIsAttendedTo() {
    Vocabulary vocabulary = new Vocabulary(100, new int[] {9, 7}, 10);
    int[] row = new int[201];
    Arrays.fill(row, 1);
    row[0] = 7; // an initial one is counted once
    row[20] = 9;
    row[190] = 7; // never left by the window
    long window = 64 * 65 / 2 + 136 * 64;
    long initial = 136 + 135 + 134;
    VisibleTokens visible = VisibleTokens.separators(3, vocabulary.separators());
    assertEquals(window + initial + (136 - 20), visible.pairs(row, 200, 64));
    double all = 200 * 201 / 2;
    List<int[]> rows = List.of(row);
    double plain = (window + initial + (136 - 20)) / all;
    assertEquals(1, Contender.MEMORY.attended(rows, vocabulary, 4));
    assertEquals(plain, Contender.SEPARATOR_64.attended(rows, vocabulary, 4), 1e-12);
    assertEquals(
        (3 * plain + 1) / 4, Contender.SEPARATOR_64_H.attended(rows, vocabulary, 4), 1e-12);
    assertEquals(
        (2 * plain + 2) / 4, Contender.SEPARATOR_64_HT.attended(rows, vocabulary, 4), 1e-12);
    assertEquals(
        (window + initial) / all, Contender.STREAMING_64.attended(rows, vocabulary, 4), 1e-12);
    long marked = 0; // the tokens 12, 22, ..., 132, by those that they have left the window of
    for (int place = 12; place < 136; place += 10) {
      marked += 136 - place;
    }
    assertEquals(
        (window + initial + marked) / all, Contender.FIX_64.attended(rows, vocabulary, 4), 1e-12);
  }

  /** Of rows where every seventh token is a separator, or some are further apart. */
  @Test
  void intervalsKeepAsMuchAsSeparators() {
    int[] row = new int[301];
    for (int place = 0; place < row.length; place++) {
      row[place] = place % 7 == 2 ? 9 : 1;
    }
    VisibleTokens visible = VisibleTokens.separators(3, new int[] {9});
    assertEquals(7, visible.closestInterval(List.of(row), 64));
    int[] without = row.clone();
    Arrays.fill(without, 0, 150, 1);
    int interval = visible.closestInterval(List.of(without), 64);
    assertTrue(interval > 14, "separators that come late are seen by few: " + interval);
  }

  /** Attention costs what is seen: 8 blocks of 16 features and rows of 100 inputs. */
  @Test
  void multiplyAddsCountWhatIsSeen() {
    Settings.Shape shape = new Settings.Shape(16, 8, 4, 40, 4, 17, 32, 16, true, 3e-3);
    Settings settings = new Settings(List.of("a"), 0, 0, 64, 100, 4, 9, List.of(1e-3), shape, 1);
    Vocabulary vocabulary = new Vocabulary(64, new int[] {9, 7}, 10);
    long dense = Contender.DENSE.multiplyAddsPerToken(settings, vocabulary, 1);
    assertEquals(dense, Contender.DENSE.model(settings, vocabulary, 1).multiplyAddsPerToken());
    assertEquals(
        dense - 8 * 16 * 101 / 4,
        Contender.SEPARATOR_64.multiplyAddsPerToken(settings, vocabulary, 0.75));
    double attended = Contender.FIX_64.attended(List.of(new int[101]), vocabulary, 8);
    double counted = Contender.FIX_64.model(settings, vocabulary, 1).multiplyAddsPerToken();
    assertEquals(counted, Contender.FIX_64.multiplyAddsPerToken(settings, vocabulary, attended), 8);
  }

  @Test
  void unknownModelsAreNamed() throws IOException {
    assertEquals(1, run("--models", "dense,giant"));
    assertFalse(Files.exists(folder.resolve("out")));
  }
}
