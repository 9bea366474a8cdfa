package io.github.dl4jmemory.zoo;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * One training of a {@link ModelComparison}.
 *
 * @param settings of the seed, with the steps
 */
record ComparedTrial(Settings settings, Contender contender, double learningRate) {

  static final String ATTENDED = "share of the attention map";

  /** What was measured, as it is kept in a file. */
  record Result(
      Settings settings, String model, long tokens, long heldOutTokens, ModelReport report) {}

  String name() {
    return contender.title() + "-" + Trial.rate(learningRate) + "-seed-" + settings.seed();
  }

  private Path file(Path folder) {
    return folder.resolve(name() + ".json");
  }

  boolean isDone(Path folder) {
    return Files.exists(file(folder));
  }

  Result result(Path folder) throws IOException {
    return new ObjectMapper().readValue(Files.readAllBytes(file(folder)), Result.class);
  }

  /** Trains, measures and leaves the file; or a checkpoint; nothing where there is a result. */
  void run(
      Path folder, TrainingData data, Vocabulary vocabulary, Display display, BooleanSupplier stop)
      throws IOException {
    if (isDone(folder) || stop.getAsBoolean()) {
      return;
    }
    TokenZooModel model = contender.model(settings, vocabulary, learningRate);
    ResumableTraining training = new ResumableTraining(folder, name(), settings.steps());
    ResumableTraining.Trained trained = training.run(model::init, data, display, stop);
    if (trained.progress().step() == settings.steps()) {
      Result result = assess(model, trained, data, vocabulary);
      byte[] json = new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(result);
      AtomicFiles.write(file(folder), out -> out.write(json));
      training.forget();
    }
  }

  private Result assess(
      TokenZooModel model,
      ResumableTraining.Trained trained,
      TrainingData data,
      Vocabulary vocabulary) {
    Assessment assessment = Assessment.of(trained.network(), data);
    Map<String, Double> scores = new LinkedHashMap<>(assessment.scores());
    scores.put(ATTENDED, contender.attended(data.heldOut(), vocabulary, settings.shape().layers()));
    ModelReport report =
        new ModelReport(
            contender.title(),
            learningRate,
            model.multiplyAddsPerToken(),
            model.parameterCount(),
            trained.progress().tokensPerSecond(),
            assessment.loss(),
            scores,
            trained.progress().curve());
    return new Result(
        settings,
        contender.title(),
        trained.progress().tokens(),
        TrainingData.predicted(data.heldOut()),
        report);
  }
}
