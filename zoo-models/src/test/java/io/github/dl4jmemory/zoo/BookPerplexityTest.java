package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class BookPerplexityTest {
  private static final int SIZE = 80;
  private static final int ALL = 150;

  @TempDir static Path folder;

  private static SmallComparison comparison;

  @BeforeAll
  static void train() throws IOException {
    comparison = SmallComparison.of(folder, "dense,separator-64");
    Files.writeString(folder.resolve("one.txt"), SmallComparison.sentences(new Random(7), 300));
    Files.writeString(folder.resolve("two.txt"), SmallComparison.sentences(new Random(8), 400));
  }

  private static String run(int code, String arguments) {
    StringWriter errors = new StringWriter();
    String[] all =
        ("--comparison " + comparison.folder() + " --books " + folder.resolve("one.txt"))
            .concat(" " + folder.resolve("two.txt") + " --window 40 --separators 8,16 ")
            .concat("--size " + SIZE + " --all-tokens " + ALL + " " + arguments)
            .split(" ");
    CommandLine line = new CommandLine(new BookPerplexity()).setErr(new PrintWriter(errors));
    assertEquals(code, line.execute(all), errors.toString());
    return errors.toString();
  }

  private static JsonNode read(Path out, String model, String cache) throws IOException {
    Path file = out.resolve("books-" + model + "-" + cache + "-seed-1.json");
    return new ObjectMapper().readTree(file.toFile());
  }

  @Test
  void eachModelWithEachCache() throws IOException {
    Path out = folder.resolve("out");
    run(0, "--chunk 48 --out " + out);
    for (String model : List.of("dense", "separator-64")) {
      double first = read(out, model, "streaming-llm").at("/books/0/stretches/0/nats").asDouble();
      for (String cache : List.of("streaming-llm", "separators-8", "separators-16")) {
        JsonNode result = read(out, model, cache);
        assertEquals(model, result.path("model").asText());
        assertEquals(SIZE, result.at("/cacheSettings/size").asInt());
        assertEquals(2 * 2 * (SIZE + 1) * 16 * 4, result.at("/score/cacheBytes").asInt());
        assertEquals(
            first, result.at("/books/0/stretches/0/nats").asDouble(), 1e-4, "none dropped");
        assertScore(result);
        assertTrue(result.at("/books/1/tokens").asInt() > 4 * SIZE, "the cache was full");
      }
      JsonNode all = read(out, model, "all");
      assertTrue(all.path("cacheSettings").isNull());
      assertEquals(ALL, all.at("/books/0/tokens").asInt());
      assertScore(all);
      assertNotEquals(
          read(out, model, "separators-8").at("/score/perToken").asDouble(),
          read(out, model, "streaming-llm").at("/score/perToken").asDouble());
    }
    assertWholeSequence(read(out, "dense", "all"));
  }

  private static void assertScore(JsonNode result) {
    double nats = 0;
    double tokens = 0;
    double bytes = 0;
    for (JsonNode book : result.path("books")) {
      nats += book.path("nats").asDouble();
      tokens += book.path("tokens").asDouble();
      bytes += book.path("bytes").asDouble();
    }
    assertEquals(Math.exp(nats / tokens), result.at("/score/perToken").asDouble(), 1e-9);
    assertEquals(Math.exp(nats / bytes), result.at("/score/perByte").asDouble(), 1e-9);
    assertTrue(result.at("/score/perTokenError").asDouble() > 0);
    assertTrue(result.at("/score/tokensPerSecond").asDouble() > 0);
  }

  /** Where all is kept, the steps are what the dense model gives to the sequence at once. */
  private static void assertWholeSequence(JsonNode all) throws IOException {
    FinishedTrials trials = new FinishedTrials("test", comparison.folder());
    ComputationGraph dense = trials.load(trials.best(Contender.DENSE, 1));
    try (ByteLevelBpe tokenizer = trials.tokenizer()) {
      String[] names = {"one.txt", "two.txt"};
      for (int book = 0; book < names.length; book++) {
        int[] ids = tokenizer.encode(Files.readString(folder.resolve(names[book])));
        JsonNode got = all.path("books").path(book);
        assertEquals(names[book], got.path("name").asText());
        int bytes = tokenizer.decodeBytes(Arrays.copyOfRange(ids, 1, ALL + 1)).length;
        assertEquals(bytes, got.path("bytes").asInt());
        assertEquals(nats(dense, ids, ALL), got.path("nats").asDouble(), 1e-3);
        assertEquals(nats(dense, ids, 64), got.at("/stretches/0/nats").asDouble(), 1e-3);
        assertEquals(nats(dense, ids, 128), got.at("/stretches/1/nats").asDouble(), 1e-3);
      }
    }
  }

  private static double nats(ComputationGraph dense, int[] ids, int tokens) {
    return tokens * Evaluation.loss(dense, List.of(Arrays.copyOf(ids, tokens + 1)), tokens);
  }

  /** However many tokens are passed at once. */
  @Test
  void chunksChangeNothing() throws IOException {
    Path singly = folder.resolve("singly");
    Path chunks = folder.resolve("chunks");
    run(0, "--models separator-64 --tokens 200 --chunk 1 --out " + singly);
    run(0, "--models separator-64 --tokens 200 --chunk 83 --out " + chunks);
    for (String cache : List.of("all", "streaming-llm", "separators-8")) {
      JsonNode expected = read(singly, "separator-64", cache);
      JsonNode got = read(chunks, "separator-64", cache);
      for (String value : List.of("/books/1/nats", "/books/0/stretches/1/nats")) {
        assertEquals(expected.at(value).asDouble(), got.at(value).asDouble(), 1e-3, cache + value);
      }
      assertEquals(cache.equals("all") ? ALL : 200, got.at("/books/1/tokens").asInt());
    }
  }

  /** Losses of 2 and 4 nats on 10 tokens each: 3, and a standard error of 1. */
  @Test
  void standardErrorsAreOverBooks() {
    StreamedBook one = new StreamedBook("one", 10, 40, 20, 2, 100, List.of());
    StreamedBook two = new StreamedBook("two", 10, 40, 40, 3, 300, List.of());
    BookScore score = BookScore.of(List.of(one, two));
    assertEquals(Math.exp(3), score.perToken(), 1e-9);
    assertEquals(Math.exp(3), score.perTokenError(), 1e-9);
    assertEquals(Math.exp(0.75), score.perByte(), 1e-9);
    assertEquals(Math.exp(0.75) / 4, score.perByteError(), 1e-9);
    assertEquals(4, score.tokensPerSecond(), 1e-9);
    assertEquals(300, score.cacheBytes());
    assertTrue(Double.isNaN(BookScore.of(List.of(one)).perTokenError()), "one book has none");
  }

  @Test
  void refusals() {
    String out = " --out " + folder.resolve("none");
    assertTrue(
        run(1, "--chunk 0" + out)
            .contains("[book-perplexity] --chunk: expected at least 1, got 0. Fix: use 256."));
    assertTrue(
        run(1, "--tokens -1" + out)
            .contains("[book-perplexity] --tokens: expected at least 0, got -1."));
    assertTrue(
        run(1, "--seed 2" + out).contains("expected a finished training of dense with seed 2"));
    assertTrue(
        run(1, "--books " + folder.resolve("one.txt") + out)
            .contains(
                "[book-perplexity] --books: expected files of different names, got one.txt."));
    assertFalse(Files.exists(folder.resolve("none")));
  }
}
