package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;

/** An UltraMem in a file trains as one in memory, and goes on after a restart as if none was. */
class TuckerFileTest {

  @TempDir Path folder;

  private Path zip() {
    return folder.resolve("model.zip");
  }

  private Path file() {
    return folder.resolve("values");
  }

  static Stream<TuckerMemory> everySetting() {
    return Stream.of(new Sgd(0.3), new Adam(1e-2))
        .flatMap(updater -> TuckerMemories.all(updater).stream());
  }

  @ParameterizedTest
  @MethodSource("everySetting")
  void float32HasTheBitsOfATableInMemory(TuckerMemory settings) {
    ComputationGraph memory = TuckerFiles.graph(settings);
    ComputationGraph file = TuckerFiles.graph(settings, file());
    TuckerFiles.copy(memory, file);
    List<INDArray> before = TuckerFiles.rows(file);
    RowSparseTraining.attach(file);
    TuckerFiles.train(memory, 0, 3);
    TuckerFiles.train(file, 0, 3);
    TuckerFiles.same(memory, file);
    INDArray x = TuckerFiles.batch(9).getFeatures();
    AssertClose.same("output", Elements.doubles(memory.outputSingle(x)), file.outputSingle(x));
    for (int i = 0; i < before.size(); i++) {
      assertTrue(before.get(i).neq(TuckerFiles.rows(file).get(i)).any(), "rows have changed");
    }
    PoolFiles.close(file);
  }

  static Stream<Arguments> storages() {
    return Stream.of(ValueStorage.values())
        .flatMap(
            storage ->
                TuckerMemoryLifecycleTest.both().map(memory -> Arguments.of(storage, memory)));
  }

  private TuckerMemory stored(ValueStorage storage, TuckerMemory memory) {
    return memory.withFile(file().toString(), storage);
  }

  @ParameterizedTest
  @MethodSource("storages")
  void savedAndRestoredContinuesBitEqual(ValueStorage storage, TuckerMemory memory)
      throws IOException {
    ComputationGraph graph = TuckerFiles.graph(stored(storage, memory));
    TuckerFiles.train(graph, 0, 2);
    Path copy = Files.createDirectory(folder.resolve("copy")).resolve("model.zip");
    PoolFiles.save(graph, zip());
    PoolFiles.saveCopy(graph, copy);
    TuckerFiles.train(graph, 2, 3); // is undone
    PoolFiles.close(graph);
    ComputationGraph restored = PoolFiles.restore(zip());
    ComputationGraph copied = PoolFiles.restore(copy);
    INDArray x = TuckerFiles.batch(9).getFeatures();
    AssertClose.same("output", Elements.doubles(copied.outputSingle(x)), restored.outputSingle(x));
    TuckerFiles.train(restored, 2, 4);
    TuckerFiles.train(copied, 2, 4);
    TuckerFiles.sameFiles(restored, copied);
    PoolFiles.close(restored);
    PoolFiles.close(copied);
  }

  /** The other parameters are trained too, so the distance grows with the steps. */
  @ParameterizedTest
  @MethodSource("storages")
  void everyStorageLearns(ValueStorage storage, TuckerMemory memory) {
    ComputationGraph inMemory = TuckerFiles.graph(memory);
    ComputationGraph file = TuckerFiles.graph(stored(storage, memory));
    TuckerFiles.copy(inMemory, file);
    DataSet batch = TuckerFiles.batch(3);
    double before = file.score(batch);
    for (int i = 0; i < 60; i++) {
      inMemory.fit(batch);
      file.fit(batch);
    }
    double after = file.score(batch);
    assertTrue(after < 0.6 * before, storage + ": score " + before + ", then " + after);
    double distance = Math.abs(after - inMemory.score(batch));
    double allowed = storage == ValueStorage.FLOAT32 ? 0 : 0.06;
    assertTrue(distance <= allowed * before, storage + ": distance from float32 " + distance);
    PoolFiles.close(file);
  }

