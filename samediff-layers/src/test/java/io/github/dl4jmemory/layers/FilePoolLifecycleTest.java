package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.WeightInit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;

/** DL4J's tools on graphs whose pool is in a file. */
class FilePoolLifecycleTest {

  @TempDir Path folder;

  private Path zip() {
    return folder.resolve("model.zip");
  }

  private MemoryPool.Builder pool() {
    return FilePools.pool(folder.resolve("facts.pool"), new Adam(1e-2));
  }

  private ComputationGraph saved() throws IOException {
    ComputationGraph graph = FilePools.graph(pool());
    FilePools.train(graph, 0, 2);
    PoolFiles.save(graph, zip());
    return graph;
  }

  @Test
  void jsonKeepsFileAndStorage() {
    ComputationGraphConfiguration conf =
        PoolGraphs.twoReaders(
                DataType.FLOAT, new Sgd(0.2), pool().storage(ValueStorage.INT8), "pool")
            .build();
    ComputationGraphConfiguration read = ComputationGraphConfiguration.fromJson(conf.toJson());
    assertEquals(conf, read);
    assertEquals(conf, ComputationGraphConfiguration.fromYaml(conf.toYaml()));
    ComputationGraph graph = new ComputationGraph(read);
    graph.init();
    MemoryPool pool = (MemoryPool) graph.getLayer("pool").conf().getLayer();
    assertEquals(folder.resolve("facts.pool").toString(), pool.getFile());
    assertEquals(ValueStorage.INT8, pool.getStorage());
    assertNotEquals(pool().build(), pool().storage(ValueStorage.INT8).build());
    assertNotEquals(pool().build(), pool().file("other").build());
  }

  /** 4473² slots of 256 values, 20 GB, are no matter of the network. */
  @Test
  void theNetworkHoldsOnlyAFingerprint() {
    MemoryPool.Builder large =
        MemoryPool.builder().subKeys(4473).valueSize(256).file(folder.resolve("p").toString());
    ComputationGraph graph =
        PoolGraphs.initialised(
            PoolGraphs.twoReaders(DataType.FLOAT, new Adam(1e-2), large, "pool"));
    assertEquals(20, graph.getLayer("pool").numParams());
    assertEquals(
        graph.numParams() * 2 - 40,
        graph.getUpdater().getStateViewArray().length(),
        "Adam's state of the others");
    assertTrue(graph.summary().contains("F:{1,20}"), graph.summary());
    assertEquals(false, Files.exists(folder.resolve("p")), "created before it is used");
  }

  @ParameterizedTest
  @EnumSource(ValueStorage.class)
  void restoredContinuesBitEqualInEveryStorage(ValueStorage storage) throws IOException {
    ComputationGraph graph = FilePools.graph(pool().storage(storage));
    FilePools.train(graph, 0, 3);
    Path copy = Files.createDirectory(folder.resolve("copy")).resolve("model.zip");
    PoolFiles.saveCopy(graph, copy);
    ComputationGraph restored = PoolFiles.restore(copy);
    RowSparseTraining.attach(restored);
    FilePools.train(graph, 3, 6);
    FilePools.train(restored, 3, 6);
    FilePools.sameFiles(graph, restored);
    assertNotEquals(
        FilePools.table(graph).file().fingerprint().stamp().file(),
        FilePools.table(restored).file().fingerprint().stamp().file());
    INDArray rows = FilePools.values(graph);
    FilePools.train(restored, 6, 7);
    AssertClose.same("independent", Elements.doubles(rows), FilePools.values(graph));
    PoolFiles.close(graph);
    PoolFiles.close(restored);
  }

