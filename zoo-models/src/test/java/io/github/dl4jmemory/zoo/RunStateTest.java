package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.zoo.RunState.Finished;
import io.github.dl4jmemory.zoo.RunState.Interrupted;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunStateTest {
  private static final RunState STATE =
      RunState.start(
          new Settings(
              List.of(),
              7,
              3,
              300,
              0,
              8,
              9,
              List.of(1e-2, 3e-3),
              Settings.Shape.ofBiographies(),
              5));

  private static Finished finished(String model, double rate, double score) {
    ModelReport report =
        new ModelReport(model, rate, 1, 2, 3, 4, Map.of("recall", 0.5), Curve.empty());
    return new Finished(model, rate, score, report);
  }

  @Test
  void ofEqualScoresTheFirstOfTheGridIsBestWhicheverEndedFirst() {
    Finished first = finished("dense", 1e-2, 0.5);
    Finished second = finished("dense", 3e-3, 0.5);
    assertEquals(Optional.of(first), STATE.with(second).with(first).best("dense"));
    assertEquals(Optional.of(first), STATE.with(first).with(second).best("dense"));
    assertEquals(List.of(first, second), STATE.with(second).with(first).finished());
  }

  @Test
  void isReadAsItWasWritten(@TempDir Path folder) throws IOException {
    Trial trial = new Trial("memory", 1e-2);
    Progress progress = Progress.start().plus(70, 0.1 + 0.2, 5.5, 1).plus(71, 1 / 3.0, 4.5, 3);
    RunState state =
        STATE
            .with(finished("dense", 3e-3, Double.NEGATIVE_INFINITY))
            .with(new Interrupted(trial, progress, "checkpoint-2-2.zip"))
            .with(new Interrupted(new Trial("memory", 3e-3), progress, "checkpoint-3-2.zip"))
            .withWallSeconds(12.5);
    RunFolder files = new RunFolder(folder);
    files.write(state);
    assertEquals(state, files.read());
    assertEquals(2, files.read().interrupted().size());
    assertEquals(List.of(trial, new Trial("memory", 3e-3), new Trial("dense", 1e-2)), state.open());
  }
}
