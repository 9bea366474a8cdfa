package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.io.IOException;
import java.lang.ref.ReferenceQueue;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.schedule.ScheduleType;
import org.nd4j.linalg.schedule.StepSchedule;

/** A pool in a file trains as one in memory, and goes on after a restart as if there was none. */
class FilePoolTest {

  @TempDir Path folder;

  static Stream<IUpdater> updaters() {
    return Stream.of(
        new Sgd(0.7),
        new Sgd(new StepSchedule(ScheduleType.ITERATION, 0.5, 0.5, 2)),
        new Adam(1e-2));
  }

  @ParameterizedTest
  @MethodSource("updaters")
  void float32TrainsToTheBitsOfAPoolInMemory(IUpdater updater) {
    ComputationGraph memory = FilePools.graph(PoolGraphs.pool().valuesUpdater(updater));
    ComputationGraph file = FilePools.graph(FilePools.pool(folder.resolve("p"), updater));
    FilePools.copy(memory, file);
    INDArray before = FilePools.values(file);
    FilePools.train(memory, 0, 5);
    FilePools.train(file, 0, 5);
    FilePools.same(memory, file);
    assertEquals(true, before.neq(FilePools.values(file)).any(), "rows have changed");
    PoolFiles.close(file);
  }

  @ParameterizedTest
  @MethodSource("updaters")
  void savedAndRestoredContinuesBitEqual(IUpdater updater) throws IOException {
    ComputationGraph straight = FilePools.graph(PoolGraphs.pool().valuesUpdater(updater));
    ComputationGraph first = FilePools.graph(FilePools.pool(folder.resolve("p"), updater));
    FilePools.copy(straight, first);
    FilePools.train(straight, 0, 6);
    FilePools.train(first, 0, 3);
    PoolFiles.save(first, folder.resolve("model.zip"));
    PoolFiles.close(first);
    ComputationGraph restored = PoolFiles.restore(folder.resolve("model.zip"));
    FilePools.train(restored, 3, 6);
    FilePools.same(straight, restored);
    PoolFiles.close(restored);
  }

  @Test
  void whatWasNotSavedIsUndone() throws IOException {
    ComputationGraph graph = FilePools.graph(FilePools.pool(folder.resolve("p"), new Adam(1e-2)));
    FilePools.train(graph, 0, 2);
    PoolFiles.save(graph, folder.resolve("model.zip"));
    INDArray rows = FilePools.values(graph);
    INDArray m = FilePools.all(FilePools.table(graph).file()).m().dup();
    FilePools.train(graph, 2, 5);
    PoolFiles.close(graph);
    ComputationGraph restored = PoolFiles.restore(folder.resolve("model.zip"));
    AssertClose.same("rows", Elements.doubles(rows), FilePools.values(restored));
    AssertClose.same("m", Elements.doubles(m), FilePools.all(FilePools.table(restored).file()).m());
    INDArray x = PoolGraphs.batch(DataType.FLOAT, 9).getFeatures();
    restored.outputSingle(x);
    PoolFiles.close(restored);
  }

  /** The zip cannot be written: the checkpoint before stays, and training goes on. */
  @Test
  void savingThatFails() throws IOException {
    ComputationGraph graph = FilePools.graph(FilePools.pool(folder.resolve("p"), new Sgd(0.7)));
    FilePools.train(graph, 0, 2);
    PoolFiles.save(graph, folder.resolve("model.zip"));
    INDArray saved = FilePools.values(graph);
    FilePools.train(graph, 2, 3);
    Path nowhere = folder.resolve("nowhere").resolve("model.zip");
    assertThrows(IOException.class, () -> PoolFiles.save(graph, nowhere));
    FilePools.train(graph, 3, 4);
    INDArray rows = FilePools.values(graph);
    PoolFiles.close(graph);
    ComputationGraph restored = PoolFiles.restore(folder.resolve("model.zip"));
    AssertClose.same("rows", Elements.doubles(saved), FilePools.values(restored));
    FilePools.train(restored, 2, 4);
    AssertClose.same("rows again", Elements.doubles(rows), FilePools.values(restored));
    PoolFiles.close(restored);
  }

  /** A network that nobody holds any more lets go of its file. */
  @Test
  void collectedWithoutClose() throws Exception {
    Path zip = folder.resolve("model.zip");
    saveAndForget(zip);
    ReferenceQueue<Object> pause = new ReferenceQueue<>();
    ComputationGraph restored = null;
    for (int i = 0; restored == null; i++) {
      System.gc();
      pause.remove(50);
      try {
        restored = PoolFiles.restore(zip);
      } catch (IllegalArgumentException e) {
        if (i == 200) {
          throw e;
        }
      }
    }
    PoolFiles.close(restored);
  }

  private void saveAndForget(Path zip) throws IOException {
    ComputationGraph graph = FilePools.graph(FilePools.pool(folder.resolve("p"), new Sgd(0.7)));
    FilePools.train(graph, 0, 2);
    PoolFiles.save(graph, zip);
  }
}
