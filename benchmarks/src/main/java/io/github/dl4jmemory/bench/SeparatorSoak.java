package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.layers.SeparatorCache;
import io.github.dl4jmemory.layers.SeparatorCacheSettings;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Feeds one cache a text of many tokens, each with the output of the one before in its query, and
 * says at intervals what memory the process has: {@code SeparatorSoak TOKENS}. The last line says
 * by how much it grew in the second half.
 */
public final class SeparatorSoak {
  private static final int HEADS = 12;
  private static final int HEAD_SIZE = 64;
  private static final int INTERVALS = 20;
  private static final int MADE = 127; // tokens made once, used in turn

  private final SeparatorCache cache =
      new SeparatorCache(
          SeparatorCacheSettings.builder().rotary(10000, HEAD_SIZE).build(),
          DataType.FLOAT,
          1,
          HEADS,
          HEADS,
          HEAD_SIZE);
  private final INDArray[] keys = new INDArray[MADE];
  private final INDArray[] values = new INDArray[MADE];
  private final INDArray token = Nd4j.zeros(DataType.INT8, 1, 1);
  private final INDArray separator = Nd4j.ones(DataType.INT8, 1, 1);
  private final INDArray query = Inputs.uniform(1, 1, 1, HEADS, HEAD_SIZE);
  private final INDArray out = query.ulike();
  private final Random random = new Random(1);

  private SeparatorSoak() {
    for (int i = 0; i < MADE; i++) {
      keys[i] = Inputs.uniform(2 * i + 2, 1, 1, HEADS, HEAD_SIZE);
      values[i] = Inputs.uniform(2 * i + 3, 1, 1, HEADS, HEAD_SIZE);
    }
  }

  /**
   * Runs once.
   *
   * @param args number of tokens
   * @throws IOException if the system does not say what memory the process has
   */
  public static void main(String[] args) throws IOException {
    new SeparatorSoak().run(Long.parseLong(args[0]));
  }

  private void run(long tokens) throws IOException {
    System.out.println(
        "tokens, heap bytes, ND4J bytes, resident bytes, bytes of the cache, us a token");
    long[] first = null;
    long[] last = null;
    for (int interval = 0; interval < INTERVALS; interval++) {
      long start = System.nanoTime();
      for (long i = 0; i < tokens / INTERVALS; i++) {
        step();
      }
      double micros = (System.nanoTime() - start) / 1e3 / (tokens / INTERVALS);
      last = memory();
      if (interval == INTERVALS / 2) {
        first = last;
      }
      System.out.printf(
          "%d, %d, %d, %d, %d, %.1f%n",
          cache.seen(0), last[0], last[1], last[2], cache.bytes(), micros);
    }
    System.out.printf(
        "grown in the second half: heap %d, ND4J %d, resident %d%n",
        last[0] - first[0], last[1] - first[1], last[2] - first[2]);
  }

  private void step() {
    int i = random.nextInt(MADE);
    cache.step(query, keys[i], values[i], random.nextInt(100) < 12 ? separator : token, out);
    query.muli(0.5).addi(out);
  }

  /** Heap after a collection, what ND4J has allocated, and what is resident. */
  private static long[] memory() throws IOException {
    System.gc();
    long heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    return new long[] {heap, Nd4j.getEnvironment().getDeviceCouner(0), resident()};
  }

  private static long resident() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    throw new IOException("no VmRSS in /proc/self/status");
  }
}
