package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import io.github.dl4jmemory.testkit.TuckerOracle;
import io.github.dl4jmemory.testkit.TuckerOracle.Hit;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

@ExtendWith(Seeded.class)
class TuckerTopKTest {
  /** [2 * rank][n] of one query. */
  private static double[][] scores(INDArray keyScores, int query, int lines) {
    int n = (int) keyScores.size(4);
    double[] all = Elements.doubles(keyScores);
    return IntStream.range(0, lines)
        .mapToObj(
            i -> Arrays.copyOfRange(all, (query * lines + i) * n, (query * lines + i + 1) * n))
        .toArray(double[][]::new);
  }

  private static void assertHits(String what, List<Hit> hits, INDArray scores, INDArray slots) {
    long[] expected = hits.stream().mapToLong(Hit::slot).toArray();
    AssertClose.same("slots of " + what, expected, slots);
    double[] each = hits.stream().flatMapToDouble(hit -> Arrays.stream(hit.scores())).toArray();
    AssertClose.same("scores of " + what, each, scores);
  }

  /** From given key scores, every tier finds what the rule says, bit for bit. */
  private static void assertSelects(
      Kernels kernels, INDArray keyScores, INDArray cores, INDArray filters, int topK) {
    DataType type = keyScores.dataType();
    long batch = keyScores.size(0);
    int heads = (int) keyScores.size(1);
    INDArray scores = Nd4j.create(type, batch, heads, topK, cores.size(1));
    INDArray slots = Nd4j.create(DataType.INT64, batch, heads, topK);
    assertEquals(
        Kernels.OK, kernels.ultraMem().tuckerSelect(keyScores, cores, filters, scores, slots));
    for (int i = 0; i < batch * heads; i++) {
      int head = i % heads;
      List<Hit> hits =
          TuckerOracle.select(
              scores(keyScores, i, 2 * (int) keyScores.size(3)),
              cores.slice(head),
              filters.slice(head),
              topK,
              type);
      assertHits(
          "query " + i,
          hits,
          scores.slice(i / heads).slice(head),
          slots.slice(i / heads).slice(head));
    }
  }

  private static INDArray filters(INDArray cores) {
    return UltraMemOps.tuckerFilters(cores, null);
  }

