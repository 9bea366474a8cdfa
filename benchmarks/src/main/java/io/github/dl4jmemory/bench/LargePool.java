package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.layers.MemoryPool;
import io.github.dl4jmemory.layers.PoolFiles;
import io.github.dl4jmemory.layers.PooledMemory;
import io.github.dl4jmemory.layers.ValueStorage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/**
 * Creates, trains, reads, saves and restores one network with a pool in a file: {@code LargePool
 * FOLDER STORAGE SUBKEYS VALUESIZE TOKENS STEPS}. The last line is one JSON object. The files stay
 * in the folder.
 */
public final class LargePool {
  private static final int FEATURES = 128;
  private static final int LABELS = 16;
  private static final int HEADS = 4;
  private static final int TOP_K = 32;

  private final Path folder;
  private final ValueStorage storage;
  private final long subKeys;
  private final long valueSize;
  private final int tokens;
  private final int steps;
  private final Map<String, Object> figures = new LinkedHashMap<>();

  private LargePool(String[] args) {
    folder = Path.of(args[0]);
    storage = ValueStorage.valueOf(args[1]);
    subKeys = Long.parseLong(args[2]);
    valueSize = Long.parseLong(args[3]);
    tokens = Integer.parseInt(args[4]);
    steps = Integer.parseInt(args[5]);
  }

  private interface Action {
    void run() throws IOException;
  }

  /**
   * Runs once.
   *
   * @param args folder, storage, sub-keys, value size, tokens of a step, steps
   * @throws IOException if a file cannot be written or read
   */
  public static void main(String[] args) throws IOException {
    System.out.println(new LargePool(args).run());
  }

  private String run() throws IOException {
    Nd4j.getRandom().setSeed(7);
    ComputationGraph graph = new ComputationGraph(graph().build());
    graph.init();
    Path zip = folder.resolve("model.zip");
    DataSet warm = batch();
    figures.put("storage", storage);
    figures.put("slots", subKeys * subKeys);
    figures.put("valueSize", valueSize);
    figures.put("tokensAStep", tokens);
    figures.put("accessesAStep", tokens * HEADS * TOP_K);
    time("createSeconds", () -> graph.output(false, warm.getFeatures()));
    figures.put("fileBytes", Files.size(folder.resolve("facts.pool")));
    time("firstSaveSeconds", () -> PoolFiles.save(graph, zip));
    train(graph, 2);
    rate("trainStepsASecond", () -> train(graph, steps));
    rate("readStepsASecond", () -> read(graph));
    time("saveSeconds", () -> PoolFiles.save(graph, zip));
    double score = graph.score(warm);
    PoolFiles.close(graph);
    ComputationGraph[] restored = new ComputationGraph[1];
    time("restoreSeconds", () -> restored[0] = PoolFiles.restore(zip));
    figures.put("restoredEqual", restored[0].score(warm) == score);
    train(restored[0], 2);
    PoolFiles.close(restored[0]);
    figures.put("peakResidentBytes", status("VmHWM"));
    return json();
  }

  private GraphBuilder graph() {
    MemoryPool pool =
        MemoryPool.builder()
            .subKeys(subKeys)
            .valueSize(valueSize)
            .valuesUpdater(new Sgd(0.5))
            .storage(storage)
            .file(folder.resolve("facts.pool").toString())
            .build();
    GraphBuilder graph =
        new NeuralNetConfiguration.Builder()
            .updater(new Sgd(0.1))
            .graphBuilder()
            .addInputs("in")
            .setInputTypes(InputType.feedForward(FEATURES))
            .addLayer("pool", pool, "in");
    PooledMemory.builder().heads(HEADS).topK(TOP_K).build().addTo(graph, "memory", "in", "pool");
    return graph
        .addLayer(
            "out",
            new OutputLayer.Builder(LossFunctions.LossFunction.MSE)
                .nOut(LABELS)
                .activation(Activation.IDENTITY)
                .build(),
            "memory")
        .setOutputs("out");
  }

  private DataSet batch() {
    INDArray features = Nd4j.randn(DataType.FLOAT, tokens, FEATURES);
    return new DataSet(features, Nd4j.randn(DataType.FLOAT, tokens, LABELS));
  }

  private void train(ComputationGraph graph, int count) {
    for (int i = 0; i < count; i++) {
      graph.fit(batch());
    }
  }

  private void read(ComputationGraph graph) {
    for (int i = 0; i < steps; i++) {
      graph.output(false, batch().getFeatures());
    }
  }

  private void time(String name, Action action) throws IOException {
    figures.put(name, seconds(action));
    System.err.println(name + " " + figures.get(name));
  }

  private void rate(String name, Action action) throws IOException {
    figures.put(name, steps / seconds(action));
    System.err.println(name + " " + figures.get(name));
  }

  private static double seconds(Action action) throws IOException {
    long start = System.nanoTime();
    action.run();
    return (System.nanoTime() - start) / 1e9;
  }

  /** Of /proc/self/status, in bytes. */
  private static long status(String field) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith(field + ":")) {
        return 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    throw new IOException("no " + field + " in /proc/self/status");
  }

  private String json() {
    StringJoiner json = new StringJoiner(", ", "{", "}");
    figures.forEach(
        (name, value) ->
            json.add(
                "\""
                    + name
                    + "\": "
                    + (value instanceof Double number
                        ? String.format(Locale.ROOT, "%.3f", number)
                        : value instanceof ValueStorage ? "\"" + value + "\"" : value)));
    return json.toString();
  }
}
