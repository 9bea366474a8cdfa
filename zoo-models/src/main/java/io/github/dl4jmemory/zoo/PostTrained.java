package io.github.dl4jmemory.zoo;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.dl4jmemory.layers.RowSparseTraining;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * A dense model of a {@link ModelComparison} that goes on training, with its own attention or
 * another.
 *
 * @param trial the dense training, with the steps that it had
 * @param contender the attention from here on
 * @param steps to go
 * @param points times that it is measured on the way, beside before
 */
record PostTrained(
    ComparedTrial trial, Contender contender, double learningRate, int steps, int points) {

  /**
   * What was measured, as it is kept in a file.
   *
   * @param settings of the dense training
   * @param model the attention from there on
   * @param attended the share of the attention map that is seen of the held-out rows
   * @param heldOutTokens that a loss is of
   * @param seconds of the training steps
   * @param heldOut loss on held-out rows, by the tokens trained since the change
   */
  record Result(
      Settings settings,
      String model,
      double learningRate,
      double attended,
      long heldOutTokens,
      double seconds,
      Curve heldOut) {}

  private String name() {
    return "post-training-" + contender.title() + "-seed-" + trial.settings().seed();
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

  /** Trains on, measures and leaves the file; nothing where there is one, or when stopped. */
  void run(
      Path folder,
      ComputationGraph dense,
      TextData data,
      List<int[]> heldOut,
      Vocabulary vocabulary,
      Display display,
      BooleanSupplier stop)
      throws IOException {
    if (isDone(folder) || stop.getAsBoolean()) {
      return;
    }
    FreshSchedule schedule = new FreshSchedule(learningRate, Math.max(1, steps / 20), steps);
    ComputationGraph network = replaced(schedule.on(dense), vocabulary);
    RowSparseTraining.attach(network);
    int begin = trial.settings().steps();
    Progress progress = new Progress(begin, 0, 0, 0, 0, Curve.empty());
    Curve curve = measured(Curve.empty(), network, heldOut, progress);
    try (Display.Bar bar = display.bar(name(), begin + steps, begin)) {
      for (int point = 1; point <= points; point++) {
        int end = begin + Math.toIntExact((long) steps * point / points);
        progress = new Trainer(data, end, stop).train(network, progress, bar);
        if (progress.step() < end) {
          return;
        }
        curve = measured(curve, network, heldOut, progress);
      }
    }
    write(folder, vocabulary, heldOut, progress, curve);
  }

  private ComputationGraph replaced(ComputationGraph dense, Vocabulary vocabulary) {
    return contender == Contender.DENSE
        ? dense
        : contender.inPlaceOfDense(dense, vocabulary, trial.settings().shape().layers());
  }

  private Curve measured(
      Curve curve, ComputationGraph network, List<int[]> heldOut, Progress progress) {
    double loss = Evaluation.loss(network, heldOut, trial.settings().context());
    return curve.with(progress.tokens(), loss);
  }

  private void write(
      Path folder, Vocabulary vocabulary, List<int[]> heldOut, Progress progress, Curve curve)
      throws IOException {
    Result result =
        new Result(
            trial.settings(),
            contender.title(),
            learningRate,
            contender.attended(heldOut, vocabulary, trial.settings().shape().layers()),
            TrainingData.predicted(heldOut),
            progress.seconds(),
            curve);
    byte[] json = new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(result);
    AtomicFiles.write(file(folder), out -> out.write(json));
  }
}
