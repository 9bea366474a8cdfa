package io.github.dl4jmemory.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class InputsTest {
  private static final Shape TINY =
      Shape.parse(List.of("batch=32", "heads=2", "subKeys=32", "topK=4", "valueSize=8"));

  /** The first numbers of {@code python3 benchmarks/peer/inputs.py}: both sides make the same. */
  @Test
  void peersMakeTheSameNumbers() {
    assertEquals(
        "[f2fe0b74, 39f63902, 16b2758a, 8cddc8d]",
        IntStream.range(0, 4).mapToObj(i -> hex(Inputs.mix(3, i))).toList().toString());
  }

  @Test
  void setsOfSlotsAreDistinctAndCoverTheTable() {
    long[] all =
        IntStream.range(0, TINY.slots() / TINY.accesses())
            .mapToObj(set -> Inputs.slots(TINY, set))
            .flatMapToLong(LongStream::of)
            .sorted()
            .toArray();
    assertArrayEquals(LongStream.range(0, TINY.slots()).toArray(), all);
  }

  private static String hex(int number) {
    return Integer.toHexString(number);
  }
}
