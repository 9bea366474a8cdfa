package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.layers.MemoryPool;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MainJobTest {
  private static final Settings.Shape SHAPE =
      new Settings.Shape(12, 2, 2, 20, 2, 11, 6, 3, false, 1e-2);
  private static final Settings SETTINGS =
      new Settings(List.of(), 7, 3, 300, 0, 8, 9, List.of(1e-2, 3e-3), SHAPE, 5);

  /** A run in a folder, one training after the other, that stops when asked for so many times. */
  private static boolean go(Path folder, int asked, boolean resume) throws IOException {
    AtomicInteger left = new AtomicInteger(asked);
    return go(folder, resume, 1, () -> left.getAndDecrement() <= 0);
  }

  private static boolean go(Path folder, boolean resume, int workers, BooleanSupplier stop)
      throws IOException {
    RunFolder files = new RunFolder(folder);
    Biographies people = Biographies.of(SETTINGS.people(), SETTINGS.seed());
    try (ByteLevelBpe tokens = ByteLevelBpe.train(people.sentences(), SETTINGS.vocabulary())) {
      TrainingData data = new BiographyData(people, tokens, SETTINGS.batch(), SETTINGS.seed());
      RunState state = resume ? files.read() : RunState.start(SETTINGS);
      PrintStream out = new PrintStream(OutputStream.nullOutputStream());
      Ledger ledger = new Ledger(files, state, WallTime.start());
      return new Run(files, ledger, data, tokens, workers, out, true).go(stop);
    }
  }

  @Test
  void interruptedAndResumedIsTheSameBitForBit(@TempDir Path folder) throws IOException {
    Path whole = folder.resolve("whole");
    Path parts = folder.resolve("parts");
    assertTrue(go(whole, 1000, false));
    assertFalse(go(parts, 1 + 4, false), "in the first training, after 4 steps");
    assertTrue(Files.exists(parts.resolve("checkpoint-2-4.zip")));
    assertFalse(go(parts, 0, true), "stopped again at once");
    assertFalse(go(parts, 2 * 9, true), "in the second training");
    assertTrue(go(parts, 1000, true));
    assertSameResults(whole, parts);
    ComputationGraph memory = MemoryTransformer.load(whole.resolve("memory.zip"));
    assertTrue(memory.getLayer("pool").conf().getLayer() instanceof MemoryPool);
  }

  @Test
  void howManyTrainingsRunSideBySideChangesNoBit(@TempDir Path folder) throws IOException {
    Path one = folder.resolve("one");
    Path two = folder.resolve("two");
    assertTrue(go(one, 1000, false));
    assertTrue(go(two, false, 2, () -> false));
    assertSameResults(one, two);
  }

  @Test
  void allThatRunAreInterruptedAndGoOn(@TempDir Path folder) throws Exception {
    Path whole = folder.resolve("whole");
    Path parts = folder.resolve("parts");
    assertTrue(go(whole, 1000, false));
    assertFalse(go(parts, false, 2, inBoth(3)));
    List<RunState.Interrupted> interrupted = new RunFolder(parts).read().interrupted();
    assertEquals(
        Set.of(new Trial("memory", 1e-2), new Trial("memory", 3e-3)),
        interrupted.stream().map(RunState.Interrupted::trial).collect(Collectors.toSet()));
    for (RunState.Interrupted training : interrupted) {
      assertEquals(3, training.progress().step());
      assertEquals(
          3, MemoryTransformer.load(parts.resolve(training.checkpoint())).getIterationCount());
    }
    assertFalse(go(parts, true, 2, inBoth(2)), "interrupted again");
    assertEquals(2, checkpoints(parts), "those of the first interruption are gone");
    RunFolder files = new RunFolder(parts);
    files.write(files.read().withWallSeconds(1000));
    assertTrue(go(parts, true, 2, () -> false));
    double seconds = files.read().wallSeconds();
    assertTrue(seconds > 1000, "the time of all parts");
    assertTrue(go(parts, true, 2, () -> false), "the report once more");
    assertEquals(seconds, files.read().wallSeconds(), "a report made anew takes no time");
    assertSameResults(whole, parts);
  }

  /** Stops two threads, each after so many steps of its own. */
  private static BooleanSupplier inBoth(int steps) {
    ThreadLocal<Integer> asked = ThreadLocal.withInitial(() -> 0);
    return () -> {
      asked.set(asked.get() + 1);
      return asked.get() > 1 + steps;
    };
  }

  private static long checkpoints(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.getFileName().toString().startsWith("checkpoint")).count();
    }
  }

  @Test
  void whenOneFailsTheOthersKeepACheckpoint(@TempDir Path folder) throws Exception {
    CyclicBarrier together = new CyclicBarrier(2);
    AtomicInteger threads = new AtomicInteger();
    ThreadLocal<Integer> number = ThreadLocal.withInitial(threads::incrementAndGet);
    ThreadLocal<Integer> asked = ThreadLocal.withInitial(() -> 0);
    BooleanSupplier failsOnOneThread =
        () -> {
          asked.set(asked.get() + 1);
          if (asked.get() == 4) {
            waitFor(together);
            if (number.get() == 1) {
              throw new IllegalStateException("out of luck");
            }
          }
          if (asked.get() >= 4) {
            LockSupport.parkNanos(200_000_000); // far longer than the other one takes to fail
          }
          return false;
        };
    var thrown =
        assertThrows(IllegalStateException.class, () -> go(folder, false, 2, failsOnOneThread));
    assertEquals("out of luck", thrown.getMessage());
    assertEquals(1, new RunFolder(folder).read().interrupted().size());
    assertEquals(1, checkpoints(folder));
  }

  private static void waitFor(CyclicBarrier barrier) {
    try {
      barrier.await();
    } catch (InterruptedException | BrokenBarrierException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void assertSameResults(Path expected, Path got) throws IOException {
    for (String model : List.of("dense.zip", "memory.zip")) {
      ComputationGraph network = MemoryTransformer.load(expected.resolve(model));
      ComputationGraph other = MemoryTransformer.load(got.resolve(model));
      MemoryTransformerTest.assertSameBits(network, other);
      assertEquals(network.getIterationCount(), other.getIterationCount());
    }
    List<RunState.Finished> one = new RunFolder(expected).read().finished();
    List<RunState.Finished> two = new RunFolder(got).read().finished();
    assertEquals(
        new Grid(SETTINGS.learningRates()).trials(),
        two.stream().map(RunState.Finished::trial).toList());
    for (int i = 0; i < one.size(); i++) {
      assertEquals(one.get(i).score(), two.get(i).score());
      assertEquals(one.get(i).report().curve(), two.get(i).report().curve());
      assertEquals(one.get(i).report().scores(), two.get(i).report().scores());
    }
    try (Stream<Path> files = Files.list(got)) {
      assertEquals(
          List.of(
              "curves.png",
              "dense.zip",
              "memory.zip",
              "report.html",
              "run.json",
              "slots.png",
              "usage.jsonl"),
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
    RunState state = new RunFolder(out).read();
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
          {"--people", "1"},
          {"--exposures", "0"},
          {"--batch", "-1"},
          {"--context", "0"},
          {"--tokens", "0"},
          {"--minutes", "0"},
          {"--minutes", "1", "--tokens", "5"},
          {"--learning-rates", "2"},
          {"--learning-rates", "4e-3,4e-3"},
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
    assertFalse(go(folder, 2, false));
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
    for (RunState.Finished finished : new RunFolder(out).read().finished()) {
      double perplexity = finished.report().scores().get("perplexity per token");
      assertTrue(perplexity > 1 && perplexity < 512, finished.model() + " " + perplexity);
    }
  }
}
