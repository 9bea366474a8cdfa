package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reports as lines of a file, and in the log. */
class UsageFileTest {

  @TempDir Path folder;

  private static PoolUsage usage(int iteration) {
    List<Double> lorenz = Collections.nCopies(21, 0.5);
    return new PoolUsage(
        "pool \"1\"",
        iteration,
        100,
        65536,
        12345,
        new SlotSpread(0.25, 1.5, 0.75, 10, 20, 30, lorenz),
        new SlotSpread(0.25, 1.25, 0.5, 11, 21, 31, lorenz),
        40000,
        1000,
        0.001,
        0.5,
        7,
        List.of(new PoolUsage.Reader("memory1", 32, List.of(3.25, 2.5))));
  }

  @Test
  void linesComeBack() throws IOException {
    Path file = folder.resolve("usage.jsonl");
    UsageFile.at(file).accept(usage(100));
    UsageFile.at(file).accept(usage(200));
    assertEquals(2, Files.readAllLines(file).size());
    assertTrue(
        Files.readString(file).startsWith("{\"pool\":\"pool \\\"1\\\"\",\"iteration\":100,"));
    assertEquals(List.of(usage(100), usage(200)), UsageFile.read(file));
  }

  @Test
  void refusals() throws IOException {
    Path file = folder.resolve("usage.jsonl");
    UsageFile.at(file).accept(usage(100));
    Files.writeString(file, Files.readString(file) + "{\"pool\":");
    String cut = assertThrows(IOException.class, () -> UsageFile.read(file)).getMessage();
    assertTrue(
        cut.startsWith("[UsageFile] line 2 of " + file + ": expected a report of MemoryTelemetry"),
        cut);
    Path nowhere = folder.resolve("no/usage.jsonl");
    String text =
        assertThrows(UncheckedIOException.class, () -> UsageFile.at(nowhere).accept(usage(1)))
            .getMessage();
    assertEquals(
        "[UsageFile] file: expected a file that can be written, got "
            + nowhere
            + ". Fix: make its folder, or room.",
        text);
    assertThrows(IllegalArgumentException.class, () -> UsageFile.at(null));
  }

  @Test
  void lineForTheLog() {
    assertEquals(
        "pool \"1\", iteration 100: 25.0% of 65536 slots read, KL 1.50 nats, Gini 0.750, 50/90/99% of"
            + " the reads in 10/20/30 slots, 40000 slots dead for 1000 steps, update 0.0010 of rows of"
            + " 0.50, 7 sub-keys revived, entropy memory1 3.25 2.50 of 3.47",
        usage(100).line());
  }
}
