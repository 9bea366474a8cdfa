package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.zoo.RunFolder.Finished;
import io.github.dl4jmemory.zoo.RunFolder.State;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.deeplearning4j.nn.graph.ComputationGraph;

/** Trains both models at every learning rate of the grid, and reports the best of each. */
final class Run {
  private static final int QUESTIONS_SHOWN = 8;
  private static final int USAGE_ROWS = 4096;

  /** One training of the grid. */
  private record Trial(String model, double learningRate) {}

  private final RunFolder folder;
  private final TrainingData data;
  private final ByteLevelBpe tokens;
  private final BooleanSupplier stop;
  private final PrintStream out;
  private final boolean quiet;
  private final ModelPair models;
  private State state;

  Run(
      RunFolder folder,
      State state,
      TrainingData data,
      ByteLevelBpe tokens,
      BooleanSupplier stop,
      PrintStream out,
      boolean quiet) {
    this.folder = folder;
    this.state = state;
    this.data = data;
    this.tokens = tokens;
    this.stop = stop;
    this.out = out;
    this.quiet = quiet;
    this.models = new ModelPair(state.settings(), tokens.vocabularySize(), data.context());
  }

  private List<Trial> trials() {
    List<Trial> trials = new ArrayList<>();
    for (String model : List.of(ModelPair.DENSE, ModelPair.MEMORY)) {
      state.settings().learningRates().forEach(rate -> trials.add(new Trial(model, rate)));
    }
    return trials;
  }

  /** Runs what is left; false when it was told to stop and a checkpoint is written. */
  boolean go() throws IOException {
    describe();
    List<Trial> trials = trials();
    while (state.finished().size() < trials.size()) {
      if (!train(trials.get(state.finished().size()))) {
        return false;
      }
    }
    report();
    return true;
  }

  private void describe() {
    for (String name : List.of(ModelPair.DENSE, ModelPair.MEMORY)) {
      MemoryTransformer model = models.model(name, 1);
      out.printf(
          Locale.ROOT,
          "%-6s %,d multiply-adds per token, %,d parameters%n",
          name,
          model.multiplyAddsPerToken(),
          model.parameterCount());
    }
  }

  private boolean train(Trial trial) throws IOException {
    String checkpoint = state.checkpoint();
    ComputationGraph network =
        checkpoint == null
            ? models.model(trial.model(), trial.learningRate()).init()
            : MemoryTransformer.load(folder.file(checkpoint));
    Progress from = state.running() == null ? Progress.start() : state.running();
    String title = String.format(Locale.ROOT, "%s %.0e", trial.model(), trial.learningRate());
    Progress progress =
        new Trainer(data, state.settings().steps(), stop, quiet).train(title, network, from);
    if (progress.step() < state.settings().steps()) {
      state = folder.interrupt(state, progress, network);
      if (checkpoint != null && !checkpoint.equals(state.checkpoint())) {
        folder.drop(checkpoint);
      }
      return false;
    }
    finish(trial, network, progress);
    folder.drop(checkpoint);
    return true;
  }

  private void finish(Trial trial, ComputationGraph network, Progress progress) throws IOException {
    double loss = Evaluation.loss(network, data.heldOut(), data.context());
    Map<String, Double> scores = scores(network, loss);
    double score = scores.getOrDefault("recall", -loss);
    MemoryTransformer model = models.model(trial.model(), trial.learningRate());
    ModelReport report =
        new ModelReport(
            trial.model(),
            trial.learningRate(),
            model.multiplyAddsPerToken(),
            model.parameterCount(),
            progress.tokensPerSecond(),
            loss,
            scores,
            progress.curve());
    out.printf(
        Locale.ROOT,
        "%s, learning rate %.0e: %s %.4f, %.0f tokens/s%n",
        trial.model(),
        trial.learningRate(),
        data instanceof BiographyData ? "recall" : "held-out loss",
        Math.abs(score),
        progress.tokensPerSecond());
    if (best(trial.model()).stream().allMatch(f -> f.score() < score)) {
      MemoryTransformer.save(network, folder.file(trial.model() + ".zip"));
    }
    state = state.with(new Finished(trial.model(), trial.learningRate(), score, report));
    folder.write(state);
  }

