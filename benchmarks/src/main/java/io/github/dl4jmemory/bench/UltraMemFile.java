package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.layers.PoolFiles;
import io.github.dl4jmemory.layers.ValueStorage;
import io.github.dl4jmemory.zoo.UltraMemTransformer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Makes UltraMem-151M-x12 with its value tables in files, decodes with it, one token at a time, and
 * then trains it for two steps: {@code UltraMemFile FOLDER STORAGE TOKENS}. Tokens are random, so
 * that the rows of a step are not those of the step before. The last line is one JSON object. The
 * files stay in the folder.
 */
public final class UltraMemFile {
  private static final int VOCABULARY = 32_000;
  private static final int FIRST_TOKENS = 8; // not timed
  private static final int TRAINED_TOKENS = 32;

  private UltraMemFile() {}

  /**
   * Runs once.
   *
   * @param args folder, storage, tokens to time
   * @throws IOException if the files cannot be looked at
   */
  public static void main(String[] args) throws IOException {
    Path folder = Path.of(args[0]);
    int tokens = Integer.parseInt(args[2]);
    UltraMemTransformer model =
        UltraMemTransformer.paper151M(VOCABULARY)
            .file(folder.resolve("values").toString(), ValueStorage.valueOf(args[1]))
            .build();
    long start = System.nanoTime();
    ComputationGraph network = model.init();
    double initSeconds = seconds(start);
    start = System.nanoTime();
    Random random = new Random(1);
    decode(network, random, 1);
    double createSeconds = seconds(start);
    decode(network, random, FIRST_TOKENS);
    start = System.nanoTime();
    decode(network, random, tokens);
    double tokensASecond = tokens / seconds(start);
    long peakResident = peakResident();
    train(network, random);
    start = System.nanoTime();
    train(network, random);
    double trainSeconds = seconds(start);
    PoolFiles.close(network);
    System.out.printf(
        Locale.ROOT,
        "{\"storage\": \"%s\", \"parameters\": %d, \"inNetwork\": %d, \"fileBytes\": %d,"
            + " \"initSeconds\": %.1f, \"createSeconds\": %.1f, \"tokens\": %d,"
            + " \"tokensASecond\": %.2f, \"peakResidentBytes\": %d, \"trainedTokens\": %d,"
            + " \"trainSeconds\": %.1f, \"trainPeakResidentBytes\": %d}%n",
        args[1],
        model.parameterCount(),
        network.numParams(),
        fileBytes(folder),
        initSeconds,
        createSeconds,
        tokens,
        tokensASecond,
        peakResident,
        TRAINED_TOKENS,
        trainSeconds,
        peakResident());
  }

  private static void decode(ComputationGraph network, Random random, int tokens) {
    for (int i = 0; i < tokens; i++) {
      INDArray id = Nd4j.createFromArray(new int[][] {{random.nextInt(VOCABULARY)}});
      double sum = network.rnnTimeStep(id)[0].sumNumber().doubleValue();
      if (!(Math.abs(sum - 1) < 1e-3)) {
        throw new IllegalStateException("probabilities of the next token sum to " + sum);
      }
    }
  }

  private static void train(ComputationGraph network, Random random) {
    float[] ids = new float[TRAINED_TOKENS];
    float[] next = new float[TRAINED_TOKENS];
    for (int t = 0; t < TRAINED_TOKENS; t++) {
      ids[t] = t == 0 ? 1 : next[t - 1];
      next[t] = random.nextInt(VOCABULARY);
    }
    network.fit(new DataSet(row(ids), row(next)));
    if (!Double.isFinite(network.score())) {
      throw new IllegalStateException("the loss is " + network.score());
    }
  }

  private static INDArray row(float[] numbers) {
    return Nd4j.createFromArray(numbers).reshape(1, numbers.length);
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  private static long fileBytes(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> all = files.toList();
      long bytes = 0;
      for (Path file : all) {
        bytes += Files.size(file);
      }
      return bytes;
    }
  }

  private static long peakResident() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    throw new IOException("no VmHWM in /proc/self/status");
  }
}
