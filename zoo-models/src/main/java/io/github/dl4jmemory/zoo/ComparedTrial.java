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
  static final String INTERVAL = "interval of marked tokens";

  /**
   * What was measured, as it is kept in a file.
   *
   * @param tokens that were trained on
   * @param seconds that took
   */
  record Result(
      Settings settings,
      String model,
      long tokens,
      double seconds,
      long heldOutTokens,
      ModelReport report) {}

  String name() {
    return contender.title() + "-" + Trial.rate(learningRate) + "-seed-" + settings.seed();
  }

  /** The training that a result is of. */
  static ComparedTrial of(Result result) {
    return new ComparedTrial(
        result.settings(), Contender.of(result.model()), result.report().learningRate());
  }

  private Path file(Path folder) {
    return folder.resolve(name() + ".json");
  }

  /** The trained network, which stays where others go on from it: with dense or other attention. */
  Path network(Path folder) {
    return folder.resolve(name() + ".zip");
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
      if (contender.isOfAttention()) {
        training.copyTo(network(folder));
      }
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
    double attended = contender.attended(data.heldOut(), vocabulary, settings.shape().layers());
    scores.put(ATTENDED, attended);
    if (contender.isAtIntervals()) {
      scores.put(INTERVAL, (double) vocabulary.interval());
    }
    ModelReport report =
        new ModelReport(
            contender.title(),
            learningRate,
            contender.multiplyAddsPerToken(settings, vocabulary, attended),
            model.parameterCount(),
            trained.progress().tokensPerSecond(),
            assessment.loss(),
            scores,
            trained.progress().curve());
    return new Result(
        settings,
        contender.title(),
        trained.progress().tokens(),
        trained.progress().seconds(),
        TrainingData.predicted(data.heldOut()),
        report);
  }
}
