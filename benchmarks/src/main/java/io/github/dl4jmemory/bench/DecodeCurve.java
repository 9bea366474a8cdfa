package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.layers.SeparatorCache;
import io.github.dl4jmemory.layers.SeparatorCacheSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.DoubleSupplier;
import java.util.stream.DoubleStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Time of a token and bytes of the cache after texts of 1K to 64K tokens, one layer of 12 heads of
 * 64, for a cache of 4 initial tokens, 64 separators, a window of 256 and 800 tokens at most, and
 * for a cache of all tokens: {@code DecodeCurve FOLDER [LARGEST]}. Two PNG files in the folder, and
 * one JSON object a line. The time of the first is the mean over a whole period of it, from one
 * drop of tokens to the next.
 */
public final class DecodeCurve {
  private static final int HEADS = SeparatorDecode.HEADS;
  private static final int HEAD_SIZE = SeparatorDecode.HEAD_SIZE;
  private static final int PERIOD = 800 + 1 - 4 - 64 - 256;
  private static final int STRETCH = 32; // tokens of the full cache that are timed at once
  private static final int RUNS = 5;
  private static final String SEPARATOR = "separator cache";
  private static final String FULL = "all tokens kept";
  private static final int MADE = 64; // tokens made once, used in turn

  private final INDArray[] keys = new INDArray[MADE];
  private final INDArray[] values = new INDArray[MADE];
  private final INDArray query = Inputs.uniform(1, 1, 1, HEADS, HEAD_SIZE);
  private final INDArray out = query.ulike();
  private final INDArray token = Nd4j.zeros(DataType.INT8, 1, 1);
  private final INDArray separator = Nd4j.ones(DataType.INT8, 1, 1);

  private DecodeCurve() {
    for (int i = 0; i < MADE; i++) {
      keys[i] = Inputs.uniform(2 * i + 2, 1, 1, HEADS, HEAD_SIZE);
      values[i] = Inputs.uniform(2 * i + 3, 1, 1, HEADS, HEAD_SIZE);
    }
  }

  /**
   * Runs once.
   *
   * @param args the folder; the longest text, by default 65536
   * @throws IOException if a picture cannot be written
   */
  public static void main(String[] args) throws IOException {
    int largest = args.length > 1 ? Integer.parseInt(args[1]) : 1 << 16;
    new DecodeCurve().run(Path.of(args[0]), largest);
  }

  private void run(Path folder, int largest) throws IOException {
    List<Double> contexts = new ArrayList<>();
    Map<String, List<Double>> millis = lines();
    Map<String, List<Double>> bytes = lines();
    SeparatorCacheSettings.Builder settings =
        SeparatorCacheSettings.builder().rotary(10000, HEAD_SIZE);
    SeparatorCache full = cache(settings.size(1 << 30).build());
    SeparatorCache small = cache(settings.initial(4).separators(64).window(256).size(800).build());
    for (int context = 1024; context <= largest; context *= 2) {
      double smallMillis = periodMillis(small, context);
      double fullMillis = stretchMillis(full, context);
      System.out.printf(
          Locale.ROOT,
          "{\"context\": %d, \"separatorMillis\": %.4f, \"separatorBytes\": %d, \"fullMillis\": %.4f,"
              + " \"fullBytes\": %d}%n",
          context,
          smallMillis,
          small.bytes(),
          fullMillis,
          full.bytes());
      contexts.add((double) context);
      millis.get(SEPARATOR).add(smallMillis);
      millis.get(FULL).add(fullMillis);
      bytes.get(SEPARATOR).add((double) small.bytes());
      bytes.get(FULL).add((double) full.bytes());
    }
    new LineChart("tokens of the text", "milliseconds of a token", contexts, millis)
        .write(folder.resolve("decode-latency-context.png"));
    new LineChart("tokens of the text", "bytes of the cache", contexts, bytes)
        .write(folder.resolve("decode-latency-cache.png"));
  }

  private static Map<String, List<Double>> lines() {
    Map<String, List<Double>> lines = new LinkedHashMap<>();
    lines.put(SEPARATOR, new ArrayList<>());
    lines.put(FULL, new ArrayList<>());
    return lines;
  }

  private static SeparatorCache cache(SeparatorCacheSettings settings) {
    return new SeparatorCache(settings, DataType.FLOAT, 1, HEADS, HEADS, HEAD_SIZE);
  }

  /** Of a period of the cache, again and again after the same text. */
  private double periodMillis(SeparatorCache cache, int context) {
    append(cache, context);
    Map<String, INDArray> text = cache.state();
    return median(
        () -> {
          double millis = stepMillis(cache, PERIOD);
          cache.restore(text);
          return millis;
        });
  }

  /** Of as many tokens before this length of the text as behind it. */
  private double stretchMillis(SeparatorCache cache, int context) {
    append(cache, context - (RUNS + 1) * STRETCH / 2);
    return median(() -> stepMillis(cache, STRETCH));
  }

  private static double median(DoubleSupplier run) {
    run.getAsDouble();
    return DoubleStream.generate(run).limit(RUNS).sorted().skip(RUNS / 2).findFirst().orElseThrow();
  }

  private void append(SeparatorCache cache, int context) {
    while (cache.seen(0) < context) {
      int at = (int) cache.seen(0) % MADE;
      cache.append(keys[at], values[at], kind(cache));
    }
  }

  /** Milliseconds of a token. */
  private double stepMillis(SeparatorCache cache, int tokens) {
    long start = System.nanoTime();
    for (int i = 0; i < tokens; i++) {
      int at = (int) cache.seen(0) % MADE;
      cache.step(query, keys[at], values[at], kind(cache), out);
    }
    return (System.nanoTime() - start) / 1e6 / tokens;
  }

  private INDArray kind(SeparatorCache cache) {
    return cache.seen(0) % 9 == 0 ? separator : token;
  }
}
