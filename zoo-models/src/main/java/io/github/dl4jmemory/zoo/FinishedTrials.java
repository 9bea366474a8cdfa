package io.github.dl4jmemory.zoo;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * What a {@link ModelComparison} left in its folder, for programs that go on from there.
 *
 * @param owner the program, for errors
 */
record FinishedTrials(String owner, Path folder) {

  /** Of a kind of model and a seed, the training with the lowest loss, whose network is there. */
  ComparedTrial.Result best(Contender contender, long seed) throws IOException {
    return results().stream()
        .filter(result -> result.model().equals(contender.title()))
        .filter(result -> result.settings().seed() == seed)
        .filter(result -> Files.exists(network(result)))
        .min(Comparator.comparingDouble(result -> result.report().validationLoss()))
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    Require.message(
                        owner,
                        "--comparison",
                        "a finished training of "
                            + contender.title()
                            + " with seed "
                            + seed
                            + " and its network",
                        "none in " + folder,
                        "give the --out of a ModelComparison with such a model and seed")));
  }

  private List<ComparedTrial.Result> results() throws IOException {
    Require.that(
        Files.isDirectory(folder),
        owner,
        "--comparison",
        "a folder",
        folder,
        "give the --out of a ModelComparison");
    List<Path> files;
    try (Stream<Path> all = Files.list(folder)) {
      files = all.filter(f -> f.toString().matches(".*-seed-\\d+\\.json")).sorted().toList();
    }
    List<ComparedTrial.Result> results = new ArrayList<>();
    for (Path file : files) {
      results.add(
          new ObjectMapper().readValue(Files.readAllBytes(file), ComparedTrial.Result.class));
    }
    return results;
  }

  private Path network(ComparedTrial.Result result) {
    return ComparedTrial.of(result).network(folder);
  }

  /** The trained network with its updater. */
  ComputationGraph load(ComparedTrial.Result result) throws IOException {
    return MemoryTransformer.load(network(result));
  }

  ByteLevelBpe tokenizer() throws IOException {
    return ByteLevelBpe.load(folder.resolve("tokenizer.json"));
  }

  Separators separators() throws IOException {
    return Separators.of(folder.resolve("tokenizer.json"));
  }

  /** The vocabulary that the comparison's models knew. */
  Vocabulary vocabulary(ByteLevelBpe tokenizer, TextData data) throws IOException {
    return Vocabulary.of(folder, tokenizer, data);
  }
}
