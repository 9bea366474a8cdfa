package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.github.dl4jmemory.ops.MemoryOps;
import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

@ExtendWith(Seeded.class)
class SeparatorCacheTest {

  private static SeparatorCacheSettings.Builder small(CacheRule rule) {
    SeparatorCacheSettings.Builder settings =
        SeparatorCacheSettings.builder().initial(2).size(13).rule(rule);
    return rule == CacheRule.STREAMING_LLM ? settings : settings.separators(3).window(5);
  }

  private static SeparatorCache cache(
      SeparatorCacheSettings settings, StreamingTexts texts, DataType type) {
    return new SeparatorCache(
        settings,
        type,
        (int) texts.keys.size(0),
        (int) texts.queries.size(2),
        (int) texts.keys.size(2),
        (int) texts.keys.size(3));
  }

  /**
   * Against lists: outputs and kept tokens of three texts with left, right and inner padding and
   * separators of their own, for each rule, positions and dtype.
   */
  @Test
  void everyRowIsKeptAsIfItWereAlone(Random random) {
    String[] rows = {
      "___" + StreamingTexts.random(random, 44, 25),
      StreamingTexts.random(random, 41, 3) + "______",
      StreamingTexts.random(random, 20, 90) + "__" + StreamingTexts.random(random, 25, 10)
    };
    for (CacheRule rule : CacheRule.values()) {
      for (KeyPositions positions : KeyPositions.values()) {
        for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
          StreamingTexts texts = new StreamingTexts(random, type, 4, 2, 7, rows);
          SeparatorCacheSettings settings = small(rule).rotary(100, 4).positions(positions).build();
          assertRight(settings, texts, rows, type);
        }
      }
    }
    StreamingTexts texts = new StreamingTexts(random, DataType.DOUBLE, 4, 2, 7, rows);
    assertRight(small(CacheRule.STREAMING).build(), texts, rows, DataType.DOUBLE);
    assertRight(
        small(CacheRule.STREAMING).keepAllSeparators().rotary(100, 6).build(),
        texts,
        rows,
        DataType.DOUBLE);
  }

  private static void assertRight(
      SeparatorCacheSettings settings, StreamingTexts texts, String[] rows, DataType type) {
    SeparatorCache cache = cache(settings, texts, type);
    StreamingOracle[][] oracles = new StreamingOracle[rows.length][4];
    for (StreamingOracle[] heads : oracles) {
      Arrays.setAll(heads, head -> new StreamingOracle(settings));
    }
    for (int t = 0; t < texts.time; t++) {
      INDArray out = texts.step(cache, t, t + 1);
      for (int row = 0; row < rows.length; row++) {
        String where = settings + ", row " + row + ", token " + t;
        for (int head = 0; head < 4; head++) {
          double[] expected = new double[7];
          if (rows[row].charAt(t) != '_') {
            expected =
                oracles[row][head].step(
                    StreamingTexts.row(texts.queries, row, t, head),
                    StreamingTexts.row(texts.keys, row, t, head / 2),
                    StreamingTexts.row(texts.values, row, t, head / 2),
                    rows[row].charAt(t) == '.');
          }
          AssertClose.close(
              where,
              expected,
              Nd4j.createFromArray(StreamingTexts.row(out, row, 0, head)),
              AssertClose.tolerance(type, 64, 4));
        }
        assertEquals(oracles[row][0].stored(), StreamingTexts.kept(cache, row), where);
      }
    }
  }

  /**
   * Token by token as the attention of whole sequences: to initial tokens, separators and a window,
   * or, with a window of all tokens, to all.
   */
  @Test
  void asAttentionOfTheWholeSequence(Random random) {
    String[] rows = {
      StreamingTexts.random(random, 53, 20),
      "_____" + StreamingTexts.random(random, 48, 60),
      StreamingTexts.random(random, 50, 30) + "___"
    };
    StreamingTexts texts = new StreamingTexts(random, DataType.FLOAT, 4, 2, 7, rows);
    int[][] sizes = {{2, 5}, {0, 1}, {3, 17}, {0, 1 << 30}};
    for (int[] size : sizes) {
      INDArray expected = texts.queries.ulike();
      INDArray logSums = Nd4j.create(DataType.FLOAT, 3, 4, 53);
      MemoryOps.separatorAttention(
          texts.queries,
          texts.keys,
          texts.values,
          texts.kinds,
          size[0],
          size[1],
          expected,
          logSums);
      SeparatorCacheSettings settings =
          size[1] > 53
              ? SeparatorCacheSettings.builder().size(size[1]).build()
              : SeparatorCacheSettings.likeAttention(size[0], size[1]).build();
      INDArray out = texts.step(cache(settings, texts, DataType.FLOAT), 0, 53);
      AssertClose.close(settings.toString(), expected, out, 1e-5);
    }
  }

  /** Several tokens in one call are the same, bit for bit, as one after the other. */
  @Test
  void severalTokensAtOnce(Random random) {
    for (CacheRule rule : CacheRule.values()) {
      for (KeyPositions positions : KeyPositions.values()) {
        SeparatorCacheSettings settings = small(rule).rotary(1000, 6).positions(positions).build();
        StreamingTexts texts =
            new StreamingTexts(
                random,
                DataType.FLOAT,
                2,
                1,
                7,
                StreamingTexts.random(random, 61, 20),
                "_____" + StreamingTexts.random(random, 56, 30));
        SeparatorCache single = cache(settings, texts, DataType.FLOAT);
        INDArray[] outs = new INDArray[61];
        Arrays.setAll(outs, t -> texts.step(single, t, t + 1));
        SeparatorCache several = cache(settings, texts, DataType.FLOAT);
        INDArray first = texts.step(several, 0, 43);
        INDArray rest = texts.step(several, 43, 61);
        assertSame(Nd4j.concat(1, outs), Nd4j.concat(1, first, rest));
        SeparatorCache appended = cache(settings, texts, DataType.FLOAT);
        texts.append(appended, 0, 43);
        assertSame(rest, texts.step(appended, 43, 61));
        assertEquals(StreamingTexts.kept(single, 1), StreamingTexts.kept(appended, 1));
      }
    }
  }

  private static void assertSame(INDArray expected, INDArray actual) {
    AssertClose.same("outputs", Elements.doubles(expected), actual);
  }

  /** All rules attend to the whole text until it is one token longer than the cache. */
  @Test
  void nothingIsLostUntilOverflow(Random random) {
    StreamingTexts texts =
        new StreamingTexts(random, DataType.FLOAT, 2, 2, 6, StreamingTexts.random(random, 17, 20));
    INDArray full =
        texts.step(
            cache(
                SeparatorCacheSettings.builder().size(1000).rotary(100, 6).build(),
                texts,
                DataType.FLOAT),
            0,
            17);
    for (CacheRule rule : List.of(CacheRule.STREAMING, CacheRule.STREAMING_LLM)) {
      INDArray out =
          texts.step(cache(small(rule).rotary(100, 6).build(), texts, DataType.FLOAT), 0, 17);
      int c = 13;
      assertSame(StreamingTexts.part(full, 0, c + 1), StreamingTexts.part(out, 0, c + 1));
      assertNotEquals(full.getDouble(0, c + 1, 0, 0), out.getDouble(0, c + 1, 0, 0));
    }
  }

  /**
   * With positions in the cache, what was dropped leaves no trace: a cache that was given only the
   * tokens that are kept attends alike. With original positions it does not.
   */
  @Test
  void onlyTheDistanceInTheCacheCounts(Random random) {
    String text = StreamingTexts.random(random, 31, 30);
    StreamingTexts texts = new StreamingTexts(random, DataType.DOUBLE, 2, 1, 6, text);
    for (KeyPositions positions : KeyPositions.values()) {
      SeparatorCacheSettings settings =
          small(CacheRule.STREAMING).rotary(100, 6).positions(positions).build();
      SeparatorCache cache = cache(settings, texts, DataType.DOUBLE);
      texts.append(cache, 0, 30);
      List<Long> kept = StreamingTexts.kept(cache, 0);
      SeparatorCache alone = cache(settings, texts, DataType.DOUBLE);
      for (long position : kept) {
        texts.append(alone, (int) position, (int) position + 1);
      }
      double expected = texts.step(cache, 30, 31).getDouble(0, 0, 0, 0);
      double got = texts.step(alone, 30, 31).getDouble(0, 0, 0, 0);
      if (positions == KeyPositions.IN_CACHE) {
        assertEquals(expected, got);
      } else {
        assertNotEquals(expected, got, 1e-9);
      }
    }
  }

  /** Left padding leaves no trace: neither in what is kept nor in the outputs. */
  @Test
  void leftPadding(Random random) {
    String text = StreamingTexts.random(random, 47, 30);
    for (CacheRule rule : CacheRule.values()) {
      StreamingTexts padded =
          new StreamingTexts(random, DataType.FLOAT, 2, 1, 6, "_".repeat(11) + text);
      SeparatorCacheSettings settings = small(rule).rotary(100, 6).build();
      SeparatorCache plain = cache(settings, padded, DataType.FLOAT);
      SeparatorCache cache = cache(settings, padded, DataType.FLOAT);
      INDArray expected = padded.step(plain, 11, 58);
      INDArray out = padded.step(cache, 0, 58);
      assertSame(expected, StreamingTexts.part(out, 11, 58));
      assertSame(Nd4j.zeros(DataType.FLOAT, 1, 11, 2, 6), StreamingTexts.part(out, 0, 11));
      assertEquals(List.of(0L, 1L), StreamingTexts.kept(cache, 0).subList(0, 2));
      assertEquals(StreamingTexts.kept(plain, 0), StreamingTexts.kept(cache, 0));
      assertEquals(47, cache.seen(0));
    }
  }

  @Test
  void restoredGoesOnWithTheSameBits(Random random) {
    for (CacheRule rule : CacheRule.values()) {
      for (KeyPositions positions : KeyPositions.values()) {
        SeparatorCacheSettings.Builder builder = small(rule).rotary(100, 4).positions(positions);
        if (rule == CacheRule.STREAMING) {
          builder.keepAllSeparators();
        }
        SeparatorCacheSettings settings = builder.build();
        StreamingTexts texts =
            new StreamingTexts(
                random,
                DataType.DOUBLE,
                4,
                2,
                5,
                StreamingTexts.random(random, 73, 30),
                "_".repeat(37) + StreamingTexts.random(random, 36, 30));
        for (int at : new int[] {0, 7, 40}) {
          SeparatorCache cache = cache(settings, texts, DataType.DOUBLE);
          if (at > 0) {
            texts.append(cache, 0, at);
          }
          Map<String, INDArray> state = cache.state();
          SeparatorCache other = cache(settings, texts, DataType.DOUBLE);
          texts.append(other, 20, 60);
          other.restore(state);
          assertSame(texts.step(cache, at, 73), texts.step(other, at, 73));
          for (int row = 0; row < 2; row++) {
            assertEquals(StreamingTexts.kept(cache, row), StreamingTexts.kept(other, row));
            assertEquals(cache.separatorCount(row), other.separatorCount(row));
            assertEquals(cache.seen(row), other.seen(row));
          }
        }
      }
    }
  }

  /** Memory of a large cache comes as the text grows, and goes when it is cleared. */
  @Test
  void largeCachesGrow(Random random) {
    StreamingTexts texts =
        new StreamingTexts(random, DataType.FLOAT, 1, 1, 2, StreamingTexts.random(random, 97, 30));
    SeparatorCache full =
        cache(SeparatorCacheSettings.builder().size(1 << 30).build(), texts, DataType.FLOAT);
    long empty = full.bytes();
    assertEquals(2 * 4096 * 2 * 4, empty);
    for (int i = 0; i < 45; i++) {
      texts.append(full, 0, 97);
    }
    assertEquals(45 * 97, full.count(0));
    assertEquals(empty / 2 * 3, full.bytes());
    INDArray after = texts.step(full, 0, 1);
    SeparatorCache other =
        cache(SeparatorCacheSettings.builder().size(1 << 30).build(), texts, DataType.FLOAT);
    for (int i = 0; i < 45; i++) {
      texts.prefill(other, 0, 97);
    }
    assertSame(after, texts.step(other, 0, 1));
    full.clear();
    assertEquals(empty, full.bytes());
  }

  @Test
  void clearedIsAsNew(Random random) {
    StreamingTexts texts =
        new StreamingTexts(random, DataType.FLOAT, 1, 1, 2, StreamingTexts.random(random, 40, 30));
    SeparatorCacheSettings settings = small(CacheRule.STREAMING).keepAllSeparators().build();
    SeparatorCache cache = cache(settings, texts, DataType.FLOAT);
    long bytes = cache.bytes();
    INDArray first = texts.step(cache, 0, 40);
    texts.prefill(cache, 0, 40);
    cache.clear();
    assertEquals(0, cache.count(0));
    assertEquals(bytes, cache.bytes());
    assertSame(first, texts.step(cache, 0, 40));
  }

  /** Queries, keys and outputs may be views of any strides. */
  @Test
  void views(Random random) {
    StreamingTexts texts =
        new StreamingTexts(
            random, DataType.FLOAT, 2, 2, 6, StreamingTexts.random(random, 30, 30), "_".repeat(30));
    SeparatorCacheSettings settings = small(CacheRule.CACHE).rotary(100, 6).build();
    INDArray expected = texts.step(cache(settings, texts, DataType.FLOAT), 0, 30);
    INDArray out = Nd4j.create(DataType.FLOAT, 2, 2, 30, 6).permute(0, 2, 1, 3);
    cache(settings, texts, DataType.FLOAT)
        .step(
            texts.queries.permute(0, 2, 1, 3).dup('c').permute(0, 2, 1, 3),
            texts.keys.dup('f'),
            texts.values.dup('f'),
            texts.kinds.dup('f'),
            out);
    assertSame(expected, out);
  }
}
