package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.PoolUsage;
import io.github.dl4jmemory.layers.UsageFile;
import io.github.dl4jmemory.zoo.RunState.Finished;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * Reports a finished run: report.html, curves.png, slots.png and usage.jsonl in its folder, and the
 * main figures.
 */
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
    ComputationGraph memory = MemoryTransformer.load(folder.file(ModelPair.MEMORY + ".zip"));
    List<Answer> answers = answers(memory);
    List<PoolUsage> usage = usage(memory);
    byte[] losses = picture("curves.png", () -> Charts.losses(best));
    byte[] slots = picture("slots.png", () -> UsageChart.lorenz(usage));
    double seconds = ledger.writeTime().wallSeconds();
    List<ModelReport> all = state.finished().stream().map(Finished::report).toList();
    String page = HtmlReport.render(title(), facts(seconds), best, all, answers, losses, slots);
    AtomicFiles.write(
        folder.file("report.html"), to -> to.write(page.getBytes(StandardCharsets.UTF_8)));
    print(answers, seconds);
  }

  private List<Answer> answers(ComputationGraph memory) {
    return data instanceof BiographyData people
        ? Evaluation.answers(memory, people.reported(), tokens, QUESTIONS_SHOWN)
        : List.of();
  }

  /** What the memory model reads of its tables for what was held out; also into a file. */
  private List<PoolUsage> usage(ComputationGraph memory) throws IOException {
    List<int[]> rows = data.heldOut();
    List<PoolUsage> usage =
        SlotUsage.tables(
            memory, rows.subList(0, Math.min(rows.size(), Assessment.USAGE_ROWS)), data.context());
    Path file = folder.file("usage.jsonl");
    Files.deleteIfExists(file);
    usage.forEach(UsageFile.at(file));
    return usage;
  }

  /** A picture as PNG, also into a file; null on a Java without fonts. */
  private byte[] picture(String name, Supplier<byte[]> drawing) throws IOException {
    byte[] png;
    try {
      png = drawing.get();
    } catch (LinkageError | InternalError e) {
      out.println(
          "No " + name + ": this Java cannot draw text (" + e + "). Fix: install fontconfig.");
      return null;
    }
    AtomicFiles.write(folder.file(name), to -> to.write(png));
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
