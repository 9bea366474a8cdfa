package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.zoo.Settings.Shape;
import java.util.List;

/**
 * A dense and a memory model of equal compute per token: their multiply-adds differ by under 2%.
 * The memories share one pool and stand at the places of {@link MemoryTransformer#centredBlocks}.
 */
final class ModelPair {
  static final String DENSE = "dense";
  static final String MEMORY = "memory";
  static final List<String> NAMES = List.of(DENSE, MEMORY);

  private final Settings settings;
  private final int vocabulary;
  private final int context;
  private final int denseHidden;

  ModelPair(Settings settings, int vocabulary, int context) {
    this.settings = settings;
    this.vocabulary = vocabulary;
    this.context = context;
    Shape shape = settings.shape();
    long target = model(MEMORY, 1).multiplyAddsPerToken();
    long without = base(1).hidden(1).build().multiplyAddsPerToken();
    long perHidden = 3L * shape.model() * shape.layers();
    denseHidden =
        Math.toIntExact(Math.max(1, Math.round(1 + (target - without) / (double) perHidden)));
    double ratio = model(DENSE, 1).multiplyAddsPerToken() / (double) target;
    Require.that(
        Math.abs(ratio - 1) < 0.02,
        "main job",
        "models",
        "multiply-adds per token within 2% of each other",
        "dense / memory = " + ratio,
        "choose a larger hidden size");
  }

  MemoryTransformer model(String name, double learningRate) {
    Shape shape = settings.shape();
    MemoryTransformer.Builder builder = base(learningRate);
    return name.equals(DENSE)
        ? builder.hidden(denseHidden).build()
        : builder.hidden(shape.hidden()).sharedPool(true).build();
  }

  private MemoryTransformer.Builder base(double learningRate) {
    Shape shape = settings.shape();
    int steps = Math.max(1, settings.steps());
    return MemoryTransformer.builder()
        .vocabulary(vocabulary)
        .context(context)
        .model(shape.model())
        .layers(shape.layers())
        .heads(shape.heads())
        .memoryHeads(shape.memoryHeads())
        .subKeys(shape.subKeys())
        .keySize(shape.keySize())
        .topK(shape.topK())
        .queryBatchNorm(shape.queryBatchNorm())
        .learningRate(learningRate)
        .valueLearningRate(shape.valueLearningRate())
        .schedule(steps / 20, steps)
        .seed(settings.seed());
  }
}
