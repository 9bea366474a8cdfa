package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.MemoryTelemetry;
import io.github.dl4jmemory.layers.PoolUsage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * Trains the main job's memory model on its biographies with and without revival of sub-keys, and
 * prints what it recalls and which slots it reads: {@code RevivalTrial PEOPLE EXPOSURES SUB_KEYS
 * SEED...}.
 */
final class RevivalTrial {
  private static final int BATCH = 32;
  private static final int EVERY = 50;

  private RevivalTrial() {}

  public static void main(String... arguments) throws IOException {
    int people = Integer.parseInt(arguments[0]);
    int exposures = Integer.parseInt(arguments[1]);
    int subKeys = Integer.parseInt(arguments[2]);
    for (int i = 3; i < arguments.length; i++) {
      long seed = Long.parseLong(arguments[i]);
      train(people, exposures, subKeys, seed, false);
      train(people, exposures, subKeys, seed, true);
    }
  }

  private static void train(int people, int exposures, int subKeys, long seed, boolean revive)
      throws IOException {
    Biographies biographies = Biographies.of(people, seed);
    try (ByteLevelBpe tokens = ByteLevelBpe.train(biographies.sentences(), 2048)) {
      BiographyData data = new BiographyData(biographies, tokens, BATCH, seed);
      int steps = data.steps(exposures);
      MemoryTransformer model =
          MemoryTransformer.builder()
              .vocabulary(tokens.vocabularySize())
              .context(data.context())
              .model(40)
              .layers(1)
              .heads(4)
              .hidden(1)
              .memoryBlocks(0)
              .memoryHeads(2)
              .subKeys(subKeys)
              .keySize(32)
              .topK(32)
              .learningRate(8e-3)
              .valueLearningRate(5e-3)
              .schedule(steps / 20, steps)
              .seed(seed)
              .build();
      ComputationGraph network = model.init();
      List<PoolUsage> reports = new ArrayList<>();
      MemoryTelemetry.Builder telemetry =
          MemoryTelemetry.builder().every(EVERY).window(2 * EVERY).to(reports::add);
      network.addListeners((revive ? telemetry.reviveSubKeys(seed) : telemetry).build());
      new Trainer(data, steps, () -> false).train(network, Progress.start(), (p, loss) -> {});
      print(seed, revive, steps, network, data, reports);
    }
  }

  private static void print(
      long seed,
      boolean revive,
      int steps,
      ComputationGraph network,
      BiographyData data,
      List<PoolUsage> reports) {
    Assessment assessment = Assessment.of(network, data);
    PoolUsage last = reports.get(reports.size() - 1);
    System.out.printf(
        Locale.ROOT,
        "seed %d revival %s steps %d recall %.4f loss %.4f slots read %.4f entropy %.4f revived %d"
            + " dead at the end %.4f%n",
        seed,
        revive,
        steps,
        assessment.scores().get(Assessment.RECALL),
        assessment.loss(),
        assessment.scores().get("share of slots read"),
        assessment.scores().get("entropy of slot use (1 is even)"),
        reports.stream().mapToInt(PoolUsage::revivedSubKeys).sum(),
        last.deadSlots() / (double) last.slots());
    reports.stream()
        .filter(r -> (r.iteration() + 1) % 500 == 0)
        .forEach(r -> System.out.println("  " + r.line()));
  }
}
