package io.github.dl4jmemory.zoo;

import java.util.Arrays;
import java.util.Locale;
import java.util.function.IntFunction;

/**
 * A kind of language model that takes part in a {@link ModelComparison}. All have the multiply-adds
 * per token of the dense one: what a memory or a router takes, the feed-forward layers give.
 */
enum Contender {
  /** Feed-forward layers of shape.hidden. */
  DENSE,
  /** Product-key memories that share a pool, in the place of some feed-forward layers. */
  MEMORY,
  /** Every feed-forward layer a mixture of experts, 2 for a token. */
  MOE;

  private static final int EXPERTS = 16;
  private static final int EXPERTS_OF_A_TOKEN = 2;
  private static final double TOLERANCE = 0.01;

  /** As it is typed. */
  String title() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  static Contender of(String title) {
    return Arrays.stream(values())
        .filter(contender -> contender.title().equals(title))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    Require.message(
                        ModelComparison.OWNER,
                        "--models",
                        "some of " + Arrays.stream(values()).map(Contender::title).toList(),
                        title,
                        "name such models")));
  }

  /** The model of this kind with the dense model's multiply-adds. */
  TokenZooModel model(Settings settings, int vocabulary, double learningRate) {
    IntFunction<TokenZooModel> dense =
        hidden -> DENSE.with(settings, vocabulary, learningRate, hidden);
    IntFunction<TokenZooModel> own = hidden -> with(settings, vocabulary, learningRate, hidden);
    return ofEqualCompute(dense.apply(settings.shape().hidden()).multiplyAddsPerToken(), own);
  }

  private TokenZooModel ofEqualCompute(long target, IntFunction<TokenZooModel> models) {
    long least = models.apply(1).multiplyAddsPerToken();
    long perHidden = models.apply(2).multiplyAddsPerToken() - least;
    long hidden = 1 + Math.round((target - least) / (double) perHidden);
    TokenZooModel model = models.apply(Math.toIntExact(Math.max(1, hidden)));
    double ratio = model.multiplyAddsPerToken() / (double) target;
    Require.that(
        Math.abs(ratio - 1) < TOLERANCE,
        ModelComparison.OWNER,
        title(),
        "the multiply-adds of the dense model",
        ratio + " of them",
        "choose a larger hidden size of the dense model");
    return model;
  }

  private TokenZooModel with(Settings settings, int vocabulary, double learningRate, int hidden) {
    return switch (this) {
      case DENSE -> transformer(settings, vocabulary, learningRate).hidden(hidden).build();
      case MEMORY -> memory(settings, vocabulary, learningRate).hidden(hidden).build();
      case MOE -> moe(settings, vocabulary, learningRate).hidden(hidden).build();
    };
  }

  private static MemoryTransformer.Builder transformer(
      Settings settings, int vocabulary, double learningRate) {
    Settings.Shape shape = settings.shape();
    return MemoryTransformer.builder()
        .vocabulary(vocabulary)
        .context(settings.context())
        .model(shape.model())
        .layers(shape.layers())
        .heads(shape.heads())
        .learningRate(learningRate)
        .schedule(warmup(settings), settings.steps())
        .seed(settings.seed());
  }

  private static MemoryTransformer.Builder memory(
      Settings settings, int vocabulary, double learningRate) {
    Settings.Shape shape = settings.shape();
    return transformer(settings, vocabulary, learningRate)
        .sharedPool(true)
        .memoryHeads(shape.memoryHeads())
        .subKeys(shape.subKeys())
        .keySize(shape.keySize())
        .topK(shape.topK())
        .queryBatchNorm(shape.queryBatchNorm())
        .valueLearningRate(shape.valueLearningRate());
  }

  private static MoeTransformer.Builder moe(
      Settings settings, int vocabulary, double learningRate) {
    Settings.Shape shape = settings.shape();
    return MoeTransformer.builder()
        .vocabulary(vocabulary)
        .context(settings.context())
        .model(shape.model())
        .layers(shape.layers())
        .heads(shape.heads())
        .experts(EXPERTS)
        .topK(EXPERTS_OF_A_TOKEN)
        .learningRate(learningRate)
        .schedule(warmup(settings), settings.steps())
        .seed(settings.seed());
  }

  private static int warmup(Settings settings) {
    return settings.steps() / 20;
  }
}
