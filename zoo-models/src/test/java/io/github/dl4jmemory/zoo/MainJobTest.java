package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MainJobTest {
  private static final Settings.Shape SHAPE =
      new Settings.Shape(12, 2, 2, 20, List.of(1), 2, 11, 6, 3, 1e-2);
  private static final Settings SETTINGS =
      new Settings(List.of(), 7, 3, 300, 0, 8, 9, List.of(1e-2, 3e-3), SHAPE, 5);

  /** A run in a folder that stops after so many steps in all. */
  private static boolean go(Path folder, int steps, boolean resume) throws IOException {
    RunFolder files = new RunFolder(folder);
    Biographies people = Biographies.of(SETTINGS.people(), SETTINGS.seed());
    try (ByteLevelBpe tokens = ByteLevelBpe.train(people.sentences(), SETTINGS.vocabulary())) {
      TrainingData data = new BiographyData(people, tokens, SETTINGS.batch(), SETTINGS.seed());
      RunFolder.State state =
          resume ? files.read() : new RunFolder.State(SETTINGS, List.of(), null, null);
      AtomicInteger left = new AtomicInteger(steps);
      return new Run(
              files,
              state,
              data,
              tokens,
              () -> left.getAndDecrement() <= 0,
              new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8),
              true)
          .go();
    }
  }

  @Test
  void interruptedAndResumedIsTheSameBitForBit(@TempDir Path folder) throws IOException {
    Path whole = folder.resolve("whole");
    Path parts = folder.resolve("parts");
    assertTrue(go(whole, 1000, false));
    assertFalse(go(parts, 4, false), "in the first training");
    assertTrue(Files.exists(parts.resolve("checkpoint-0-4.zip")));
    assertFalse(go(parts, 0, true), "stopped again at once");
    assertFalse(go(parts, 2 * 9, true), "in the second or third training");
    assertTrue(go(parts, 1000, true));
    for (String model : List.of("dense.zip", "memory.zip")) {
      ComputationGraph expected = MemoryTransformer.load(whole.resolve(model));
      ComputationGraph got = MemoryTransformer.load(parts.resolve(model));
      MemoryTransformerTest.assertSameBits(expected, got);
      assertEquals(expected.getIterationCount(), got.getIterationCount());
    }
    var one = new RunFolder(whole).read().finished();
    var two = new RunFolder(parts).read().finished();
    assertEquals(4, one.size());
    for (int i = 0; i < one.size(); i++) {
      assertEquals(one.get(i).score(), two.get(i).score());
      assertEquals(one.get(i).report().curve(), two.get(i).report().curve());
      assertEquals(one.get(i).report().scores(), two.get(i).report().scores());
    }
    try (var files = Files.list(parts)) {
      assertEquals(
          List.of("curves.png", "dense.zip", "memory.zip", "report.html", "run.json"),
          files.map(f -> f.getFileName().toString()).sorted().toList());
    }
  }

  @Test
  void trainsOnTheUsersText(@TempDir Path folder) throws IOException {
    Path text = folder.resolve("text.txt");
    Files.writeString(text, "The cat sat on the mat. The dog sat on the log.\n".repeat(120));
    Path out = folder.resolve("run");
    assertEquals(
        0,
        new MainJob()
            .run(
                "--text",
                text.toString(),
                "--out",
                out.toString(),
                "--tokens",
                "600",
                "--context",
                "13",
                "--batch",
                "4",
                "--vocabulary",
                "280",
                "--learning-rates",
                "3e-3",
                "--quiet"));
    String page = Files.readString(out.resolve("report.html"));
    assertTrue(page.contains("perplexity per token"), page);
    assertTrue(page.contains("perplexity per byte"), page);
    assertTrue(page.contains("share of slots read"), page);
    RunFolder.State state = new RunFolder(out).read();
    assertEquals(12, state.settings().steps(), "600 tokens in steps of 4 x 13, rounded");
    state
        .finished()
        .forEach(
            f ->
                assertEquals(
                    Math.exp(f.report().validationLoss()),
                    f.report().scores().get("perplexity per token"),
                    1e-9));
  }

  @Test
  void wrongArgumentsEndWithCode2() {
    for (String[] arguments :
        new String[][] {
          {"--people", "0"},
          {"--exposures", "0"},
          {"--batch", "-1"},
          {"--context", "0"},
          {"--tokens", "0"},
          {"--minutes", "0"},
          {"--minutes", "1", "--tokens", "5"},
          {"--learning-rates", "2"},
          {"--no-such-option"},
          {"--resume", "--out", "no-such-run"}
        }) {
      assertEquals(2, new MainJob().run(arguments), String.join(" ", arguments));
    }
  }

  @Test
  void aMissingOrShortTextIsNamed(@TempDir Path folder) throws IOException {
    Path missing = folder.resolve("missing.txt");
    String out = folder.resolve("run").toString();
    assertEquals(2, new MainJob().run("--text", missing.toString(), "--out", out));
    Path tiny = Files.writeString(folder.resolve("short.txt"), "too short");
    assertEquals(2, new MainJob().run("--text", tiny.toString(), "--out", out));
    Path binary = Files.write(folder.resolve("binary.txt"), new byte[] {(byte) 0xff, 0});
    assertEquals(2, new MainJob().run("--text", binary.toString(), "--out", out));
  }

  @Test
  void aFolderWithARunIsNotOverwritten(@TempDir Path folder) throws IOException {
    assertFalse(go(folder, 1, false));
    byte[] before = Files.readAllBytes(folder.resolve("run.json"));
    assertEquals(2, new MainJob().run("--out", folder.toString()));
    org.junit.jupiter.api.Assertions.assertArrayEquals(
        before, Files.readAllBytes(folder.resolve("run.json")));
  }

  @Test
  void modelsHaveEqualCompute() {
    for (Settings.Shape shape :
        List.of(Settings.Shape.ofBiographies(), Settings.Shape.ofText(), SHAPE)) {
      Settings settings = new Settings(List.of(), 7, 3, 300, 0, 8, 9, List.of(1e-2), shape, 5);
      ModelPair models = new ModelPair(settings, 997, 17);
      double dense = models.model(ModelPair.DENSE, 1).multiplyAddsPerToken();
      double memory = models.model(ModelPair.MEMORY, 1).multiplyAddsPerToken();
      assertEquals(1, dense / memory, 0.02);
    }
  }

  @Test
  @Tag("data")
  void trainsOnABookOfPg19(@TempDir Path folder) throws Exception {
    Process tar =
        new ProcessBuilder(
                "tar",
                "-xJf",
                SharedData.file("pg19/valid.tar.xz").toAbsolutePath().toString(),
                "-C",
                folder.toString())
            .inheritIO()
            .start();
    assertEquals(0, tar.waitFor());
    Path book;
    try (var files = Files.walk(folder)) {
      book = files.filter(Files::isRegularFile).sorted().findFirst().orElseThrow();
    }
    Path out = folder.resolve("run");
    assertEquals(
        0,
        new MainJob()
            .run(
                "--text",
                book.toString(),
                "--out",
                out.toString(),
                "--tokens",
                "2000",
                "--context",
                "32",
                "--batch",
                "8",
                "--vocabulary",
                "512",
                "--learning-rates",
                "3e-3",
                "--quiet"));
    for (RunFolder.Finished finished : new RunFolder(out).read().finished()) {
      double perplexity = finished.report().scores().get("perplexity per token");
      assertTrue(perplexity > 1 && perplexity < 512, finished.model() + " " + perplexity);
    }
  }
}
