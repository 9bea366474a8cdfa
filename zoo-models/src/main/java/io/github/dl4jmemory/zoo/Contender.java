package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.IntervalMarks;
import io.github.dl4jmemory.layers.SeparatorAttention;
import io.github.dl4jmemory.layers.SeparatorMarks;
import io.github.dl4jmemory.layers.TokenMark;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * A kind of language model that takes part in a {@link ModelComparison}. Those with other
 * feed-forward parts have the multiply-adds per token of the dense one: what a memory or a router
 * takes, the feed-forward layers give. Those with other attention have its parameters.
 */
enum Contender {
  /** Feed-forward layers of shape.hidden, dense attention. */
  DENSE,
  /** Product-key memories that share a pool, in the place of some feed-forward layers. */
  MEMORY,
  /** Every feed-forward layer a mixture of experts, 2 for a token. */
  MOE,
  /** Half as many UltraMems as blocks, each added one block later. */
  ULTRAMEM,
  /** An UltraMemV2 beside every feed-forward layer. */
  ULTRAMEM_V2,
  /** Attention to the first tokens, separators and the last 64 tokens. */
  SEPARATOR_64(Contender.WINDOW),
  /** The same with 128. */
  SEPARATOR_128(128),
  /** As SEPARATOR_64, but the first block attends to all. */
  SEPARATOR_64_H(Contender.WINDOW, Full.FIRST),
  /** As SEPARATOR_64, but the first and the last block attend to all. */
  SEPARATOR_64_HT(Contender.WINDOW, Full.FIRST, Full.LAST),
  /** Attention to the first tokens and the last 64. */
  STREAMING_64(Contender.WINDOW, Full.NO_SEPARATORS),
  /** As SEPARATOR_64, with tokens at fixed intervals, as many, in the place of separators. */
  FIX_64(Contender.WINDOW, Full.INTERVALS);

  /** What an attention with a window leaves out of that, or has in the place of separators. */
  private enum Full {
    FIRST,
    LAST,
    NO_SEPARATORS,
    INTERVALS
  }

  private static final int EXPERTS = 16;
  private static final int EXPERTS_OF_A_TOKEN = 2;
  static final int INITIAL = 3;
  static final int WINDOW = 64; // of those that intervals are compared with

  private static final int IN_NO_TEXT = 0; // the tokenizer's end of a text
  private static final double TOLERANCE = 0.01;

  private final int window; // 0: dense attention
  private final List<Full> exceptions;

  Contender() {
    this(0);
  }

  Contender(int window, Full... exceptions) {
    this.window = window;
    this.exceptions = List.of(exceptions);
  }

  /** As it is typed. */
  String title() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** Whether it has the parameters of the dense one, and differs by its attention alone. */
  boolean isOfAttention() {
    return window > 0 || this == DENSE;
  }

  /** Whether the marks are at intervals. */
  boolean isAtIntervals() {
    return exceptions.contains(Full.INTERVALS);
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

  /** The model of this kind. */
  TokenZooModel model(Settings settings, Vocabulary vocabulary, double learningRate) {
    IntFunction<TokenZooModel> own = hidden -> with(settings, vocabulary, learningRate, hidden);
    int hidden = settings.shape().hidden();
    if (isOfAttention()) {
      return own.apply(hidden);
    }
    long target = DENSE.with(settings, vocabulary, learningRate, hidden).multiplyAddsPerToken();
    return ofEqualCompute(target, own);
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

  private TokenZooModel with(
      Settings settings, Vocabulary vocabulary, double learningRate, int hidden) {
    return switch (this) {
      case MOE -> moe(settings, vocabulary, learningRate).hidden(hidden).build();
      case ULTRAMEM, ULTRAMEM_V2 ->
          new UltraMemContender(settings)
              .model(this == ULTRAMEM_V2, vocabulary.size(), learningRate, hidden);
      case MEMORY -> memory(settings, vocabulary, learningRate).hidden(hidden).build();
      default -> transformer(settings, vocabulary, learningRate).hidden(hidden).build();
    };
  }

  private MemoryTransformer.Builder transformer(
      Settings settings, Vocabulary vocabulary, double learningRate) {
    Settings.Shape shape = settings.shape();
    MemoryTransformer.Builder builder =
        MemoryTransformer.builder()
            .vocabulary(vocabulary.size())
            .context(settings.context())
            .model(shape.model())
            .layers(shape.layers())
            .heads(shape.heads())
            .learningRate(learningRate)
            .schedule(warmup(settings), settings.steps())
            .seed(settings.seed());
    if (isAtIntervals()) {
      builder.intervalAttention(vocabulary.interval(), INITIAL, windows(shape.layers()));
    } else if (window > 0) {
      builder.separatorAttention(separators(vocabulary), INITIAL, windows(shape.layers()));
    }
    return builder;
  }

  /** A trained dense network with this attention in the place of its own. */
  ComputationGraph inPlaceOfDense(ComputationGraph dense, Vocabulary vocabulary, int layers) {
    TokenMark marks =
        isAtIntervals()
            ? IntervalMarks.builder().interval(vocabulary.interval()).initial(INITIAL).build()
            : SeparatorMarks.builder().separators(separators(vocabulary)).build();
    return SeparatorAttention.replaceDense(dense, marks, INITIAL, windows(layers));
  }

  private int[] separators(Vocabulary vocabulary) {
    return exceptions.contains(Full.NO_SEPARATORS)
        ? new int[] {IN_NO_TEXT}
        : vocabulary.separators();
  }

  /** The window of each block; 0 for all tokens. */
  private int[] windows(int layers) {
    int[] windows = new int[layers];
    Arrays.fill(windows, window);
    if (exceptions.contains(Full.FIRST)) {
      windows[0] = 0;
    }
    if (exceptions.contains(Full.LAST)) {
      windows[layers - 1] = 0;
    }
    return windows;
  }

  /** Of the pairs of a token and one before it, or itself, in these rows: the share attended to. */
  double attended(List<int[]> rows, Vocabulary vocabulary, int layers) {
    VisibleTokens visible =
        isAtIntervals()
            ? VisibleTokens.intervals(INITIAL, vocabulary.interval())
            : VisibleTokens.separators(INITIAL, separators(vocabulary));
    return visible.share(rows, windows(layers));
  }

  /**
   * Multiply-adds of a forward pass, with the separators of a text.
   *
   * @param attended the share of the attention map that is seen, and costs
   */
  long multiplyAddsPerToken(Settings settings, Vocabulary vocabulary, double attended) {
    if (!isOfAttention()) {
      return model(settings, vocabulary, 1).multiplyAddsPerToken();
    }
    Settings.Shape shape = settings.shape();
    long dense = DENSE.model(settings, vocabulary, 1).multiplyAddsPerToken();
    long attention = shape.layers() * shape.model() * (settings.context() + 1L);
    return dense - Math.round(attention * (1 - attended));
  }

  private MemoryTransformer.Builder memory(
      Settings settings, Vocabulary vocabulary, double learningRate) {
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
      Settings settings, Vocabulary vocabulary, double learningRate) {
    Settings.Shape shape = settings.shape();
    return MoeTransformer.builder()
        .vocabulary(vocabulary.size())
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

  static int warmup(Settings settings) {
    return settings.steps() / 20;
  }
}
