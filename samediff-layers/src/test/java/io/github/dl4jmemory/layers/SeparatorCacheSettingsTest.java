package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What a cache refuses. */
class SeparatorCacheSettingsTest {

  private static void refused(String message, Executable action) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action).getMessage());
  }

  private static SeparatorCacheSettings.Builder builder() {
    return SeparatorCacheSettings.builder();
  }

  @Test
  void defaults() {
    SeparatorCacheSettings settings = builder().build();
    assertEquals(
        new SeparatorCacheSettings(
            4, 64, 224, 324, CacheRule.STREAMING, false, 10000, 0, KeyPositions.IN_CACHE),
        settings);
    assertEquals(
        new SeparatorCacheSettings(
            4, 0, 320, 324, CacheRule.STREAMING_LLM, false, 500, 8, KeyPositions.ORIGINAL),
        builder()
            .rule(CacheRule.STREAMING_LLM)
            .rotary(500, 8)
            .positions(KeyPositions.ORIGINAL)
            .build());
  }

  @Test
  void sizes() {
    refused(
        "[SeparatorCacheSettings] size: expected more than initial + separators + window = 9, got 9."
            + " Fix: use a larger cache; what is more is room for the past window.",
        () -> builder().initial(2).separators(2).window(5).size(9).build());
    refused(
        "[SeparatorCacheSettings] size: expected more than initial + separators + window ="
            + " 4294967298, got 324. Fix: use a larger cache; what is more is room for the past"
            + " window.",
        () -> builder().separators(Integer.MAX_VALUE).window(Integer.MAX_VALUE).build());
    refused(
        "[SeparatorCacheSettings] initial: expected a number >= 0, got -1. Fix: use 4, or 0 for"
            + " none.",
        () -> builder().initial(-1).build());
    refused(
        "[SeparatorCacheSettings] separators: expected a number >= 0, got -2. Fix: use 64, or 0 for"
            + " none.",
        () -> builder().separators(-2).build());
    refused(
        "[SeparatorCacheSettings] window: expected a number >= 1, got 0. Fix: use 224.",
        () -> builder().window(0).build());
  }

  @Test
  void sizesOfStreamingLlm() {
    SeparatorCacheSettings.Builder recent = builder().rule(CacheRule.STREAMING_LLM);
    refused(
        "[SeparatorCacheSettings] separators: expected none with CacheRule.STREAMING_LLM, got 3."
            + " Fix: leave them away.",
        () -> recent.separators(3).build());
    refused(
        "[SeparatorCacheSettings] separators: expected none with CacheRule.STREAMING_LLM, got all."
            + " Fix: leave them away.",
        () -> recent.separators(0).keepAllSeparators().build());
    refused(
        "[SeparatorCacheSettings] window: expected size - initial = 320 with"
            + " CacheRule.STREAMING_LLM, got 224. Fix: leave window(...) away.",
        () -> builder().rule(CacheRule.STREAMING_LLM).window(224).build());
    refused(
        "[SeparatorCacheSettings] size: expected more than the 4 initial tokens, got 4. Fix: use a"
            + " larger cache.",
        () -> builder().rule(CacheRule.STREAMING_LLM).size(4).build());
  }

  @Test
  void rotaryPositions() {
    refused(
        "[SeparatorCacheSettings] rotary: expected an even number of features >= 0, got 7. Fix: use"
            + " the size of a head, or the part of it that turns.",
        () -> builder().rotary(10000, 7).build());
    for (double theta : new double[] {1, Double.NaN, Double.POSITIVE_INFINITY}) {
      refused(
          "[SeparatorCacheSettings] theta: expected a number greater than 1, got "
              + theta
              + ". Fix: use that of the model, such as 10000.",
          () -> builder().rotary(theta, 8).build());
    }
    refused(
        "[SeparatorCacheSettings] rule: expected a rule, got null. Fix: use CacheRule.STREAMING.",
        () -> builder().rule(null).build());
    refused(
        "[SeparatorCacheSettings] positions: expected positions, got null. Fix: use"
            + " KeyPositions.IN_CACHE.",
        () -> builder().positions(null).build());
  }

  @Test
  void caches() {
    SeparatorCacheSettings settings = builder().rotary(10000, 8).build();
    refused(
        "[SeparatorCache] settings: expected settings, got null. Fix: use"
            + " SeparatorCacheSettings.builder().build().",
        () -> new SeparatorCache(null, DataType.FLOAT, 1, 1, 1, 8));
    refused(
        "[SeparatorCache] dataType: expected FLOAT or DOUBLE, got INT. Fix: use DataType.FLOAT.",
        () -> new SeparatorCache(settings, DataType.INT32, 1, 1, 1, 8));
    refused(
        "[SeparatorCache] batch: expected a positive number, got 0. Fix: use the number of texts.",
        () -> new SeparatorCache(settings, DataType.FLOAT, 0, 1, 1, 8));
    refused(
        "[SeparatorCache] heads: expected a positive number, got 0. Fix: use those of the layer.",
        () -> new SeparatorCache(settings, DataType.FLOAT, 1, 0, 1, 8));
    refused(
        "[SeparatorCache] headSize: expected a positive number, got 0. Fix: use that of the layer.",
        () -> new SeparatorCache(settings, DataType.FLOAT, 1, 1, 1, 0));
    refused(
        "[SeparatorCache] keyValueHeads: expected a divisor of heads 6, got 4. Fix: use those of the"
            + " layer.",
        () -> new SeparatorCache(settings, DataType.FLOAT, 1, 6, 4, 8));
    refused(
        "[SeparatorCache] rotary: expected at most the 6 features of a head, got 8. Fix: use"
            + " headSize, or a part of it.",
        () -> new SeparatorCache(settings, DataType.FLOAT, 1, 1, 1, 6));
  }

  @Test
  void tokens() {
    SeparatorCache cache = new SeparatorCache(builder().build(), DataType.FLOAT, 2, 6, 3, 4);
    INDArray query = Nd4j.ones(DataType.FLOAT, 2, 1, 6, 4);
    INDArray keys = Nd4j.ones(DataType.FLOAT, 2, 1, 3, 4);
    INDArray kinds = Nd4j.zeros(DataType.INT8, 2, 1);
    refused(
        "[SeparatorCache] kinds: expected a BYTE array [batch 2, time], got FLOAT array (shape [2,"
            + " 1]). Fix: pass 0 for a token, 1 for a separator, 2 for padding, cast with"
            + " castTo(DataType.BYTE).",
        () -> cache.append(keys, keys, kinds.castTo(DataType.FLOAT)));
    for (int wrong : new int[] {-1, 3}) {
      refused(
          "[SeparatorCache] kinds: expected 0 (a token), 1 (a separator) or 2 (padding), got "
              + wrong
              + ". Fix: pass such numbers.",
          () -> cache.prefill(keys, keys, kinds.dup().putScalar(1, 0, wrong)));
    }
    refused(
        "[SeparatorCache] keys: expected [batch, time, keyValueHeads, headSize] FLOAT of shape [2,"
            + " 1, 3, 4], got FLOAT array (shape [2, 1, 6, 4]). Fix: pass the tokens of as many"
            + " texts as the cache was made for.",
        () -> cache.step(query, query, keys, kinds, query.ulike()));
    refused(
        "[SeparatorCache] values: expected [batch, time, keyValueHeads, headSize] FLOAT of shape [2,"
            + " 1, 3, 4], got null. Fix: pass the tokens of as many texts as the cache was made"
            + " for.",
        () -> cache.step(query, keys, null, kinds, query.ulike()));
    refused(
        "[SeparatorCache] query: expected [batch, time, heads, headSize] FLOAT of shape [2, 1, 6,"
            + " 4], got DOUBLE array (shape [2, 1, 6, 4]). Fix: pass the tokens of as many texts as"
            + " the cache was made for.",
        () -> cache.step(query.castTo(DataType.DOUBLE), keys, keys, kinds, query.ulike()));
    refused(
        "[SeparatorCache] out: expected [batch, time, heads, headSize] FLOAT of shape [2, 1, 6, 4],"
            + " got FLOAT array (shape [2, 1, 3, 4]). Fix: pass the tokens of as many texts as the"
            + " cache was made for.",
        () -> cache.step(query, keys, keys, kinds, keys));
    assertEquals(0, cache.seen(0), "nothing was changed");
  }

  @Test
  void states() {
    SeparatorCacheSettings settings = builder().initial(1).separators(2).window(3).size(7).build();
    SeparatorCache cache = new SeparatorCache(settings, DataType.FLOAT, 1, 1, 1, 2);
    StreamingTexts texts = new StreamingTexts(new Random(1), DataType.FLOAT, 1, 1, 2, "abc.defgh");
    texts.append(cache, 0, 9);
    Map<String, INDArray> state = cache.state();
    refused(
        "[SeparatorCache] state: expected an array keys, got none. Fix: pass what state() returned.",
        () -> cache.restore(Map.of()));
    refused(
        "[SeparatorCache] state: expected initial, separators, window, size and rule [1, 2, 3, 8, 0],"
            + " got [1, 2, 3, 7, 0]. Fix: go on in a cache of the same settings.",
        () ->
            new SeparatorCache(
                    builder().initial(1).separators(2).window(3).size(8).build(),
                    DataType.FLOAT,
                    1,
                    1,
                    1,
                    2)
                .restore(state));
    refused(
        "[SeparatorCache] state keys: expected DOUBLE of shape [1, 1, 6, 2], got FLOAT array (shape"
            + " [1, 1, 6, 2]). Fix: pass what state() returned, of as many texts and heads.",
        () -> new SeparatorCache(settings, DataType.DOUBLE, 1, 1, 1, 2).restore(state));
    Map<String, INDArray> broken = new HashMap<>(state);
    broken.put("rows", Nd4j.createFromArray(new long[][] {{6, 6, 0, 9}}));
    refused(
        "[SeparatorCache] state rows: expected tokens kept, separators among them, growth and tokens"
            + " seen, up to 6 kept, got [6, 6, 0, 9]. Fix: pass what state() returned.",
        () -> cache.restore(broken));
    assertEquals(9, cache.seen(0), "nothing was changed");
  }
}
