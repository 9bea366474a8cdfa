package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** The examples of docs/how-to/large-pool.md are this code, with fewer slots and other paths. */
class LargePoolPageTest {

  @TempDir Path folder;

  @Test
  void examplesOfThePageWork() throws IOException {
    DataSet data = new DataSet(Nd4j.rand(DataType.FLOAT, 10, 20), Nd4j.eye(10));
    // page begin
    MemoryPool pool =
        MemoryPool.builder()
            .subKeys(101) // 10,201 slots
            .valueSize(256)
            .file(folder.resolve("facts.pool").toString())
            .storage(ValueStorage.INT8)
            .valuesUpdater(new Sgd(0.5))
            .build();
    GraphBuilder graph =
        new NeuralNetConfiguration.Builder()
            .updater(new Adam(1e-3))
            .graphBuilder()
            .addInputs("in")
            .setInputTypes(InputType.feedForward(20))
            .addLayer("pool", pool, "in");
    PooledMemory.builder().build().addTo(graph, "memory", "in", "pool");
    graph
        .addLayer(
            "out",
            new OutputLayer.Builder().nOut(10).activation(Activation.SOFTMAX).build(),
            "memory")
        .setOutputs("out");
    ComputationGraph network = new ComputationGraph(graph.build());
    network.init();
    network.fit(data);
    PoolFiles.save(network, folder.resolve("model.zip"));
    PoolFiles.close(network);
    // page end
    ComputationGraph restored = PoolFiles.restore(folder.resolve("model.zip"));
    double before = restored.score(data);
    for (int i = 0; i < 60; i++) {
      restored.fit(data);
    }
    double after = restored.score(data);
    assertTrue(after < 0.9 * before, "score " + before + " before, " + after + " after");
    Files.createDirectory(folder.resolve("backup"));
    PoolFiles.saveCopy(restored, folder.resolve("backup/model.zip"));
    PoolFiles.close(restored);
    ComputationGraph copy = PoolFiles.restore(folder.resolve("backup/model.zip"));
    assertEquals(after, copy.score(data));
    PoolFiles.close(copy);
  }

  @Test
  void exampleStandsOnThePage() throws IOException {
    String page = Files.readString(Path.of("../docs/how-to/large-pool.md"));
    String source =
        Files.readString(
            Path.of("src/test/java/io/github/dl4jmemory/layers/LargePoolPageTest.java"));
    String code =
        source
            .substring(
                source.indexOf("// page begin") + "// page begin".length(),
                source.indexOf("// page end"))
            .replace("subKeys(101) // 10,201 slots", "subKeys(4473) // 20,007,729 slots")
            .replaceAll("folder.resolve\\((\"\\S+?\")\\).toString\\(\\)", "$1")
            .replaceAll("folder.resolve\\((\"\\S+?\")\\)", "Path.of($1)");
    assertTrue(
        squeezed(page).contains(squeezed(code)), "the page's example differs from:\n" + code);
  }

  private static String squeezed(String text) {
    return text.replaceAll("\\s+", "");
  }
}
