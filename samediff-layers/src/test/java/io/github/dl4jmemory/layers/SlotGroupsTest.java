package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.testkit.Seeded;
import java.util.Arrays;
import java.util.Collections;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The spread of random counts and weights against loops over sorted slots. */
@ExtendWith(Seeded.class)
class SlotGroupsTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 23, 1009})
  void counts(int slots, Random random) {
    int[] counts = new int[slots];
    for (int i = 0; i < slots; i++) {
      counts[i] = random.nextInt(3) == 0 ? 0 : (int) Math.exp(random.nextInt(13));
    }
    counts[random.nextInt(slots)] = 70_001 + random.nextInt(1000); // beyond the small groups
    double[] amounts = Arrays.stream(counts).asDoubleStream().toArray();
    check(amounts, SlotGroups.ofCounts(counts).spread(), 1e-12, 0);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 23, 1009})
  void weights(int slots, Random random) {
    float[] weights = new float[slots];
    for (int i = 0; i < slots; i++) {
      weights[i] = random.nextInt(3) == 0 ? 0 : (float) Math.exp(6 * random.nextGaussian());
    }
    weights[random.nextInt(slots)] = 0.3f;
    double[] amounts = IntStream.range(0, slots).mapToDouble(i -> weights[i]).toArray();
    check(amounts, SlotGroups.ofWeights(weights).spread(), 2e-3, 1 + slots / 500);
  }

  private static void check(double[] amounts, SlotSpread spread, double tolerance, long ranks) {
    assertEquals(SpreadOracle.share(amounts), spread.share());
    assertEquals(SpreadOracle.kl(amounts), spread.kl(), tolerance);
    assertEquals(SpreadOracle.gini(amounts), spread.gini(), tolerance);
    assertEquals(SpreadOracle.top(amounts, 50), spread.top50(), ranks);
    assertEquals(SpreadOracle.top(amounts, 90), spread.top90(), ranks);
    assertEquals(SpreadOracle.top(amounts, 99), spread.top99(), ranks);
    assertEquals(SlotSpread.LORENZ_POINTS, spread.lorenz().size());
    for (int i = 0; i < SlotSpread.LORENZ_POINTS; i++) {
      assertEquals(SpreadOracle.lorenz(amounts, i / 20.0), spread.lorenz().get(i), tolerance);
    }
  }

  @Test
  void extremes() {
    int[] even = new int[100];
    Arrays.fill(even, 7);
    SlotSpread all = SlotGroups.ofCounts(even).spread();
    assertEquals(1, all.share());
    assertEquals(0, all.kl(), 1e-12);
    assertEquals(-0.01, all.gini(), 1e-12);
    assertEquals(90, all.top90());
    int[] single = new int[100];
    single[3] = 5;
    SlotSpread one = SlotGroups.ofCounts(single).spread();
    assertEquals(Math.log(100), one.kl(), 1e-12);
    assertEquals(0.98, one.gini(), 1e-12);
    assertEquals(1, one.top99());
    SlotSpread none = SlotGroups.ofCounts(new int[100]).spread();
    assertEquals(
        new SlotSpread(0, 0, 0, 0, 0, 0, Collections.nCopies(SlotSpread.LORENZ_POINTS, 0.0)), none);
    assertEquals(none, SlotGroups.ofWeights(new float[100]).spread());
  }
}
