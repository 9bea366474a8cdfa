package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A long text: neither the heap that a step uses nor the memory off the heap grows. */
class SeparatorCacheSoakTest {

  private static final int STEPS = 20_000;
  private static final int STRETCH = 2_000;

  @Test
  void memoryStaysAsItIs() {
    for (CacheRule rule : CacheRule.values()) {
      SeparatorCacheSettings.Builder settings =
          SeparatorCacheSettings.builder().initial(2).size(40).rule(rule).rotary(10000, 4);
      if (rule != CacheRule.STREAMING_LLM) {
        settings.separators(8).window(16);
      }
      assertFlat(new SeparatorCache(settings.build(), DataType.FLOAT, 1, 2, 1, 4));
    }
  }

  private static void assertFlat(SeparatorCache cache) {
    StreamingTexts texts =
        new StreamingTexts(new Random(1), DataType.FLOAT, 2, 1, 4, "ab.cd.efghi.j");
    INDArray[][] tokens = new INDArray[texts.time][];
    for (int t = 0; t < texts.time; t++) {
      tokens[t] =
          new INDArray[] {
            StreamingTexts.part(texts.queries, t, t + 1),
            StreamingTexts.part(texts.keys, t, t + 1),
            StreamingTexts.part(texts.values, t, t + 1),
            StreamingTexts.part(texts.kinds, t, t + 1)
          };
    }
    INDArray out = tokens[0][0].ulike();
    long bytes = cache.bytes();
    steps(cache, tokens, out, STRETCH);
    long offHeap = Nd4j.getEnvironment().getDeviceCouner(0);
    long early = heapOf(() -> steps(cache, tokens, out, STRETCH));
    steps(cache, tokens, out, STEPS - 3 * STRETCH);
    long late = heapOf(() -> steps(cache, tokens, out, STRETCH));
    assertEquals(STEPS, cache.seen(0));
    assertEquals(bytes, cache.bytes());
    assertTrue(
        late <= early + early / 10,
        "heap bytes of " + STRETCH + " steps: " + early + " at first, " + late + " later");
    long more = Nd4j.getEnvironment().getDeviceCouner(0) - offHeap;
    assertTrue(more <= 0, "bytes off the heap after the run: " + more + " more");
  }

  private static void steps(SeparatorCache cache, INDArray[][] tokens, INDArray out, int count) {
    for (int i = 0; i < count; i++) {
      INDArray[] token = tokens[i % tokens.length];
      cache.step(token[0], token[1], token[2], token[3], out);
    }
  }

  /** Heap bytes that this thread allocates. */
  private static long heapOf(Runnable action) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long thread = Thread.currentThread().getId();
    long before = threads.getThreadAllocatedBytes(thread);
    action.run();
    return threads.getThreadAllocatedBytes(thread) - before;
  }
}
