package io.github.dl4jmemory.zoo;

import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;

/** The report of a run as one HTML page that needs no other file. */
final class HtmlReport {
  private static final String STYLE =
      "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
          + "table{border-collapse:collapse;margin:1em 0}"
          + "td,th{border:1px solid #bbb;padding:.3em .8em;text-align:right}"
          + "td:first-child,th:first-child{text-align:left}img{max-width:100%}"
          + "code{background:#f3f3f3;padding:.1em .3em}";

  private HtmlReport() {}

  /**
   * The page.
   *
   * @param title heading
   * @param facts lines on what was trained on, shown as a list
   * @param models what was measured of the best training of each model, in columns
   * @param all what was measured of every training of the grid, in rows
   * @param answers questions to the memory model with what it said; may be empty
   * @param losses PNG of the training curves, or null when this machine could not draw them
   * @param slots PNG of the use of the memory's slots, or null likewise
   */
  static String render(
      String title,
      List<String> facts,
      List<ModelReport> models,
      List<ModelReport> all,
      List<Answer> answers,
      byte[] losses,
      byte[] slots) {
    StringJoiner page = new StringJoiner("\n", "", "\n");
    page.add("<!DOCTYPE html>").add("<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.add("<title>" + escape(title) + "</title><style>" + STYLE + "</style></head><body>");
    page.add("<h1>" + escape(title) + "</h1>").add("<ul>");
    facts.forEach(fact -> page.add("<li>" + escape(fact) + "</li>"));
    page.add("</ul>").add("<h2>Results</h2>").add(table(models));
    page.add("<h2>All trainings</h2>").add(trainings(all));
    page.add("<h2>Training curves</h2>").add(image("loss against training tokens", losses));
    page.add("<h2>Slots of the memory</h2>").add(image("reads by slot", slots));
    if (!answers.isEmpty()) {
      page.add("<h2>Questions to the memory model</h2>").add(answerTable(answers));
    }
    return page.add("</body></html>").toString();
  }

  private static String table(List<ModelReport> models) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(row("", models, ModelReport::name));
    rows.add(row("multiply-adds per token", models, m -> String.valueOf(m.multiplyAddsPerToken())));
    rows.add(row("parameters", models, m -> String.valueOf(m.parameters())));
    rows.add(row("learning rate", models, m -> Trial.rate(m.learningRate())));
    rows.add(
        row(
            "training tokens per second",
            models,
            m -> String.format(Locale.ROOT, "%.0f", m.tokensPerSecond())));
    rows.add(row("held-out loss (nats per token)", models, m -> number(m.validationLoss())));
    Set<String> names = new LinkedHashSet<>();
    models.forEach(m -> names.addAll(m.scores().keySet()));
    for (String name : names) {
      rows.add(row(name, models, m -> score(m, name)));
    }
    return html(rows);
  }

  private static List<String> row(
      String label,
      List<ModelReport> models,
      java.util.function.Function<ModelReport, String> cell) {
    List<String> row = new ArrayList<>(List.of(label));
    models.forEach(model -> row.add(cell.apply(model)));
    return row;
  }

  private static String trainings(List<ModelReport> all) {
    boolean asked = all.stream().anyMatch(m -> m.scores().containsKey(Assessment.RECALL));
    String result = asked ? Assessment.RECALL : Assessment.PER_TOKEN;
    List<List<String>> rows = new ArrayList<>();
    rows.add(
        List.of(
            "model",
            "learning rate",
            asked ? Assessment.CHOOSING_RECALL : "held-out loss, which chose the rate",
            result,
            "training tokens per second"));
    for (ModelReport m : all) {
      rows.add(
          List.of(
              m.name(),
              Trial.rate(m.learningRate()),
              asked ? score(m, Assessment.CHOOSING_RECALL) : number(m.validationLoss()),
              score(m, result),
              String.format(Locale.ROOT, "%.0f", m.tokensPerSecond())));
    }
    return html(rows);
  }

  private static String score(ModelReport model, String name) {
    return model.scores().containsKey(name) ? number(model.scores().get(name)) : "–";
  }

  private static String answerTable(List<Answer> answers) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("asked", "answered", "true"));
    answers.forEach(a -> rows.add(List.of(a.question(), a.given(), a.expected())));
    return html(rows);
  }

  private static String html(List<List<String>> rows) {
    StringJoiner table = new StringJoiner("\n", "<table>\n", "\n</table>");
    for (int r = 0; r < rows.size(); r++) {
      String cell = r == 0 ? "th" : "td";
      StringJoiner line = new StringJoiner("", "<tr>", "</tr>");
      rows.get(r).forEach(text -> line.add("<" + cell + ">" + escape(text) + "</" + cell + ">"));
      table.add(line.toString());
    }
    return table.toString();
  }

  private static String image(String what, byte[] png) {
    return png == null
        ? "<p>No picture: this Java has no fonts to draw with.</p>"
        : "<img alt=\""
            + what
            + "\" src=\"data:image/png;base64,"
            + Base64.getEncoder().encodeToString(png)
            + "\">";
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.4g", value);
  }

  private static String escape(String text) {
    String escaped = text;
    for (Map.Entry<String, String> e :
        List.of(
            Map.entry("&", "&amp;"),
            Map.entry("<", "&lt;"),
            Map.entry(">", "&gt;"),
            Map.entry("\"", "&quot;"))) {
      escaped = escaped.replace(e.getKey(), e.getValue());
    }
    return escaped;
  }
}
