package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.Elements;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.Adam;

/** What an UltraMem in a file is configured with, begins with, and refuses. */
class TuckerFileSettingsTest {

  @TempDir Path folder;

  private Path file() {
    return folder.resolve("values");
  }

  private static void says(Executable action, String message) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action).getMessage());
  }

  @Test
  void jsonKeepsFileAndStorage() {
    UltraMem.Builder builder = TuckerMemories.first().file("v").storage(ValueStorage.INT8);
    ComputationGraphConfiguration conf =
        Networks.sequenceGraph(builder.build(), RNNFormat.NWC, DataType.FLOAT, new Adam(1e-2))
            .getConfiguration();
    assertEquals(conf, ComputationGraphConfiguration.fromJson(conf.toJson()));
    TuckerMemory memory = builder.build();
    assertEquals("v", memory.getFile());
    assertEquals(ValueStorage.INT8, memory.getStorage());
    assertEquals(memory, TuckerMemories.first().build().withFile("v", ValueStorage.INT8));
    assertNotEquals(memory, memory.withFile("w", ValueStorage.INT8));
    assertNotEquals(memory, memory.withFile("v", ValueStorage.FLOAT32));
    assertEquals(TuckerMemories.first().build(), memory.withFile(null, ValueStorage.FLOAT32));
    assertFalse(Files.exists(Path.of("v")), "a file was made before it is used");
  }

  /**
   * 1789² slots of 1024 values, 13 GB, are no matter of the network; in memory they are refused.
   */
  @Test
  void theNetworkHoldsOnlyFingerprints() {
    TuckerMemory large =
        UltraMem.builder().nOut(5).subKeys(1789).keySize(6).topK(3).valueSize(1024).build();
    large.setNIn(InputType.recurrent(Networks.IN, RNNFormat.NWC), true);
    says(
        () -> TuckerFiles.graph(large),
        "[UltraMem memory] subKeys: expected a table of fewer than 2^28 values, the most that DL4J"
            + " saves and restores with Adam state, got 3200521 slots of 1024 values. Fix: use fewer"
            + " slots or smaller values, or keep the table of a MemoryPool or UltraMem in a file(...).");
    ComputationGraph graph = TuckerFiles.graph(large, file());
    assertEquals(20, graph.getLayer("memory").getParam("FV").length());
    assertTrue(graph.numParams() < 400_000, "parameters: " + graph.numParams());
    assertTrue(graph.getUpdater().getStateViewArray().length() < 800_000, "Adam's state");
    assertFalse(Files.exists(file()), "created before it is used");
    assertEquals(
        large.parameterCount(),
        large.withFile("v", ValueStorage.INT8).parameterCount(),
        "parameters, wherever they are");
    assertTrue(large.parameterCount() > 1789L * 1789 * 1024);
  }

  /** The deviations of tables in memory, and the same values for the same seed. */
  @Test
  void newTables() {
    TuckerMemory[] both = {
      TuckerMemories.first().subKeys(61).build(), TuckerMemories.second().subKeys(61).build()
    };
    for (TuckerMemory memory : both) {
      ComputationGraph plain = TuckerFiles.graph(memory);
      ComputationGraph[] graphs = new ComputationGraph[2];
      for (int i = 0; i < 2; i++) {
        Path path = folder.resolve(memory.getClass().getSimpleName() + i);
        graphs[i] = TuckerFiles.graph(memory, path);
        graphs[i].outputSingle(TuckerFiles.batch(1 + i).getFeatures());
      }
      List<INDArray> rows = TuckerFiles.rows(graphs[0]);
      assertEquals(rows, TuckerFiles.rows(graphs[1]));
      for (int i = 0; i < rows.size(); i++) {
        INDArray table = TuckerFiles.memory(plain).getParam(i == 0 ? "V" : "P");
        double deviation = table.stdNumber().doubleValue();
        assertEquals(deviation, rows.get(i).stdNumber().doubleValue(), 0.05 * deviation);
        assertEquals(0, rows.get(i).meanNumber().doubleValue(), 0.05 * deviation);
      }
      PoolFiles.close(graphs[0]);
      PoolFiles.close(graphs[1]);
    }
  }

  @Test
  void refusals() {
    says(
        () -> TuckerMemories.first().storage(ValueStorage.INT8).build(),
        "[UltraMem] storage: expected FLOAT32 for a memory without a file, got INT8. Fix: name a"
            + " file(...).");
    says(
        () -> TuckerMemories.first().storage(null),
        "[UltraMem] storage: expected a storage, got null. Fix: use ValueStorage.FLOAT32.");
    says(
        () -> TuckerMemories.second().file("").build(),
        "[UltraMemV2] file: expected the path of a file, got \"\". Fix: use file(\"facts.pool\").");
    says(
        () -> TuckerMemories.first().build().withFile(null, ValueStorage.INT8),
        "[UltraMem] storage: expected FLOAT32 for a memory without a file, got INT8. Fix: name a"
            + " file(...).");
    says(
        () -> TuckerFiles.graph(TuckerMemories.first().valueSize(1 << 21).file("v").build()),
        "[UltraMem memory] valueSize: expected 1 to 1048576 for a memory with a file, got 2097152."
            + " Fix: use smaller values.");
    says(
        () -> Networks.forGradients(TuckerMemories.first().file("v").build()),
        "[UltraMem layer1] dataType: expected FLOAT for a table in a file, got DOUBLE. Fix: set"
            + " dataType(DataType.FLOAT) in NeuralNetConfiguration.Builder.");
    SameDiff sd = SameDiff.create();
    UnsupportedOperationException e =
        assertThrows(
            UnsupportedOperationException.class,
            () ->
                TuckerMemories.first()
                    .nIn(5)
                    .file("v")
                    .build()
                    .addTo(sd, "memory", sd.placeHolder("x", DataType.FLOAT, -1, 5)));
    assertEquals(
        "[UltraMem] sd: expected a network, for a memory with a file, got a SameDiff graph. Fix:"
            + " leave out file(...).",
        e.getMessage());
  }

  private ComputationGraph saved() throws IOException {
    ComputationGraph graph = TuckerFiles.graph(TuckerMemories.second().build(), file());
    TuckerFiles.train(graph, 0, 2);
    PoolFiles.save(graph, folder.resolve("model.zip"));
    return graph;
  }

  private ComputationGraph restored() throws IOException {
    return PoolFiles.restore(folder.resolve("model.zip"));
  }

  /** One of two files is missing or cut off: neither is in use then. */
  @Test
  void filesThatAreNotThoseOfTheModel() throws IOException {
    ComputationGraph graph = saved();
    List<INDArray> rows = TuckerFiles.rows(graph);
    PoolFiles.close(graph);
    Path pre = folder.resolve("values.pre");
    Path kept = Files.move(pre, folder.resolve("kept"));
    says(
        this::restored,
        "[UltraMemV2 memory] file: expected the pool file, got no file "
            + pre
            + ". Fix: put the file there, or PoolFiles.restore(zip, folder) with the folder where it"
            + " is.");
    byte[] all = Files.readAllBytes(kept);
    Files.write(pre, java.util.Arrays.copyOf(all, all.length - 1));
    says(
        this::restored,
        "[UltraMemV2 memory] file values.pre: expected "
            + all.length
            + " bytes, got "
            + (all.length - 1)
            + ": the file is not whole. Fix: copy the file again.");
    Files.copy(file(), pre, StandardCopyOption.REPLACE_EXISTING);
    says(
        this::restored,
        "[UltraMemV2 memory] file values.pre: expected 25 rows of 3 values, FLOAT32, with Adam's"
            + " moments, as the model is configured, got 50 rows of 2 values, FLOAT32, with Adam's"
            + " moments. Fix: restore the model that the file was saved with.");
    Files.move(kept, pre, StandardCopyOption.REPLACE_EXISTING);
    ComputationGraph restored = restored();
    assertEquals(rows, TuckerFiles.rows(restored));
    PoolFiles.close(restored);
  }

  @Test
  void aFileInUseOrClosed() throws IOException {
    ComputationGraph graph = saved();
    String message =
        "[UltraMemV2 memory] file: expected a pool file that no other network uses, got "
            + file().toRealPath()
            + ", open in another layer or network of this JVM. Fix: PoolFiles.save(network, zip) and"
            + " PoolFiles.close(network) there; for a second network, PoolFiles.saveCopy(network,"
            + " zip) and restore the copy.";
    says(graph::clone, message);
    says(this::restored, message);
    TuckerFiles.train(graph, 2, 3);
    PoolFiles.close(graph);
    IllegalStateException e =
        assertThrows(IllegalStateException.class, () -> TuckerFiles.train(graph, 3, 4));
    assertEquals(
        "[UltraMemV2 memory] file: expected an open pool file, got "
            + file()
            + ".pre, closed by PoolFiles.close. Fix: restore the model.",
        e.getMessage());
  }

  @Test
  void parametersOfAnotherModel() throws IOException {
    ComputationGraph graph = saved();
    double[] output = Elements.doubles(graph.outputSingle(TuckerFiles.batch(5).getFeatures()));
    INDArray zeros = TuckerFiles.memory(graph).getParam("FP").mul(0);
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> TuckerFiles.memory(graph).setParam("FP", zeros));
    assertTrue(
        e.getMessage().startsWith("[UltraMemV2 memory] FP: expected the fingerprint of the open"),
        e.getMessage());
    assertEquals(output[0], graph.outputSingle(TuckerFiles.batch(5).getFeatures()).getDouble(0), 0);
    PoolFiles.close(graph);
  }
}
