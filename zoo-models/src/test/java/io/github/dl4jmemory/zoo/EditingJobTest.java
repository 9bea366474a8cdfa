package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.dl4jmemory.zoo.Biographies.Fact;
import io.github.dl4jmemory.zoo.BiographyData.Question;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EditingJobTest {

  @Test
  void writesAReportOfEveryMethod(@TempDir Path folder) throws IOException {
    String[] arguments = {
      "--people",
      "16",
      "--exposures",
      "1",
      "--facts",
      "4",
      "--edit-exposures",
      "1",
      "--seed",
      "7",
      "--out",
      folder.toString()
    };
    assertEquals(0, new EditingJob().run(arguments));
    EditingReport report =
        new ObjectMapper()
            .readValue(Files.readAllBytes(folder.resolve("editing-7.json")), EditingReport.class);
    assertEquals(1, report.steps());
    assertTrue(report.tokens() > 20, report.tokens() + " tokens of an edit");
    List<String> methods =
        List.of("MemoryEditor", "fine-tuning of all, dense", "fine-tuning of all, memory");
    assertEquals(methods, report.results().stream().map(EditingReport.Result::method).toList());
    assertEquals(Set.of("dense", "memory"), report.before().keySet());
    for (EditingReport.Result result : report.results()) {
      assertTrue(report.grid().stream().anyMatch(g -> g.setting().equals(result.setting())));
      assertTrue(result.changedNumbers() > 0, result.toString());
    }
    long editor = report.results().get(0).changedNumbers();
    long all = report.results().get(2).changedNumbers();
    assertTrue(editor <= 3000 * 40 && all > editor, editor + " and " + all + " numbers changed");
  }

  @Test
  void everyMethodIsChosenByWhatItLearnedAndKept() {
    assertEquals(0.5, new FactChange.Recall(0.2, 0.1, 0.8).score());
  }

  /** One fact of each of so many people, of every kind in turn, with another's value. */
  @Test
  void changesOneFactAPerson() {
    Biographies people = Biographies.of(24, 3);
    try (ByteLevelBpe tokens = ByteLevelBpe.train(people.sentences(), 400)) {
      BiographyData data = new BiographyData(people, tokens, 8, 3);
      List<Question> known = data.reported();
      List<Fact> facts = FactChange.changed(known, 11, 5);
      assertEquals(facts, FactChange.changed(known, 11, 5));
      assertEquals(11, facts.stream().map(Fact::person).distinct().count());
      for (Biographies.Relation relation : Biographies.Relation.values()) {
        long count = facts.stream().filter(fact -> fact.relation() == relation).count();
        assertTrue(count == 2 || count == 3, relation + ": " + count);
        Set<String> values =
            known.stream()
                .map(Question::fact)
                .filter(fact -> fact.relation() == relation)
                .map(Fact::value)
                .collect(Collectors.toSet());
        facts.stream()
            .filter(fact -> fact.relation() == relation)
            .forEach(fact -> assertTrue(values.contains(fact.value()), fact.toString()));
      }
      Set<Fact> old =
          known.stream().map(Question::fact).collect(Collectors.toCollection(HashSet::new));
      facts.forEach(fact -> assertTrue(!old.contains(fact), "unchanged: " + fact));
    }
  }

  @Test
  void refusesArgumentsOutOfRange(@TempDir Path folder) {
    for (String[] bad :
        new String[][] {
          {"--people", "7"},
          {"--exposures", "0"},
          {"--facts", "3"},
          {"--facts", "251"},
          {"--edit-exposures", "0"}
        }) {
      String[] all = {bad[0], bad[1], "--out", folder.toString()};
      java.io.StringWriter errors = new java.io.StringWriter();
      assertEquals(2, new EditingJob().run(new java.io.PrintWriter(errors), all));
      assertTrue(
          errors.toString().startsWith("[editing job] " + bad[0] + ": expected "),
          errors.toString());
    }
    assertEquals(0, folder.toFile().list().length);
  }
}
