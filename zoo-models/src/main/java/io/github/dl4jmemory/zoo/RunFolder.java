package io.github.dl4jmemory.zoo;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * The files of a run: run.json (settings, finished trainings, where the running one stands),
 * tokenizer.json, the best network of each kind, a checkpoint when interrupted, and the report.
 */
final class RunFolder {
  /** A finished training. */
  record Finished(String model, double learningRate, double score, ModelReport report) {}

  /**
   * What run.json holds.
   *
   * @param settings of the whole run
   * @param finished trainings in their order
   * @param running progress of the interrupted training, or null
   * @param checkpoint file name of its network, or null
   */
  record State(Settings settings, List<Finished> finished, Progress running, String checkpoint) {
    State {
      finished = List.copyOf(finished);
    }

    State with(Finished next) {
      List<Finished> longer = new ArrayList<>(finished);
      longer.add(next);
      return new State(settings, longer, null, null);
    }
  }

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

  State read() throws IOException {
    Require.that(
        hasRun(),
        "main job",
        "--resume",
        "a run in " + folder,
        "no run.json there",
        "give the --out of the run, or start without --resume");
    try {
      return new ObjectMapper().readValue(Files.readAllBytes(file("run.json")), State.class);
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

  void write(State state) throws IOException {
    AtomicFiles.write(
        file("run.json"),
        out ->
            out.write(
                new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(state)));
  }

  /** First the network, then run.json that names it: at any moment run.json names a whole file. */
  State interrupt(State state, Progress progress, ComputationGraph network) throws IOException {
    String name = "checkpoint-" + state.finished().size() + "-" + progress.step() + ".zip";
    MemoryTransformer.save(network, file(name));
    State interrupted = new State(state.settings(), state.finished(), progress, name);
    write(interrupted);
    return interrupted;
  }

  /** The checkpoint of an earlier interruption is of no more use once a later state is written. */
  void drop(String checkpoint) throws IOException {
    if (checkpoint != null) {
      Files.deleteIfExists(file(checkpoint));
    }
  }
}