  @Test
  void selectionFollowsTheRule(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (int[] s :
              new int[][] {{2, 2, 31, 7}, {3, 1, 53, 13}, {1, 3, 17, 17}, {4, 2, 1, 1}}) {
            INDArray cores = Elements.uniform(random, type, 3, s[1], s[0], s[0]);
            INDArray keyScores = Elements.uniform(random, type, 5, 3, 2, s[0], s[2]);
            assertSelects(kernels, keyScores, cores, filters(cores), s[3]);
          }
        });
  }

  @Test
  void tiesGoToTheLowerIndexAndSlot(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray cores = Elements.whole(random, type, 1, 2, 2, 2, 2);
          INDArray filters = Elements.whole(random, type, 1, 2, 2, 2);
          assertSelects(
              kernels, Elements.whole(random, type, 1, 7, 2, 2, 2, 61), cores, filters, 11);
          assertSelects(kernels, Nd4j.zeros(type, 3, 2, 2, 2, 19), cores, filters, 5);
        });
  }

  @Test
  void infinitiesAreScores(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray keyScores = Elements.uniform(random, type, 1, 1, 2, 2, 23);
          keyScores.putScalar(new int[] {0, 0, 0, 1, 5}, Double.POSITIVE_INFINITY);
          INDArray ones = Nd4j.ones(type, 1, 1, 2, 2);
          assertSelects(kernels, keyScores, ones, Nd4j.ones(type, 1, 2, 2), 3);
        });
  }

  @Test
  void firstQueryWithNanIsNamedAndNothingIsWritten(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray cores = Elements.uniform(random, type, 3, 2, 2, 2);
          INDArray keyScores = Elements.uniform(random, type, 5, 3, 2, 2, 13);
          keyScores.putScalar(new int[] {2, 1, 1, 0, 11}, Double.NaN);
          keyScores.putScalar(new int[] {4, 2, 0, 1, 3}, Double.NaN);
          INDArray scores = Nd4j.create(type, 5, 3, 4, 2);
          INDArray slots = Nd4j.create(DataType.INT64, 5, 3, 4);
          long status =
              kernels.ultraMem().tuckerSelect(keyScores, cores, filters(cores), scores, slots);
          assertEquals((2 * 3 + 1) << 8 | Kernels.NAN, status);
          AssertClose.same("scores", new double[5 * 3 * 4 * 2], scores);
          AssertClose.same("slots", new long[5 * 3 * 4], slots);
        });
  }

  /** Whole numbers: key scores are exact in any order of summation. */
  @Test
  void lookupIsThatOfTheOracle(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (int[] s :
              new int[][] {{1, 1, 2, 5}, {3, 2, 2, 7}, {17, 3, 3, 19}, {101, 1, 2, 67}}) {
            INDArray query = Elements.whole(random, type, 3, s[0], s[1], 2, s[2], s[3]);
            INDArray keys = Elements.whole(random, type, 3, s[1], 2, s[2], 43, s[3]);
            INDArray cores = Elements.uniform(random, type, s[1], 2, s[2], s[2]);
            INDArray filters = filters(cores);
            INDArray scores = Nd4j.create(type, s[0], s[1], 11, 2);
            INDArray slots = Nd4j.create(DataType.INT64, s[0], s[1], 11);
            long status =
                kernels.ultraMem().tuckerTopK(query, keys, cores, filters, 0, scores, slots);
            assertEquals(Kernels.OK, status);
            double[][][] keyScores = TuckerOracle.keyScores(query, keys);
            for (int i = 0; i < keyScores.length; i++) {
              int head = i % s[1];
              List<Hit> hits =
                  TuckerOracle.select(
                      keyScores[i], cores.slice(head), filters.slice(head), 11, type);
              INDArray got = scores.slice(i / s[1]).slice(head);
              assertHits("query " + i, hits, got, slots.slice(i / s[1]).slice(head));
            }
          }
        });
  }

  /**
   * Keys of -4, 0 and 4 whose features are a quarter zeros: with epsilon 4, they are divided by 4.
   */
  @Test
  void normalisedKeysAreDividedByTheirRootMeanSquare(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (int[] s : new int[][] {{2, 2, 2, 4}, {19, 1, 3, 68}, {101, 2, 1, 132}}) {
            INDArray query = Elements.whole(random, type, 3, s[0], s[1], 2, s[2], s[3]);
            INDArray divided = Elements.whole(random, type, 3, s[1], 2, s[2], 43, s[3]);
            for (int i = 0; i < divided.length(); i++) {
              double sign = random.nextBoolean() ? 1 : -1;
              divided.reshape(-1).putScalar(i, i % s[3] % 4 == 0 ? 0 : sign);
            }
            INDArray cores = Elements.uniform(random, type, s[1], 2, s[2], s[2]);
            INDArray filters = filters(cores);
            INDArray want = Nd4j.create(type, s[0], s[1], 11, 2);
            INDArray wantSlots = Nd4j.create(DataType.INT64, s[0], s[1], 11);
            INDArray scores = want.dup();
            INDArray slots = wantSlots.dup();
            UltraMemKernels kernel = kernels.ultraMem();
            kernel.tuckerTopK(query, divided, cores, filters, 0, want, wantSlots);
            INDArray keys = divided.mul(4); // mean square 12
            long status = kernel.tuckerTopK(query, keys, cores, filters, 4, scores, slots);
            assertEquals(Kernels.OK, status);
            AssertClose.same("slots", Elements.longs(wantSlots), slots);
            AssertClose.same("scores", Elements.doubles(want), scores);
          }
        });
  }

  @Test
  void gradientIsThatOfTheOracle(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (int[] s : new int[][] {{7, 2, 2, 13, 2}, {5, 1, 3, 67, 1}, {3, 3, 1, 131, 3}}) {
            INDArray[] in = {
              Elements.uniform(random, type, s[0], s[1], 2, s[2], s[3]),
              Elements.uniform(random, type, s[1], 2, s[2], 17, s[3]),
              Elements.uniform(random, type, s[1], s[4], s[2], s[2]),
              Elements.slots(random, 17 * 17, s[0], s[1], 11),
              Elements.uniform(random, type, s[0], s[1], 11, s[4])
            };
            INDArray[] out = new INDArray[3];
            for (int i = 0; i < 3; i++) {
              out[i] = Nd4j.valueArrayOf(in[i].shape(), 55, type);
            }
            assertEquals(
                Kernels.OK, kernels.ultraMem().tuckerTopKGradient(in, out[0], out[1], out[2]));
            double[][] want = TuckerOracle.gradients(in[0], in[1], in[2], in[3], in[4]);
            double largest = (double) s[3] * s[3] * s[4] * s[2];
            double tolerance = AssertClose.tolerance(type, s[0] * 11, largest);
            AssertClose.close("query", want[0], out[0], tolerance);
            AssertClose.close("keys", want[1], out[1], tolerance);
            AssertClose.close("cores", want[2], out[2], tolerance);
          }
        });
  }

  @Test
  void gradientRefusesASlotOutOfRangeAndWritesNothing(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray[] in = {
            Elements.uniform(random, type, 2, 1, 2, 2, 3),
            Elements.uniform(random, type, 1, 2, 2, 5, 3),
            Elements.uniform(random, type, 1, 2, 2, 2),
            Nd4j.createFromArray(0L, 24L, 7L, 25L, -1L, 3L).reshape(2, 1, 3),
            Elements.uniform(random, type, 2, 1, 3, 2)
          };
          INDArray dQuery = Nd4j.create(type, in[0].shape());
          long status = kernels.ultraMem().tuckerTopKGradient(in, dQuery, in[1].dup(), in[2].dup());
          assertEquals(3 << 8 | Kernels.OUT_OF_RANGE, status);
          AssertClose.same("query", new double[24], dQuery);
        });
  }

  /** In DOUBLE, with the same choice of slots on both sides of every step. */
  @Test
  void gradientIsThatOfTheScores(Random random) {
    INDArray query = Elements.uniform(random, DataType.DOUBLE, 3, 2, 2, 2, 5);
    INDArray keys = Elements.uniform(random, DataType.DOUBLE, 2, 2, 2, 3, 5);
    INDArray cores = Elements.uniform(random, DataType.DOUBLE, 2, 2, 2, 2);
    INDArray filters = filters(cores);
    INDArray factors = Elements.uniform(random, DataType.DOUBLE, 2, 3, 3, 3);
    UltraMemOps.TuckerTopK top = UltraMemOps.tuckerTopK(query, keys, cores, filters, 3);
    INDArray g = Nd4j.create(DataType.DOUBLE, 3, 2, 3, 2);
    for (long i = 0; i < top.slots().length(); i++) {
      for (int c = 0; c < 2; c++) {
        g.reshape(-1, 2).putScalar(i, c, factor(factors, c, top.slots().getLong(i)));
      }
    }
    UltraMemOps.TuckerTopKGradient gradient =
        UltraMemOps.tuckerTopKGradient(query, keys, cores, top.slots(), g);
    java.util.function.DoubleSupplier loss =
        () -> loss(UltraMemOps.tuckerTopK(query, keys, cores, filters, 3), top.slots(), factors);
    Differences.assertGradient("query", query, gradient.query(), loss);
    Differences.assertGradient("keys", keys, gradient.keys(), loss);
    Differences.assertGradient("cores", cores, gradient.cores(), loss);
  }

  private static double factor(INDArray factors, int core, long slot) {
    return factors.getDouble(core, slot / 3, slot % 3);
  }

  /** Each score times a factor of its core and slot: a change of order alone changes nothing. */
  private static double loss(UltraMemOps.TuckerTopK top, INDArray chosen, INDArray factors) {
    double loss = 0;
    for (long i = 0; i < top.slots().length(); i++) {
      long slot = top.slots().getLong(i);
      assertTrue(Arrays.stream(Elements.longs(chosen)).anyMatch(s -> s == slot), "a slot is new");
      for (int c = 0; c < 2; c++) {
        loss += factor(factors, c, slot) * top.scores().reshape(-1, 2).getDouble(i, c);
      }
    }
    return loss;
  }

  /** With C = I of rank 2 and a constant score on one rank of each side, scores are sums. */
  @Test
  void theScoresOfAddedProductKeysAreASpecialCase(Random random) {
    INDArray query = Elements.uniform(random, DataType.DOUBLE, 5, 1, 2, 2, 7);
    INDArray keys = Elements.uniform(random, DataType.DOUBLE, 1, 2, 2, 11, 7);
    for (int side = 0; side < 2; side++) {
      int constant = 1 - side;
      query.slice(side, 2).slice(constant, 2).assign(1.0 / 7);
      keys.slice(side, 1).slice(constant, 1).assign(1.0);
    }
    INDArray eye = Nd4j.eye(2).castTo(DataType.DOUBLE).reshape(1, 1, 2, 2);
    INDArray filters = Nd4j.createFromArray(1.0, 0, 0, 1).reshape(1, 2, 2);
    UltraMemOps.TuckerTopK got = UltraMemOps.tuckerTopK(query, keys, eye, filters, 11);
    INDArray flat =
        Nd4j.concat(
            1,
            query.slice(0, 2).slice(0, 2).reshape(5, 7),
            query.slice(1, 2).slice(1, 2).reshape(5, 7));
    INDArray subKeys =
        Nd4j.stack(
            0,
            keys.slice(0, 1).slice(0, 1).reshape(11, 7),
            keys.slice(1, 1).slice(1, 1).reshape(11, 7));
    MemoryOps.TopK want =
        MemoryOps.productKeyTopK(flat.reshape(5, 1, 14), subKeys.reshape(1, 2, 11, 7), 11);
    AssertClose.same("slots", Elements.longs(want.slots()), got.slots());
    AssertClose.close("scores", Elements.doubles(want.scores()), got.scores(), 1e-14);
  }

  /** Cores above zero and filters from them: what passes holds the best of the positive pairs. */
  @Test
  void theFilterFindsTheBestOfThePositivePairs(Random random) {
    int n = 211;
    INDArray cores = Elements.uniform(random, DataType.DOUBLE, 1, 1, 2, 2).mul(0.05).add(1);
    INDArray filters = filters(cores);
    INDArray query = Nd4j.ones(DataType.DOUBLE, 1, 1, 2, 2, 1);
    INDArray keys = Elements.uniform(random, DataType.DOUBLE, 1, 2, 2, n, 1);
    List<Hit> all =
        TuckerOracle.select(
            TuckerOracle.keyScores(query, keys)[0],
            cores.slice(0),
            filters.slice(0),
            n,
            DataType.DOUBLE);
    UltraMemOps.TuckerTopK got = UltraMemOps.tuckerTopK(query, keys, cores, filters, 13);
    long found =
        all.stream()
            .filter(
                hit ->
                    positive(keys, filters, 0, hit.slot() / n)
                        && positive(keys, filters, 1, hit.slot() % n))
            .limit(13)
            .filter(
                hit -> Arrays.stream(Elements.longs(got.slots())).anyMatch(s -> s == hit.slot()))
            .count();
    assertTrue(found >= 10, found + " of 13");
  }

  private static boolean positive(INDArray keys, INDArray filters, int side, long key) {
    double sum = 0;
    for (int a = 0; a < 2; a++) {
      sum += filters.getDouble(0, side, a) * keys.getDouble(0, side, a, key, 0);
    }
    return sum > 0;
  }

  @Test
  void anEmptyBatchGivesEmptyResultsAndZeroGradients() {
    INDArray query = Nd4j.create(DataType.FLOAT, 0, 2, 2, 2, 3);
    INDArray keys = Nd4j.ones(DataType.FLOAT, 2, 2, 2, 5, 3);
    INDArray cores = Nd4j.ones(DataType.FLOAT, 2, 1, 2, 2);
    UltraMemOps.TuckerTopK top = UltraMemOps.tuckerTopK(query, keys, cores, filters(cores), 3);
    assertTrue(top.scores().isEmpty() && top.slots().isEmpty());
    UltraMemOps.TuckerTopKGradient gradient =
        UltraMemOps.tuckerTopKGradient(query, keys, cores, top.slots(), top.scores());
    AssertClose.same("keys", new double[2 * 2 * 2 * 5 * 3], gradient.keys());
    AssertClose.same("cores", new double[8], gradient.cores());
  }
}
