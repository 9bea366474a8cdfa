package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;

/** What is kept of given texts, token by token: keys and values do not matter. */
class SeparatorCacheTraceTest {

  /** The text of figure 4, and one more token. */
  private static final String FIGURE_4 = "AB,CD.E\nFGHI\nJK";

  private static SeparatorCacheSettings figure4(CacheRule rule) {
    SeparatorCacheSettings.Builder settings =
        SeparatorCacheSettings.builder().initial(2).size(11).rule(rule);
    return rule == CacheRule.STREAMING_LLM
        ? settings.build()
        : settings.separators(2).window(5).build();
  }

  private static SeparatorCache cache(SeparatorCacheSettings settings, int batch) {
    return new SeparatorCache(settings, DataType.FLOAT, batch, 1, 1, 2);
  }

  private static StreamingTexts texts(String... texts) {
    return new StreamingTexts(new Random(1), DataType.FLOAT, 1, 1, 2, texts);
  }

  /** What is kept after each token, as "0 1 | 2 5 | 6-10" without the bars. */
  private static List<String> trace(SeparatorCacheSettings settings, String text) {
    SeparatorCache cache = cache(settings, 1);
    StreamingTexts texts = texts(text);
    List<String> trace = new ArrayList<>();
    for (int t = 0; t < text.length(); t++) {
      texts.step(cache, t, t + 1);
      trace.add(kept(cache, 0));
    }
    return trace;
  }

  private static String kept(SeparatorCache cache, int row) {
    return Arrays.stream(cache.positions(row))
        .mapToObj(Long::toString)
        .collect(Collectors.joining(" "));
  }

  private static String all(long last) {
    return range(0, last);
  }

  private static String range(long first, long last) {
    return LongStream.rangeClosed(first, last)
        .mapToObj(Long::toString)
        .collect(Collectors.joining(" "));
  }

  @Test
  void figureFourCompressedAfterTheStep() {
    List<String> trace = trace(figure4(CacheRule.STREAMING), FIGURE_4);
    for (int t = 0; t <= 10; t++) {
      assertEquals(all(t), trace.get(t));
    }
    assertEquals("0 1 2 5 " + range(7, 11), trace.get(11));
    assertEquals("0 1 2 5 " + range(7, 12), trace.get(12));
    assertEquals("0 1 2 5 " + range(7, 13), trace.get(13));
    assertEquals("0 1 5 7 " + range(10, 14), trace.get(14));
  }

  @Test
  void figureFourCompressedAtTheUpdate() {
    List<String> trace = trace(figure4(CacheRule.CACHE), FIGURE_4);
    for (int t = 0; t <= 9; t++) {
      assertEquals(all(t), trace.get(t));
    }
    assertEquals("0 1 2 5 " + range(6, 10), trace.get(10));
    assertEquals("0 1 2 5 " + range(6, 11), trace.get(11));
    assertEquals("0 1 5 7 " + range(8, 12), trace.get(12));
    assertEquals("0 1 5 7 " + range(8, 13), trace.get(13));
    assertEquals("0 1 5 7 " + range(10, 14), trace.get(14));
  }

  @Test
  void figureFourOfStreamingLlm() {
    List<String> trace = trace(figure4(CacheRule.STREAMING_LLM), FIGURE_4);
    assertEquals(all(10), trace.get(10));
    for (int t = 11; t <= 14; t++) {
      assertEquals("0 1 " + range(t - 8, t), trace.get(t));
    }
  }

  /**
   * How many tokens each token attends to: with equal keys and values that count upwards, the mean
   * of the values says which.
   */
  @Test
  void attendedTokens() {
    int[][] expected = {{11, 12, 10, 11, 12}, {9, 10, 9, 10, 9}, {11, 12, 12, 12, 12}};
    for (CacheRule rule : CacheRule.values()) {
      StreamingOracle oracle = new StreamingOracle(figure4(rule));
      SeparatorCache cache = cache(figure4(rule), 1);
      StreamingTexts texts = texts(FIGURE_4);
      texts.keys.assign(0);
      for (int t = 0; t < FIGURE_4.length(); t++) {
        for (int i = 0; i < 2; i++) {
          texts.values.putScalar(new int[] {0, t, 0, i}, 1 << t);
        }
      }
      for (int t = 0; t < FIGURE_4.length(); t++) {
        double mean = texts.step(cache, t, t + 1).getDouble(0, 0, 0, 0);
        oracle.step(null, null, null, ".,\n".indexOf(FIGURE_4.charAt(t)) >= 0);
        List<Long> attended = StreamingOracle.positions(oracle.attended);
        if (t >= 10) {
          assertEquals(expected[rule.ordinal()][t - 10], attended.size(), rule + " " + t);
        }
        double bits = attended.stream().mapToDouble(p -> 1 << p).sum();
        assertEquals(bits, mean * attended.size(), 1e-6 * bits, rule + " " + t);
      }
    }
  }

