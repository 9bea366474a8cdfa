package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Files;
import java.nio.file.Path;
import org.deeplearning4j.nn.api.OptimizationAlgorithm;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.Sgd;

/** Settings that a pool with a file refuses. */
class FilePoolSettingsTest {

  private static void says(Executable action, String message) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action).getMessage());
  }

  @Test
  void builderRefusals() {
    says(
        () -> PoolGraphs.pool().storage(ValueStorage.INT8).build(),
        "[MemoryPool] storage: expected FLOAT32 for a pool without a file, got INT8. Fix: name a"
            + " file(...).");
    says(
        () -> PoolGraphs.pool().storage(null),
        "[MemoryPool] storage: expected a storage, got null. Fix: use ValueStorage.FLOAT32.");
    says(
        () -> PoolGraphs.pool().file("").build(),
        "[MemoryPool] file: expected the path of a file, got \"\". Fix: use file(\"facts.pool\").");
    says(
        () -> PoolGraphs.pool().file("p").valueSize(1 << 21).build(),
        "[MemoryPool] valueSize: expected 1 to 1048576 for a pool with a file, got 2097152. Fix:"
            + " use smaller values.");
    says(
        () -> PoolGraphs.pool().file("p").shards(2).build(),
        "[MemoryPool] shards: expected 1 for a pool with a file, got 2. Fix: leave out shards(...),"
            + " or file(...).");
    says(
        () -> PoolFiles.close(null),
        "[PoolFiles] network: expected a network, got null. Fix: pass a ComputationGraph or a MultiLayerNetwork.");
  }

  @Test
  void networksOfOtherKinds() {
    says(
        () ->
            PoolGraphs.initialised(
                PoolGraphs.twoReaders(
                    DataType.DOUBLE, new Sgd(0.1), PoolGraphs.pool().file("p"), "pool")),
        "[MemoryPool pool] dataType: expected FLOAT for a table in a file, got DOUBLE. Fix: set"
            + " dataType(DataType.FLOAT) in NeuralNetConfiguration.Builder.");
    says(
        () -> optimisedBy(OptimizationAlgorithm.LBFGS).init(),
        "[MemoryPool pool] optimizationAlgo: expected STOCHASTIC_GRADIENT_DESCENT, which takes no"
            + " step back, for a table in a file, got LBFGS. Fix: leave optimizationAlgo out of"
            + " the network's configuration.");
  }

  /** What works on the network's parameters says so, and opens no file. */
  @Test
  void toolsForTablesThatAreParameters() {
    ComputationGraph graph =
        PoolGraphs.initialised(
            PoolGraphs.twoReaders(
                DataType.FLOAT, new Sgd(0.1), PoolGraphs.pool().file("p"), "pool"));
    says(
        () -> MemoryPool.copyValues(graph.getLayer("pool"), graph.getLayer("pool")),
        "[MemoryPool] from: expected a pool whose table is in the network's parameters, got"
            + " MemoryPool pool, which has a file. Fix: copy the model with its file by"
            + " PoolFiles.saveCopy.");
    says(
        () -> new NetworkObserver(graph, true),
        "[MemoryTelemetry] reviveSubKeys: expected tables that are parameters of the network, got"
            + " MemoryPool pool, which has a file. Fix: leave out reviveSubKeys(...).");
    says(
        () -> EditedTable.all("MemoryEditor", graph),
        "[MemoryEditor] network: expected tables that are one parameter each, got MemoryPool pool,"
            + " which has shards or a file. Fix: edit a network whose pool has neither;"
            + " MemoryPool.copyValues joins shards.");
    assertFalse(Files.exists(Path.of("p")), "a file was made");
  }

  private static ComputationGraph optimisedBy(OptimizationAlgorithm algorithm) {
    return new ComputationGraph(
        new NeuralNetConfiguration.Builder()
            .optimizationAlgo(algorithm)
            .graphBuilder()
            .addInputs("in")
            .setInputTypes(InputType.feedForward(5))
            .addLayer("pool", PoolGraphs.pool().file("p").build(), "in")
            .setOutputs("pool")
            .build());
  }
}
