package io.github.dl4jmemory.zoo;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * One training of a {@link NeedleComparison}.
 *
 * @param seed of rows and parameters
 */
record NeedleTrial(NeedleSettings settings, NeedleModel model, long seed) {
  private static final int POINTS = 50; // of the curve
  private static final int PARTS = 4; // of a row, by how far back the hidden key is
  private static final long TEST = -1; // the number of rows that are never trained on

  /**
   * What was measured, as it is kept in a file.
   *
   * @param window last tokens that are seen; 0 for all
   * @param interval of marked tokens; 0 where there are none
   * @param keptKeys that the last token of a row sees, on average
   * @param accuracy share of the questions that are answered
   * @param byDistance the same, by how far the hidden key is back
   * @param seconds of the training
   * @param curve training loss, nats an answer; tokens are those of the rows
   */
  record Result(
      NeedleSettings settings,
      String model,
      long seed,
      int window,
      int interval,
      double keptKeys,
      long parameters,
      double accuracy,
      List<Part> byDistance,
      double seconds,
      Curve curve) {}

  /** Of keys hidden so far back: from, to (not included). */
  record Part(int from, int to, int questions, double accuracy) {}

  private String name() {
    return "needle-" + model.title() + "-seed-" + seed;
  }

  Path file(Path folder) {
    return folder.resolve(name() + ".json");
  }

  /** Trains, measures and leaves the file; nothing where there is one, or when stopped. */
  void run(Path folder, Display display, BooleanSupplier stop) throws IOException {
    if (Files.exists(file(folder)) || stop.getAsBoolean()) {
      return;
    }
    NeedleTask task = new NeedleTask(settings.context(), settings.pairs(), seed);
    List<NeedleTask.Row> test = task.rows(TEST, settings.testRows());
    List<int[]> ids = test.stream().map(NeedleTask.Row::ids).toList();
    NeedleModel.Sight sight = model.sight(ids, settings.window());
    ComputationGraph network = network(sight);
    Progress progress = train(network, task, display, stop);
    if (progress.step() == settings.steps()) {
      List<Part> parts = answered(network, task, test);
      double right = parts.stream().mapToDouble(part -> part.accuracy() * part.questions()).sum();
      double questions = parts.stream().mapToInt(Part::questions).sum();
      Result result =
          new Result(
              settings,
              model.title(),
              seed,
              sight.window(),
              sight.interval(),
              sight.kept(ids),
              network.numParams(),
              right / questions,
              parts,
              progress.seconds(),
              progress.curve());
      byte[] json = new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(result);
      AtomicFiles.write(file(folder), out -> out.write(json));
    }
  }

  private ComputationGraph network(NeedleModel.Sight sight) {
    MemoryTransformer.Builder builder =
        MemoryTransformer.builder()
            .vocabulary(NeedleTask.VOCABULARY)
            .context(settings.context())
            .model(settings.model())
            .layers(settings.layers())
            .heads(4)
            .hidden(2 * settings.model())
            .learningRate(settings.learningRate())
            .schedule(settings.steps() / 20, settings.steps())
            .seed(seed);
    model.attend(builder, sight);
    return builder.build().init();
  }

  private Progress train(
      ComputationGraph network, NeedleTask task, Display display, BooleanSupplier stop) {
    Progress progress = Progress.start();
    long tokens = (long) settings.batch() * settings.context();
    int stretch = Math.max(1, settings.steps() / POINTS);
    try (Display.Bar bar = display.bar(name(), settings.steps(), 0)) {
      while (progress.step() < settings.steps() && !stop.getAsBoolean()) {
        long begin = System.nanoTime();
        network.fit(task.batch(task.rows(progress.step(), settings.batch())));
        double seconds = (System.nanoTime() - begin) / 1e9;
        progress = progress.plus(tokens, seconds, network.score(), stretch);
        bar.onStep(progress, network.score());
      }
    }
    return progress;
  }

  private List<Part> answered(
      ComputationGraph network, NeedleTask task, List<NeedleTask.Row> rows) {
    int[] questions = new int[PARTS];
    int[] right = new int[PARTS];
    for (int from = 0; from < rows.size(); from += settings.batch()) {
      List<NeedleTask.Row> some =
          rows.subList(from, Math.min(rows.size(), from + settings.batch()));
      int[][] chosen =
          network.outputSingle(task.batch(some).getFeatures(0)).argMax(2).toIntMatrix();
      for (int row = 0; row < some.size(); row++) {
        for (int question = 0; question < settings.pairs(); question++) {
          int asked = task.asked(question);
          int part = some.get(row).distances()[question] * PARTS / settings.context();
          questions[part]++;
          right[part] += chosen[row][asked] == some.get(row).ids()[asked + 1] ? 1 : 0;
        }
      }
    }
    List<Part> parts = new ArrayList<>();
    for (int part = 0; part < PARTS; part++) {
      int from = part * settings.context() / PARTS;
      int to = (part + 1) * settings.context() / PARTS;
      double share = questions[part] == 0 ? 0 : right[part] / (double) questions[part];
      parts.add(new Part(from, to, questions[part], share));
    }
    return parts;
  }
}
