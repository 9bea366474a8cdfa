package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.dataset.MultiDataSet;
import picocli.CommandLine;

class NeedleComparisonTest {
  @TempDir Path folder;

  private String run(int code, String arguments) {
    StringWriter errors = new StringWriter();
    String rows = arguments.contains("--test-rows") ? "" : "--test-rows 40 ";
    String[] all =
        ("--seeds 5 --context 96 --pairs 3 --model 16 --steps 4 " + rows + "--out ")
            .concat(folder + " " + arguments)
            .strip()
            .split(" ");
    CommandLine line = new CommandLine(new NeedleComparison()).setErr(new PrintWriter(errors));
    assertEquals(code, line.execute(all), errors.toString());
    return errors.toString();
  }

  private NeedleTrial.Result read(String model) throws IOException {
    Path file = folder.resolve("needle-" + model + "-seed-5.json");
    return new ObjectMapper().readValue(file.toFile(), NeedleTrial.Result.class);
  }

  @Test
  void allKeepAsManyKeysAsTheOneWithSeparators() throws IOException {
    run(0, "");
    NeedleTrial.Result separator = read("separator");
    assertEquals(8, separator.window());
    assertTrue(separator.keptKeys() > 3 + 8 + 3, "separators: " + separator.keptKeys());
    for (String model : List.of("streaming", "fix")) {
      assertEquals(separator.keptKeys(), read(model).keptKeys(), 0.75, model);
    }
    assertEquals(96, read("dense").keptKeys());
    assertTrue(read("fix").interval() > 1);
    assertTrue(read("streaming").window() > 8);
    for (String model : List.of("dense", "separator", "streaming", "fix")) {
      NeedleTrial.Result result = read(model);
      assertEquals(separator.parameters(), result.parameters());
      assertEquals(120, result.byDistance().stream().mapToInt(NeedleTrial.Part::questions).sum());
      double right =
          result.byDistance().stream().mapToDouble(p -> p.accuracy() * p.questions()).sum();
      assertEquals(right / 120, result.accuracy(), 1e-12);
      assertEquals(4, result.curve().points().size());
      assertTrue(result.curve().losses()[3] > 0);
    }
    byte[] before = Files.readAllBytes(folder.resolve("needle-dense-seed-5.json"));
    run(0, "--models dense");
    assertArrayEquals(
        before, Files.readAllBytes(folder.resolve("needle-dense-seed-5.json")), "not done again");
  }

  /** Each answer stands behind its key twice, as far apart as is said. */
  @Test
  void questionsAreOfWhatIsHidden() {
    NeedleTask task = new NeedleTask(64, 4, 7);
    List<NeedleTask.Row> rows = task.rows(3, 50);
    assertArrayEquals(rows.get(9).ids(), task.rows(3, 50).get(9).ids(), "the same again");
    assertNotEquals(List.of(rows.get(0).ids()), List.of(task.rows(4, 1).get(0).ids()));
    MultiDataSet batch = task.batch(rows);
    assertEquals(50 * 4, batch.getLabelsMaskArrays()[0].sumNumber().intValue());
    for (int r = 0; r < rows.size(); r++) {
      int[] ids = rows.get(r).ids();
      for (int question = 0; question < 4; question++) {
        int asked = task.asked(question);
        int hidden = asked - rows.get(r).distances()[question];
        assertEquals(ids[asked], ids[hidden]);
        assertEquals(ids[asked + 1], ids[hidden + 1]);
        assertEquals(NeedleTask.SEPARATOR, ids[hidden + 2]);
        assertTrue(hidden >= 0 && hidden + 2 < task.asked(0) - 1, "before the questions");
        assertEquals(1, batch.getLabelsMaskArrays()[0].getInt(r, asked));
        assertEquals(ids[asked + 1], batch.getLabels(0).getInt(r, asked));
      }
    }
  }

  @Test
  void refusals() {
    assertTrue(
        run(1, "--models dense,giant")
            .contains(
                "[needle-comparison] --models: expected some of [dense, separator, streaming, fix],"
                    + " got giant. Fix: name such models."));
    assertTrue(
        run(1, "--window 0").contains("[needle-comparison] --window: expected at least 1, got 0."));
    assertTrue(run(1, "--test-rows 0").contains("--test-rows: expected at least 1, got 0."));
    assertFalse(Files.exists(folder.resolve("needle-dense-seed-5.json")));
  }

  @Test
  void tasksThatDoNotFitAreRefused() {
    assertEquals(
        "[needle-comparison] --pairs: expected 1 to 16, got 17. Fix: use 4.",
        refusal(() -> new NeedleTask(1000, 17, 1)));
    assertEquals(
        "[needle-comparison] --context: expected room for 4 pairs, got 20. Fix: use 128.",
        refusal(() -> new NeedleTask(20, 4, 1)));
  }

  private static String refusal(Runnable action) {
    return assertThrows(IllegalArgumentException.class, action::run).getMessage();
  }
}
