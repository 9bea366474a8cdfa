package io.github.dl4jmemory.zoo;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.dl4jmemory.layers.CacheRule;
import io.github.dl4jmemory.layers.SeparatorAttention;
import io.github.dl4jmemory.layers.SeparatorCacheSettings;
import io.github.dl4jmemory.layers.SeparatorMarks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * All books through one trained model with one cache.
 *
 * @param trial the training of the model
 * @param cache null: all that its attention sees of a text, so that it grows
 * @param limit tokens of a book at most; 0 for all
 */
record BookStream(ComparedTrial.Result trial, SeparatorCacheSettings cache, int limit, int chunk) {

  /**
   * What was measured, as it is kept in a file.
   *
   * @param settings of the training of the model
   * @param cache its name
   * @param cacheSettings null where all is kept
   * @param limit tokens of a book at most; 0 for all
   */
  record Result(
      Settings settings,
      String model,
      double learningRate,
      String cache,
      SeparatorCacheSettings cacheSettings,
      int limit,
      BookScore score,
      List<StreamedBook> books) {}

  /** As files and pages call it. */
  private String cacheTitle() {
    if (cache == null) {
      return "all";
    }
    return cache.rule() == CacheRule.STREAMING_LLM
        ? "streaming-llm"
        : "separators-" + cache.separators();
  }

  Path file(Path folder) {
    long seed = trial.settings().seed();
    return folder.resolve(
        "books-" + trial.model() + "-" + cacheTitle() + "-seed-" + seed + ".json");
  }

  /** Reads the books and leaves the file; nothing where there is one, or when stopped. */
  void run(
      Path folder,
      FinishedTrials trials,
      Map<String, int[]> books,
      ByteLevelBpe tokenizer,
      BooleanSupplier stop)
      throws IOException {
    if (Files.exists(file(folder))) {
      return;
    }
    ComputationGraph network = network(trials);
    List<StreamedBook> read = new ArrayList<>();
    for (Map.Entry<String, int[]> book : books.entrySet()) {
      if (stop.getAsBoolean()) {
        return;
      }
      int[] ids = book.getValue();
      int[] some = limit > 0 && limit + 1 < ids.length ? Arrays.copyOf(ids, limit + 1) : ids;
      read.add(StreamedBook.read(network, book.getKey(), some, tokenizer, chunk));
    }
    write(folder, read);
  }

  /** The trained network with this cache. */
  private ComputationGraph network(FinishedTrials trials) throws IOException {
    ComputationGraph network = trials.load(trial);
    if (Contender.of(trial.model()) == Contender.DENSE) {
      int[] separators = trials.separators().ids();
      SeparatorMarks marks = SeparatorMarks.builder().separators(separators).build();
      network = SeparatorAttention.replaceDense(network, marks, 0, 0);
    }
    if (cache != null) {
      SeparatorAttention.setCaches(network, cache);
    }
    return network;
  }

  private void write(Path folder, List<StreamedBook> books) throws IOException {
    BookScore score = BookScore.of(books);
    Result result =
        new Result(
            trial.settings(),
            trial.model(),
            trial.report().learningRate(),
            cacheTitle(),
            cache,
            limit,
            score,
            books);
    byte[] json = new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(result);
    AtomicFiles.write(file(folder), out -> out.write(json));
    System.out.printf(
        Locale.ROOT,
        "%s, %s: perplexity %.3f ± %.3f per token, %.0f tokens/s, %d bytes of cache%n",
        trial.model(),
        cacheTitle(),
        score.perToken(),
        score.perTokenError(),
        score.tokensPerSecond(),
        score.cacheBytes());
  }
}
