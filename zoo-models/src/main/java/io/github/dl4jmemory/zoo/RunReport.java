package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.zoo.RunState.Finished;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.deeplearning4j.nn.graph.ComputationGraph;

/** Reports a finished run: report.html and curves.png in its folder, and the main figures. */
final class RunReport {
  private static final int QUESTIONS_SHOWN = 8;

  private final RunFolder folder;
  private final Ledger ledger;
  private final TrainingData data;
  private final ByteLevelBpe tokens;
  private final PrintStream out;
  private final RunState state;
  private final List<ModelReport> best;
  private final List<String> warnings;

  RunReport(
      RunFolder folder, Ledger ledger, TrainingData data, ByteLevelBpe tokens, PrintStream out) {
    this.folder = folder;
    this.ledger = ledger;
    this.data = data;
    this.tokens = tokens;
    this.out = out;
    this.state = ledger.state();
    this.best = state.best().stream().map(Finished::report).toList();
    this.warnings = state.grid().warnings(state.best().stream().map(Finished::trial).toList());
  }

  void write() throws IOException {
    List<Answer> answers = answers();
    byte[] png = picture();
    double seconds = ledger.writeTime().wallSeconds();
    List<ModelReport> all = state.finished().stream().map(Finished::report).toList();
    String page = HtmlReport.render(title(), facts(seconds), best, all, answers, png);
    AtomicFiles.write(
        folder.file("report.html"), to -> to.write(page.getBytes(StandardCharsets.UTF_8)));
    print(answers, seconds);
  }

  private List<Answer> answers() throws IOException {
    if (!(data instanceof BiographyData people)) {
      return List.of();
    }
    ComputationGraph network = MemoryTransformer.load(folder.file(ModelPair.MEMORY + ".zip"));
    return Evaluation.answers(network, people.reported(), tokens, QUESTIONS_SHOWN);
  }

  /** The curves as PNG, also into a file; null on a Java without fonts. */
  private byte[] picture() throws IOException {
    byte[] png;
    try {
      png = Charts.losses(best);
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

  private List<String> facts(double seconds) {
    List<String> facts = new ArrayList<>(data instanceof BiographyData ? asked() : held());
    Settings settings = state.settings();
    facts.add(
        String.format(
            Locale.ROOT,
            "%d steps of %d rows, vocabulary %d, seed %d",
            settings.steps(),
            settings.batch(),
            tokens.vocabularySize(),
            settings.seed()));
    facts.addAll(warnings);
    facts.add(String.format(Locale.ROOT, "The whole run took %.0f seconds", seconds));
    return facts;
  }

  private List<String> asked() {
    Settings settings = state.settings();
    return List.of(
        String.format(
            Locale.ROOT,
            "%d facts about %d invented people, each stated %d times in ten phrasings; asked in"
                + " phrasings that training has not seen",
            settings.people() * Biographies.Relation.values().length,
            settings.people(),
            settings.exposures()),
        "Every fourth person was asked to choose the learning rate of each model; the recall and"
            + " the loss shown are of the others");
  }

  private List<String> held() {
    return List.of(
        "Texts: " + String.join(", ", state.settings().texts()) + "; the last tenth is held out",
        "The learning rate of each model was chosen by the loss on the same held-out tenth");
  }

  private void print(List<Answer> answers, double seconds) {
    answers.forEach(
        a ->
            out.printf(
                "%s  %s%s%n",
                a.question(), a.given(), a.right() ? "" : "  (true: " + a.expected() + ")"));
    best.forEach(this::print);
    warnings.forEach(out::println);
    out.printf(Locale.ROOT, "Wall time: %.0f s%n", seconds);
    out.println("Report: " + folder.file("report.html").toAbsolutePath());
  }

  private void print(ModelReport report) {
    out.printf(
        Locale.ROOT,
        "%-6s best learning rate %s, held-out loss %.4f, %.0f tokens/s%n",
        report.name(),
        Trial.rate(report.learningRate()),
        report.validationLoss(),
        report.tokensPerSecond());
    report
        .scores()
        .forEach((name, value) -> out.printf(Locale.ROOT, "       %s %.4f%n", name, value));
  }
}
