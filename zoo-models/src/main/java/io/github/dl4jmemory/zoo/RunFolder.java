package io.github.dl4jmemory.zoo;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The files of a run: run.json (settings, finished trainings, where interrupted ones stand),
 * tokenizer.json, the best network of each kind, checkpoints when interrupted, and the report.
 */
final class RunFolder {
  private final Path folder;

  RunFolder(Path folder) {
    this.folder = folder;
  }

  Path file(String name) {
    return folder.resolve(name);
  }

  boolean hasRun() {
    return Files.exists(file("run.json"));
  }

  RunState read() throws IOException {
    Require.that(
        hasRun(),
        "main job",
        "--resume",
        "a run in " + folder,
        "no run.json there",
        "give the --out of the run, or start without --resume");
    try {
      return new ObjectMapper().readValue(Files.readAllBytes(file("run.json")), RunState.class);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          Require.message(
              "main job",
              file("run.json").toString(),
              "the state of a run",
              e.getOriginalMessage(),
              "start anew in another --out"),
          e);
    }
  }

  void write(RunState state) throws IOException {
    AtomicFiles.write(
        file("run.json"),
        out ->
            out.write(
                new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(state)));
  }

  /** Removes a checkpoint that run.json does not name any more. */
  void drop(String checkpoint) throws IOException {
    Files.deleteIfExists(file(checkpoint));
  }
}
