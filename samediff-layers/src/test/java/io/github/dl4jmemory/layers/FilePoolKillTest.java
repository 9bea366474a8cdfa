package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.Seeded;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * A process that trains and saves a pool is killed at random moments; the last complete checkpoint
 * opens, and holds what the process said of it.
 */
@ExtendWith(Seeded.class)
class FilePoolKillTest {

  private static final int LONGEST_LIFE = 2000;

  @TempDir Path folder;

  private final Map<Integer, Long> said = new HashMap<>();
  private int opened;

  @Test
  void fiveKillsOfInt8WithAdam(Random random) throws Exception {
    kill(5, random, "INT8", "Adam", "61", "53");
  }

  /** 64 MiB of values. */
  @Test
  @Tag("native")
  void fiftyKillsOfFloat32WithSgd(Random random) throws Exception {
    kill(50, random, "FLOAT32", "Sgd", "256", "256");
  }

  /** While a process trains, another one cannot open the file. */
  @Test
  void inUseByAnotherProcess(Random random) throws Exception {
    Process child =
        new ProcessBuilder(command(random.nextLong(), "INT8", "Sgd", "13", "7"))
            .redirectError(folder.resolve("error.log").toFile())
            .start();
    try (BufferedReader lines = lines(child)) {
      await(lines, "checkpoint 2 ");
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class, () -> PoolFiles.restore(PoolTrainer.zip(folder)));
      assertTrue(e.getMessage().contains("facts.pool, open in another process. Fix"), e::toString);
      assertTrue(lines.readLine().startsWith("checkpoint 3 "), "it goes on");
      child.toHandle().destroyForcibly();
      child.waitFor();
      PoolFiles.close(PoolFiles.restore(PoolTrainer.zip(folder)));
    } finally {
      child.destroyForcibly();
    }
  }

  private BufferedReader lines(Process child) {
    return new BufferedReader(
        new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8));
  }

  private void await(BufferedReader lines, String start) throws IOException {
    String line = lines.readLine();
    while (line != null && !line.startsWith(start)) {
      note(line);
      line = lines.readLine();
    }
    note(line);
    assertTrue(line != null, this::errors);
  }

  private void kill(int times, Random random, String... pool) throws Exception {
    int last = 0;
    int checkpoints = 0;
    for (int i = 0; i < times; i++) {
      boolean first = i > 0 && !Files.exists(PoolTrainer.zip(folder));
      trainAndKill(random, first ? "checkpoint 1 " : "begun", pool); // however slow the machine is
      if (!Files.exists(PoolTrainer.zip(folder))) {
        assertEquals(0, last, "kill " + i + ": the checkpoint is lost");
        clear(); // killed before the first checkpoint: a pool without a model is for the bin
        continue;
      }
      int number = check("kill " + i);
      assertTrue(number >= last, "kill " + i + ": checkpoint " + number + " after " + last);
      checkpoints += number - last;
      last = number;
    }
    assertTrue(checkpoints > 0, "nothing was saved in " + times + " lives");
    System.out.println(times + " kills, " + checkpoints + " checkpoints; undone rows in " + opened);
  }

  private void clear() throws IOException {
    Files.deleteIfExists(PoolTrainer.file(folder));
    said.clear();
  }

  /** The number of the checkpoint that the zip names, after a look at what it is. */
  private int check(String when) throws IOException {
    if (Files.size(PoolClaim.journalOf(PoolTrainer.file(folder))) > 1000) {
      opened++;
    }
    ComputationGraph graph = PoolFiles.restore(PoolTrainer.zip(folder));
    int number = FilePools.table(graph).file().fingerprint().stamp().number();
    assertEquals(
        said.get(number), PoolTrainer.hash(graph, folder), when + ", checkpoint " + number);
    PoolFiles.close(graph);
    return number;
  }

  private void trainAndKill(Random random, String start, String... pool) throws Exception {
    Process child =
        new ProcessBuilder(command(random.nextLong(), pool))
            .redirectError(folder.resolve("error.log").toFile())
            .start();
    try (BufferedReader lines = lines(child)) {
      await(lines, start);
      assertFalse(
          child.waitFor(random.nextInt(LONGEST_LIFE), TimeUnit.MILLISECONDS), () -> errors());
      child.toHandle().destroyForcibly(); // unlike the process itself, this keeps what it said
      child.waitFor();
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        note(line);
      }
    } finally {
      child.destroyForcibly();
    }
  }

  private void note(String line) {
    String[] words = line == null ? new String[0] : line.split(" ");
    if (words.length == 3 && words[0].equals("checkpoint")) {
      said.put(Integer.valueOf(words[1]), Long.valueOf(words[2]));
    }
  }

  private String errors() {
    try {
      return Files.readString(folder.resolve("error.log"));
    } catch (IOException e) {
      return e.toString();
    }
  }

  private List<String> command(long seed, String... pool) {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-Ddl4jmemory.nativeDir=" + System.getProperty("dl4jmemory.nativeDir", ""),
        "-cp",
        System.getProperty("java.class.path"),
        PoolTrainer.class.getName(),
        folder.toString(),
        Long.toString(seed),
        pool[0],
        pool[1],
        pool[2],
        pool[3]);
  }
}