  private Map<String, Double> scores(ComputationGraph network, double loss) {
    Map<String, Double> scores = new LinkedHashMap<>();
    if (data instanceof BiographyData people) {
      scores.putAll(Evaluation.recall(network, people.questions(), data.context()));
    } else if (data instanceof TextData text) {
      long predicted = text.heldOut().stream().mapToLong(row -> row.length - 1).sum();
      scores.put("perplexity per token", Math.exp(loss));
      scores.put("perplexity per byte", Math.exp(loss * predicted / text.heldOutBytes()));
    }
    if (SlotUsage.hasMemory(network)) {
      List<int[]> rows = data.heldOut();
      rows = rows.subList(0, Math.min(rows.size(), USAGE_ROWS));
      SlotUsage usage = SlotUsage.of(network, rows, data.context());
      scores.put("share of slots read", usage.shareUsed());
      scores.put("entropy of slot use (1 is even)", usage.entropy());
    }
    return scores;
  }

  private List<Finished> best(String model) {
    return state.finished().stream()
        .filter(f -> f.model().equals(model))
        .max(Comparator.comparingDouble(Finished::score))
        .map(List::of)
        .orElse(List.of());
  }

  private void report() throws IOException {
    List<ModelReport> reports = new ArrayList<>();
    for (String name : List.of(ModelPair.DENSE, ModelPair.MEMORY)) {
      best(name).forEach(finished -> reports.add(finished.report()));
    }
    List<Answer> answers = answers();
    byte[] png = picture(reports);
    String page = HtmlReport.render(title(), facts(), reports, answers, png);
    AtomicFiles.write(
        folder.file("report.html"),
        to -> to.write(page.getBytes(java.nio.charset.StandardCharsets.UTF_8)));
    print(reports, answers);
  }

  private List<Answer> answers() throws IOException {
    if (!(data instanceof BiographyData people)) {
      return List.of();
    }
    ComputationGraph network = MemoryTransformer.load(folder.file(ModelPair.MEMORY + ".zip"));
    return Evaluation.answers(network, people.questions(), tokens, QUESTIONS_SHOWN);
  }

  /** The curves as PNG, also into a file; null on a Java without fonts. */
  private byte[] picture(List<ModelReport> reports) throws IOException {
    byte[] png;
    try {
      png = Charts.losses(reports);
    } catch (LinkageError | InternalError e) {
      out.println(
          "No curves.png: this Java cannot draw text (" + e + "). Fix: install fontconfig.");
      return null;
    }
    AtomicFiles.write(folder.file("curves.png"), to -> to.write(png));
    return png;
  }

  private String title() {
    return "Dense and memory model at equal compute"
        + (data instanceof TextData ? " on your text" : " on invented biographies");
  }

  private List<String> facts() {
    Settings settings = state.settings();
    List<String> facts = new ArrayList<>();
    if (data instanceof BiographyData people) {
      facts.add(
          String.format(
              Locale.ROOT,
              "%d facts about %d invented people, each stated %d times in ten phrasings; asked in"
                  + " phrasings that training has not seen",
              people.questions().size(),
              settings.people(),
              settings.exposures()));
    } else {
      facts.add("Texts: " + String.join(", ", settings.texts()) + "; the last tenth is held out");
    }
    facts.add(
        String.format(
            Locale.ROOT,
            "%d steps of %d rows, vocabulary %d, seed %d",
            settings.steps(),
            settings.batch(),
            tokens.vocabularySize(),
            settings.seed()));
    facts.add(
        "Learning rates tried for each model: "
            + settings.learningRates()
            + "; the best of each is shown");
    return facts;
  }

  private void print(List<ModelReport> reports, List<Answer> answers) {
    answers.forEach(
        a ->
            out.printf(
                "%s  %s%s%n",
                a.question(), a.given(), a.right() ? "" : "  (true: " + a.expected() + ")"));
    for (ModelReport report : reports) {
      out.printf(
          Locale.ROOT,
          "%-6s best learning rate %.0e, held-out loss %.4f, %.0f tokens/s%n",
          report.name(),
          report.learningRate(),
          report.validationLoss(),
          report.tokensPerSecond());
      report
          .scores()
          .forEach((name, value) -> out.printf(Locale.ROOT, "       %s %.4f%n", name, value));
    }
    out.println("Report: " + folder.file("report.html").toAbsolutePath());
  }
}
