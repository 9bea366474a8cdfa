package io.github.dl4jmemory.zoo;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * One training of {@link QualityAgainstSize}: a model of one size on the data of one seed.
 *
 * @param slots of the memory; 0 for the dense model
 */
record SizeTrial(Settings settings, long slots) {
  static final String SHARE_IN_TRAINING = "share of slots read in training";
  private static final long USAGE_TOKENS = 1 << 19;

  /** What was measured, as it is kept in a file. */
  record Result(
      Settings settings,
      long slots,
      long tokens,
      long usageTokens,
      long heldOutTokens,
      ModelReport report) {}

  static String task(boolean text) {
    return text ? "text" : "biographies";
  }

  String name() {
    return task(settings.isText())
        + "-"
        + (slots == 0 ? ModelPair.DENSE : slots)
        + "-seed-"
        + settings.seed();
  }

  Path file(Path folder) {
    return folder.resolve(name() + ".json");
  }

  /** The results of a task that are in a folder. */
  static List<Result> results(Path folder, String task) throws IOException {
    List<Result> results = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.sorted().toList()) {
        if (file.getFileName().toString().matches(task + "-.*\\.json")) {
          results.add(new ObjectMapper().readValue(Files.readAllBytes(file), Result.class));
        }
      }
    }
    return results;
  }

  /** Trains and measures, and leaves the file; nothing where there is one. */
  void run(Path folder, TrainingData data, int vocabulary, Display display) throws IOException {
    Path file = file(folder);
    if (Files.exists(file)) {
      return;
    }
    String kind = slots == 0 ? ModelPair.DENSE : ModelPair.MEMORY;
    double rate = settings.learningRates().get(0);
    MemoryTransformer model = new ModelPair(settings, vocabulary, data.context()).model(kind, rate);
    ComputationGraph network = model.init();
    try (Display.Bar bar = display.bar(name(), settings.steps(), 0)) {
      Progress progress =
          new Trainer(data, settings.steps(), () -> false).train(network, Progress.start(), bar);
      Result result = assess(network, model, data, progress);
      AtomicFiles.write(file, out -> out.write(json(result)));
      bar.end(new TreeMap<>(result.report().scores()).toString());
    }
  }

  private static byte[] json(Result result) throws IOException {
    return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(result);
  }

  private Result assess(
      ComputationGraph network, MemoryTransformer model, TrainingData data, Progress progress) {
    Assessment assessment = Assessment.of(network, data);
    Map<String, Double> scores = new TreeMap<>(assessment.scores());
    List<int[]> last = lastRows(data);
    if (slots > 0) {
      scores.put(SHARE_IN_TRAINING, SlotUsage.of(network, last, data.context()).shareUsed());
    }
    ModelReport report =
        new ModelReport(
            slots == 0 ? ModelPair.DENSE : ModelPair.MEMORY,
            settings.learningRates().get(0),
            model.multiplyAddsPerToken(),
            model.parameterCount(),
            progress.tokensPerSecond(),
            assessment.loss(),
            scores,
            progress.curve());
    return new Result(
        settings,
        slots,
        progress.tokens(),
        TrainingData.predicted(last),
        TrainingData.predicted(data.heldOut()),
        report);
  }

  /** Rows of the last steps. */
  private List<int[]> lastRows(TrainingData data) {
    TrainingData.Batches batches = data.batches();
    List<int[]> rows = new ArrayList<>();
    long tokens = 0;
    for (long step = settings.steps() - 1; step >= 0 && tokens < USAGE_TOKENS; step--) {
      List<int[]> more = batches.rows(step);
      rows.addAll(more);
      tokens += TrainingData.predicted(more);
    }
    return rows;
  }
}
