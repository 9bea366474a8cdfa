package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.CacheRule;
import io.github.dl4jmemory.layers.SeparatorCacheSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Perplexity of whole books that trained models read token by token, with caches of one size:
 * StreamingLLM's, and SepLLM's with several numbers of separators; and of their beginnings with all
 * that the attention sees. The models are of a {@link ModelComparison}, dense or with separator
 * attention, and are not trained here. Every book begins with an empty cache. Leaves a file of
 * results for each model and cache in a folder; what is there is not done again.
 */
@Command(
    name = "book-perplexity",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Streams books through trained models with caches that stop growing.")
public final class BookPerplexity implements Callable<Integer> {
  private static final String OWNER = "book-perplexity";

  private final StopSignal stop = new StopSignal();

  @Option(
      names = "--comparison",
      required = true,
      paramLabel = "DIR",
      description = "The --out of a ModelComparison with finished trainings.")
  private Path comparison;

  @Option(
      names = "--books",
      arity = "1..*",
      required = true,
      paramLabel = "FILE",
      description = "UTF-8 texts, none of them trained on.")
  private List<Path> books;

  @Option(
      names = "--models",
      split = ",",
      defaultValue = "dense,separator-64",
      description = "Of the comparison (default ${DEFAULT-VALUE}).")
  private List<String> models;

  @Option(names = "--seed", defaultValue = "1", description = "Of the trainings.")
  private long seed;

  @Option(names = "--size", defaultValue = "324", description = "Tokens that every cache keeps.")
  private int size;

  @Option(names = "--initial", defaultValue = "4", description = "First tokens, in every cache.")
  private int initial;

  @Option(names = "--window", defaultValue = "224", description = "Last tokens beside separators.")
  private int window;

  @Option(
      names = "--separators",
      split = ",",
      defaultValue = "32,64",
      description = "Numbers of separators, a cache for each (default ${DEFAULT-VALUE}).")
  private List<Integer> separators;

  @Option(
      names = "--tokens",
      defaultValue = "0",
      description = "Of a book at most; 0 for all (default ${DEFAULT-VALUE}).")
  private int tokens;

  @Option(
      names = "--all-tokens",
      defaultValue = "8192",
      description = "Of a book, where all is kept: a token costs as much as are before it.")
  private int allTokens;

  @Option(names = "--chunk", defaultValue = "256", description = "Tokens passed at once.")
  private int chunk;

  @Option(names = "--out", required = true, paramLabel = "DIR", description = "For the results.")
  private Path folder;

  @Option(names = "--workers", defaultValue = "2", description = "Models at once.")
  private int workers;

  /** A program whose arguments picocli sets. */
  public BookPerplexity() {}

  /**
   * Runs the program and ends the process with its exit code.
   *
   * @param arguments see {@code --help}
   */
  public static void main(String... arguments) {
    BookPerplexity program = new BookPerplexity();
    program.stop.exitAfter(() -> new CommandLine(program).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    check();
    FinishedTrials trials = new FinishedTrials(OWNER, comparison);
    List<BookStream> streams = new ArrayList<>();
    for (String model : models) {
      ComparedTrial.Result trial = trials.best(Contender.of(model), seed);
      streams.add(new BookStream(trial, null, allTokens, chunk));
      caches().forEach(cache -> streams.add(new BookStream(trial, cache, tokens, chunk)));
    }
    try (ByteLevelBpe tokenizer = trials.tokenizer()) {
      Map<String, int[]> ids = encoded(tokenizer);
      SideBySide sideBySide = new SideBySide();
      List<SideBySide.Work> works = new ArrayList<>();
      for (BookStream stream : streams) {
        works.add(
            () ->
                stream.run(
                    folder,
                    trials,
                    ids,
                    tokenizer,
                    () -> stop.getAsBoolean() || sideBySide.failed()));
      }
      sideBySide.run(works, workers);
    }
    return stop.getAsBoolean() ? StopSignal.INTERRUPTED : 0;
  }

  private void check() {
    Require.that(chunk > 0, OWNER, "--chunk", "at least 1", chunk, "use 256");
    Require.that(tokens >= 0, OWNER, "--tokens", "at least 0", tokens, "use 0 for all");
    Require.that(allTokens > 0, OWNER, "--all-tokens", "at least 1", allTokens, "use 8192");
  }

  private List<SeparatorCacheSettings> caches() {
    List<SeparatorCacheSettings> caches = new ArrayList<>();
    caches.add(
        SeparatorCacheSettings.builder()
            .initial(initial)
            .size(size)
            .rule(CacheRule.STREAMING_LLM)
            .build());
    for (int kept : separators) {
      caches.add(
          SeparatorCacheSettings.builder()
              .initial(initial)
              .separators(kept)
              .window(window)
              .size(size)
              .build());
    }
    return caches;
  }

  private Map<String, int[]> encoded(ByteLevelBpe tokenizer) throws IOException {
    Map<String, int[]> ids = new LinkedHashMap<>();
    List<String> texts = TextData.read(books);
    for (int i = 0; i < texts.size(); i++) {
      String name = books.get(i).getFileName().toString();
      int[] book = TextData.encode(tokenizer, texts.get(i));
      Require.that(book.length > 1, OWNER, "--books", "texts of two tokens", name, "leave it away");
      Require.that(
          ids.put(name, book) == null,
          OWNER,
          "--books",
          "files of different names",
          name,
          "name each once");
    }
    return ids;
  }
}