  /** Layers in a row are saved and moved like a graph. */
  @ParameterizedTest
  @MethodSource("storages")
  void multiLayerNetwork(ValueStorage storage, TuckerMemory memory) throws IOException {
    MultiLayerNetwork network = Networks.forTraining(stored(storage, memory));
    DataSet batch = ProductKeyMemoryLifecycleTest.batch(1);
    network.fit(batch);
    PoolFiles.save(network, zip());
    Path copy = Files.createDirectory(folder.resolve("copy")).resolve("model.zip");
    PoolFiles.saveCopy(network, copy);
    PoolFiles.close(network);
    Path other = Files.createDirectory(folder.resolve("other"));
    for (String name : List.of("values", "values.pre")) {
      if (Files.exists(folder.resolve(name))) {
        Files.move(folder.resolve(name), other.resolve(name));
      }
    }
    MultiLayerNetwork moved = PoolFiles.restoreMultiLayerNetwork(zip(), other);
    MultiLayerNetwork copied = PoolFiles.restoreMultiLayerNetwork(copy);
    moved.fit(batch);
    copied.fit(batch);
    TuckerFiles.sameFiles(moved, copied);
    assertEquals(moved.score(batch), copied.score(batch));
    PoolFiles.close(moved);
    PoolFiles.close(copied);
  }

  @ParameterizedTest
  @MethodSource("storages")
  void frozenItIsOnlyRead(ValueStorage storage, TuckerMemory memory) throws IOException {
    ComputationGraph graph = TuckerFiles.graph(stored(storage, memory));
    TuckerFiles.train(graph, 0, 1);
    List<INDArray> rows = TuckerFiles.rows(graph);
    PoolFiles.save(graph, zip());
    PoolFiles.close(graph);
    ComputationGraph frozen =
        new TransferLearning.GraphBuilder(graph).setFeatureExtractor("memory").build();
    INDArray out = frozen.getLayer("out").params().dup();
    TuckerFiles.train(frozen, 1, 3);
    assertNotEquals(out, frozen.getLayer("out").params());
    PoolFiles.save(frozen, zip());
    PoolFiles.close(frozen);
    ComputationGraph restored = PoolFiles.restore(zip());
    assertEquals(rows, TuckerFiles.rows(restored));
    PoolFiles.close(restored);
  }

  @Test
  void noOpAndGradientsAloneChangeNothing() {
    TuckerMemory settings = TuckerMemories.second().valuesUpdater(new NoOp()).build();
    ComputationGraph graph = TuckerFiles.graph(settings, file());
    TuckerFiles.train(graph, 0, 1);
    List<INDArray> rows = TuckerFiles.rows(graph);
    TuckerFiles.train(graph, 1, 3);
    assertEquals(rows, TuckerFiles.rows(graph));
    PoolFiles.close(graph);
    ComputationGraph other =
        TuckerFiles.graph(TuckerMemories.second().build(), folder.resolve("other"));
    DataSet batch = TuckerFiles.batch(7);
    other.score(batch);
    rows = TuckerFiles.rows(other);
    other.setInputs(batch.getFeatures());
    other.setLabels(batch.getLabels());
    other.computeGradientAndScore();
    other.score(batch);
    assertEquals(rows, TuckerFiles.rows(other));
    assertEquals(0, other.gradient().getGradientFor("memory_FV").amaxNumber().doubleValue());
    PoolFiles.close(other);
  }

  @Test
  void everythingMasked() {
    ComputationGraph graph = TuckerFiles.graph(TuckerMemories.second().build(), file());
    TuckerFiles.train(graph, 0, 2);
    List<INDArray> rows = TuckerFiles.rows(graph);
    DataSet data = TuckerFiles.batch(3);
    INDArray nothing = Nd4j.zeros(DataType.FLOAT, 3, 4);
    graph.fit(new DataSet(data.getFeatures(), data.getLabels(), nothing, null));
    assertEquals(rows, TuckerFiles.rows(graph));
    PoolFiles.close(graph);
  }
}