  /** A prompt of twelve tokens is kept whole; the next token drops at once what is too much. */
  @Test
  void prefillThenOneToken() {
    StreamingTexts texts = texts(FIGURE_4);
    SeparatorCache cache = cache(figure4(CacheRule.CACHE), 1);
    long bytes = cache.bytes();
    texts.prefill(cache, 0, 12);
    assertEquals(all(11), kept(cache, 0));
    texts.step(cache, 12, 13);
    assertEquals("0 1 5 7 " + range(8, 12), kept(cache, 0));
    assertEquals(bytes, cache.bytes(), "what the prompt needed is given back");
    SeparatorCache tokenByToken = cache(figure4(CacheRule.CACHE), 1);
    texts.append(tokenByToken, 0, 12);
    assertEquals("0 1 2 5 " + range(6, 11), kept(tokenByToken, 0));
    texts.step(tokenByToken, 12, 13);
    assertEquals(kept(cache, 0), kept(tokenByToken, 0));
  }

  @Test
  void allSeparatorsKept() {
    SeparatorCacheSettings settings =
        SeparatorCacheSettings.builder()
            .initial(2)
            .separators(2)
            .window(5)
            .size(11)
            .keepAllSeparators()
            .build();
    List<String> trace = trace(settings, "AB,CD.E\nFGHI\nJK,L.MNOP");
    assertEquals("0 1 2 5 " + range(7, 11), trace.get(11));
    assertEquals("0 1 2 5 7 " + range(10, 14), trace.get(14)); // s, c = 3, 12
    assertEquals("0 1 2 5 7 " + range(10, 16), trace.get(16));
    assertEquals("0 1 2 5 7 12 " + range(13, 17), trace.get(17));
    assertEquals("0 1 2 5 7 12 15 " + range(16, 20), trace.get(20)); // 5, 14
  }

  @Test
  void countsGoUpAndDown() {
    SeparatorCacheSettings.Builder paper =
        SeparatorCacheSettings.builder().initial(4).separators(64).window(256).size(800);
    assertCounts(paper.build(), 324, 800, 562);
    assertCounts(paper.rule(CacheRule.CACHE).build(), 324, 799, 561.5);
    assertCounts(
        SeparatorCacheSettings.builder().size(800).rule(CacheRule.STREAMING_LLM).build(),
        800,
        800,
        800);
  }

  private static void assertCounts(
      SeparatorCacheSettings settings, int least, int most, double mean) {
    KeptTokens row = new KeptTokens(settings);
    KeptTokens.Mover nobody = (from, to, length) -> {};
    List<Integer> counts = new ArrayList<>();
    for (int t = 0; t < 20_000; t++) {
      row.append(t % 5 == 0);
      if (row.isFull()) {
        row.compress(nobody);
      }
      counts.add(row.count());
    }
    int first = counts.indexOf(least == most ? most : least);
    int last = counts.lastIndexOf(least == most ? most : least); // whole periods
    List<Integer> periods = counts.subList(first, last);
    assertEquals(least, periods.stream().mapToInt(n -> n).min().orElseThrow());
    assertEquals(most, periods.stream().mapToInt(n -> n).max().orElseThrow());
    assertEquals(mean, periods.stream().mapToInt(n -> n).average().orElseThrow(), 1e-9);
  }

  @Test
  void fewSeparatorsOrNone() {
    SeparatorCache none = cache(figure4(CacheRule.STREAMING), 1);
    texts("ABCDEFGHIJKLMNOP").append(none, 0, 16);
    assertEquals("0 1 7 8 9 10 11 12 13 14 15", kept(none, 0));
    assertEquals(0, none.separatorCount(0));
    SeparatorCache one = cache(figure4(CacheRule.STREAMING), 1);
    texts("ABC.EFGHIJKL").append(one, 0, 12);
    assertEquals("0 1 3 7 8 9 10 11", kept(one, 0));
    assertEquals(1, one.separatorCount(0));
    SeparatorCacheSettings noInitial =
        SeparatorCacheSettings.builder().initial(0).separators(2).window(5).size(9).build();
    assertEquals("2 " + range(5, 11), trace(noInitial, "AB,CD.EFGHIJ").get(11));
  }

  /** Three and one separators beside each other: both rows keep all of theirs. */
  @Test
  void rowsOfABatchHaveTheirOwnSeparators() {
    SeparatorCacheSettings settings =
        SeparatorCacheSettings.builder().initial(1).separators(4).window(3).size(10).build();
    SeparatorCache cache = cache(settings, 3);
    texts("AB.D.F.HIJK", "ABCD.FGHIJK", "____AB.DEFG").append(cache, 0, 11);
    assertEquals("0 2 4 6 8 9 10", kept(cache, 0));
    assertEquals("0 4 8 9 10", kept(cache, 1));
    assertEquals("0 1 2 3 4 5 6", kept(cache, 2));
  }
}
