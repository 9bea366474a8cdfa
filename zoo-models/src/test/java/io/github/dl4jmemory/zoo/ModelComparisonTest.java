package io.github.dl4jmemory.zoo;

import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
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
      for (Path file : files.filter(f -> f.toString().contains("-seed-")).sorted().toList()) {
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
            new Vocabulary(tokenizer.vocabularySize(), new int[] {1}),
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
    Vocabulary vocabulary = new Vocabulary(100, new int[] {7, 9});
    int[] row = new int[201];
    Arrays.fill(row, 1);
    row[0] = 7; // an initial one is counted once
    row[20] = 9;
    row[190] = 7; // never left by the window
    long window = 64 * 65 / 2 + 136 * 64;
    long initial = 136 + 135 + 134;
    assertEquals(window + initial + (136 - 20), vocabulary.visiblePairs(row, 200, 3, 64));
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
  }

  @Test
  void unknownModelsAreNamed() throws IOException {
    assertEquals(1, run("--models", "dense,giant"));
    assertFalse(Files.exists(folder.resolve("out")));
  }
}