  @Test
  void aCopyNeedsAFreePlace() throws IOException {
    ComputationGraph graph = saved();
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> PoolFiles.saveCopy(graph, folder.resolve("other.zip")));
    assertTrue(e.getMessage().contains("facts.pool, which exists"), e.getMessage());
    FilePools.train(graph, 2, 3);
    PoolFiles.close(graph);
  }

  /** A journal that lies where the copy goes, without its file, is none of the copy's. */
  @Test
  void aCopyOverAnOldJournal() throws IOException {
    ComputationGraph graph = saved();
    Path copy = Files.createDirectory(folder.resolve("copy"));
    Files.copy(
        PoolClaim.journalOf(folder.resolve("facts.pool")),
        PoolClaim.journalOf(copy.resolve("facts.pool")));
    PoolFiles.saveCopy(graph, copy.resolve("model.zip"));
    ComputationGraph restored = PoolFiles.restore(copy.resolve("model.zip"));
    FilePools.sameFiles(graph, restored);
    PoolFiles.close(graph);
    PoolFiles.close(restored);
  }

  @Test
  void restoredInAnotherFolder() throws IOException {
    ComputationGraph graph = saved();
    INDArray rows = FilePools.values(graph);
    PoolFiles.close(graph);
    Path other = Files.createDirectory(folder.resolve("other"));
    Files.move(folder.resolve("facts.pool"), other.resolve("facts.pool"));
    ComputationGraph restored = PoolFiles.restore(zip(), other);
    AssertClose.same("rows", Elements.doubles(rows), FilePools.values(restored));
    PoolFiles.save(restored, other.resolve("model.zip"));
    PoolFiles.close(restored);
    PoolFiles.close(PoolFiles.restore(other.resolve("model.zip")));
  }

  @Test
  void transferLearningTakesTheFileOver() throws IOException {
    ComputationGraph graph = saved();
    FilePools.train(graph, 2, 3);
    INDArray rows = FilePools.values(graph);
    PoolFiles.close(graph);
    ComputationGraph other =
        new TransferLearning.GraphBuilder(graph).nOutReplace("out", 2, WeightInit.XAVIER).build();
    AssertClose.same("rows", Elements.doubles(rows), FilePools.values(other));
    PoolFiles.close(other);
  }

  @Test
  void frozenPool() throws IOException {
    ComputationGraph graph = saved();
    INDArray rows = FilePools.values(graph);
    PoolFiles.close(graph);
    ComputationGraph frozen =
        new TransferLearning.GraphBuilder(graph).setFeatureExtractor("pool").build();
    assertInstanceOf(FrozenLayer.class, frozen.getLayer("pool"));
    INDArray reader = frozen.getLayer("memory1").params().dup();
    FilePools.train(frozen, 2, 4);
    assertNotEquals(reader, frozen.getLayer("memory1").params());
    PoolFiles.save(frozen, zip());
    PoolFiles.close(frozen);
    ComputationGraph restored = PoolFiles.restore(zip());
    MemoryPoolRuntime pool =
        (MemoryPoolRuntime) ((FrozenLayer) restored.getLayer("pool")).getUnderlying();
    INDArray values = FilePools.all(pool.fileTables().iterator().next().file()).values().values();
    AssertClose.same("rows", Elements.doubles(rows), values);
    PoolFiles.close(restored);
  }

  /** A gradient that is only looked at changes nothing, and is not applied later. */
  @Test
  void gradientsAloneChangeNothing() throws IOException {
    ComputationGraph graph = saved();
    INDArray rows = FilePools.values(graph);
    DataSet batch = PoolGraphs.batch(DataType.FLOAT, 7);
    graph.setInputs(batch.getFeatures());
    graph.setLabels(batch.getLabels());
    graph.computeGradientAndScore();
    graph.computeGradientAndScore();
    graph.score(batch);
    AssertClose.same("rows", Elements.doubles(rows), FilePools.values(graph));
    assertEquals(0, graph.gradient().getGradientFor("pool_F").amaxNumber().doubleValue());
    PoolFiles.close(graph);
  }

  @Test
  void noOpLeavesTheFileAsItIs() throws IOException {
    ComputationGraph graph =
        FilePools.graph(FilePools.pool(folder.resolve("facts.pool"), new NoOp()));
    FilePools.train(graph, 0, 1);
    INDArray rows = FilePools.values(graph);
    FilePools.train(graph, 1, 3);
    AssertClose.same("rows", Elements.doubles(rows), FilePools.values(graph));
    PoolFiles.close(graph);
  }

  /** The readers' queries are trained too, so the distance grows with the steps. */
  @ParameterizedTest
  @EnumSource(ValueStorage.class)
  void everyStorageLearns(ValueStorage storage) {
    ComputationGraph memory = FilePools.graph(PoolGraphs.pool().valuesUpdater(new Adam(1e-2)));
    ComputationGraph file = FilePools.graph(pool().storage(storage));
    FilePools.copy(memory, file);
    DataSet batch = PoolGraphs.batch(DataType.FLOAT, 3);
    double before = file.score(batch);
    for (int i = 0; i < 60; i++) {
      memory.fit(batch);
      file.fit(batch);
    }
    double after = file.score(batch);
    assertTrue(after < 0.5 * before, storage + ": score " + before + ", then " + after);
    double distance = Math.abs(after - memory.score(batch));
    double allowed =
        switch (storage) {
          case FLOAT32 -> 0;
          case BFLOAT16 -> 0.02;
          case INT8 -> 0.06;
        };
    assertTrue(distance <= allowed * before, storage + ": distance from float32 " + distance);
    PoolFiles.close(file);
  }
}
