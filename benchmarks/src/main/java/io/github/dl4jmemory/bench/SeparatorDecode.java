package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.layers.SeparatorCache;
import io.github.dl4jmemory.layers.SeparatorCacheSettings;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Decoding with a cache of 4 initial tokens, 64 separators, a window of 256 and 800 tokens at most,
 * 12 heads of 64, after a text of so many tokens. An iteration is a whole period of the cache, from
 * one drop of tokens to the next, and then the cache goes back to that text.
 */
final class SeparatorDecode implements Workload {
  static final int HEADS = 12;
  static final int HEAD_SIZE = 64;
  private static final int TOKENS = 64; // made once, used in turn
  private static final int SEPARATOR_EVERY = 9; // about 11.5%

  private final SeparatorCache cache;
  private final int period;
  private final INDArray[] queries = new INDArray[TOKENS];
  private final INDArray[] keys = new INDArray[TOKENS];
  private final INDArray[] values = new INDArray[TOKENS];
  private final INDArray token = Nd4j.zeros(DataType.INT8, 1, 1);
  private final INDArray separator = Nd4j.ones(DataType.INT8, 1, 1);
  private final INDArray out = Nd4j.create(DataType.FLOAT, 1, 1, HEADS, HEAD_SIZE);
  private final Map<String, INDArray> text;

  SeparatorDecode(int context) {
    SeparatorCacheSettings settings =
        SeparatorCacheSettings.builder()
            .initial(4)
            .separators(64)
            .window(256)
            .size(800)
            .rotary(10000, HEAD_SIZE)
            .build();
    period = settings.size() + 1 - settings.initial() - settings.separators() - settings.window();
    cache = new SeparatorCache(settings, DataType.FLOAT, 1, HEADS, HEADS, HEAD_SIZE);
    for (int i = 0; i < TOKENS; i++) {
      queries[i] = Inputs.uniform(3 * i, 1, 1, HEADS, HEAD_SIZE);
      keys[i] = Inputs.uniform(3 * i + 1, 1, 1, HEADS, HEAD_SIZE);
      values[i] = Inputs.uniform(3 * i + 2, 1, 1, HEADS, HEAD_SIZE);
    }
    for (int i = 0; i < context; i++) {
      cache.append(keys[i % TOKENS], values[i % TOKENS], kind(i));
    }
    text = cache.state();
  }

  private INDArray kind(int i) {
    return i % SEPARATOR_EVERY == 0 ? separator : token;
  }

  @Override
  public void run(int iteration) {
    for (int i = 0; i < period; i++) {
      int at = i % TOKENS;
      cache.step(queries[at], keys[at], values[at], kind(i), out);
    }
    cache.restore(text);
  }

  /** Nothing: the two sides of the figure are after texts of different lengths. */
  @Override
  public Map<String, INDArray> results() {
    return Map.of();
  }
}
