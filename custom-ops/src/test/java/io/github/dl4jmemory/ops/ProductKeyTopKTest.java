package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.ProductKeyOracle;
import io.github.dl4jmemory.testkit.ProductKeyOracle.Hit;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

@ExtendWith(Seeded.class)
class ProductKeyTopKTest {
  private static INDArray empty(DataType type, long... shape) {
    return Nd4j.create(type, shape);
  }

  /** [queries, 2, n] as the oracle takes it: one [2][n] a query. */
  private static double[][] half(INDArray halfScores, int query) {
    int n = (int) halfScores.size(2);
    double[] all = Elements.doubles(halfScores);
    int at = query * 2 * n;
    return new double[][] {
      Arrays.copyOfRange(all, at, at + n), Arrays.copyOfRange(all, at + n, at + 2 * n)
    };
  }

  /** On given half scores, every tier finds what the rule says, bit for bit. */
  private static void assertSelects(Kernels kernels, INDArray halfScores, int topK) {
    DataType type = halfScores.dataType();
    int queries = (int) halfScores.size(0);
    INDArray scores = empty(type, queries, topK);
    INDArray slots = empty(DataType.INT64, queries, topK);
    assertEquals(Kernels.OK, kernels.select(halfScores, scores, slots));
    for (int i = 0; i < queries; i++) {
      List<Hit> hits = ProductKeyOracle.select(half(halfScores, i), topK, type);
      double[] sums = hits.stream().mapToDouble(Hit::score).toArray();
      AssertClose.same("scores of query " + i, sums, scores.getRow(i));
      AssertClose.same(
          "slots of query " + i, hits.stream().mapToLong(Hit::slot).toArray(), slots.getRow(i));
      AssertClose.same(
          "best sums of query " + i,
          ProductKeyOracle.bestSums(half(halfScores, i), topK, type),
          scores.getRow(i));
    }
  }

  @Test
  void selectionIsExact(Random random) {
    Tiers.each(
        (kernels, type) -> {
          assertSelects(kernels, Elements.uniform(random, type, 13, 2, 31), 7);
          assertSelects(kernels, Elements.uniform(random, type, 3, 2, 263), 37);
        });
  }

  @Test
  void tiesGoToTheLowerIndexAndSlot(Random random) {
    Tiers.each(
        (kernels, type) -> {
          assertSelects(kernels, Elements.whole(random, type, 2, 17, 2, 29), 11);
          assertSelects(kernels, empty(type, 2, 2, 19), 5);
        });
  }

  /** The sum of distinct halves rounds to equal scores: ties that only rounding makes. */
  @Test
  void roundedSumsAreTies(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray half = Elements.uniform(random, type, 5, 2, 23);
          half.slice(0).slice(0).addi(type == DataType.FLOAT ? 1e7 : 1e16);
          half.slice(3).slice(1).addi(type == DataType.FLOAT ? 3e6 : 3e15);
          assertSelects(kernels, half, 13);
        });
  }

  @Test
  void everyKeyMayBeAsked(Random random) {
    Tiers.each(
        (kernels, type) -> {
          assertSelects(kernels, Elements.uniform(random, type, 3, 2, 17), 17);
          assertSelects(kernels, Elements.uniform(random, type, 3, 2, 1), 1);
        });
  }

  @Test
  void infinitiesAreScores(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray half = Elements.uniform(random, type, 1, 2, 11);
          half.putScalar(0, 0, 3, Double.NEGATIVE_INFINITY);
          half.putScalar(0, 1, 5, Double.POSITIVE_INFINITY);
          assertSelects(kernels, half, 5);
        });
  }

  @Test
  void firstQueryWithNanIsNamedAndNothingIsWritten(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray half = Elements.uniform(random, type, 7, 2, 13);
          half.putScalar(4, 1, 12, Double.NaN);
          half.putScalar(6, 0, 0, Double.NaN);
          INDArray scores = empty(type, 7, 3);
          INDArray slots = empty(DataType.INT64, 7, 3);
          assertEquals(4 << 8 | Kernels.NAN, kernels.select(half, scores, slots));
          AssertClose.same("scores", new double[21], scores);
          AssertClose.same("slots", new long[21], slots);
        });
  }

  /** Opposite infinities in the best of the halves have no sum. */
  @Test
  void sumThatIsNanIsNamed(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray half = Elements.uniform(random, type, 3, 2, 5);
          half.slice(2).slice(0).assign(Double.NEGATIVE_INFINITY);
          half.putScalar(2, 1, 4, Double.POSITIVE_INFINITY);
          INDArray scores = empty(type, 3, 2);
          INDArray slots = empty(DataType.INT64, 3, 2);
          assertEquals(2 << 8 | Kernels.NAN, kernels.select(half, scores, slots));
        });
  }

  @Test
  void nanInTheQueryIsNamed(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray query = Elements.uniform(random, type, 5, 3, 14);
          query.putScalar(2, 1, 9, Double.NaN);
          query.putScalar(4, 0, 0, Double.NaN);
          INDArray keys = Elements.uniform(random, type, 3, 2, 11, 7);
          INDArray scores = empty(type, 5, 3, 2);
          INDArray slots = empty(DataType.INT64, 5, 3, 2);
          assertEquals(
              (2 * 3 + 1) << 8 | Kernels.NAN, kernels.productKeyTopK(query, keys, scores, slots));
          AssertClose.same("scores", new double[30], scores);
        });
  }

  /** Whole numbers have exact half scores: the whole lookup is bit-equal, ties included. */
  @Test
  void lookupOfWholeNumbersIsExact(Random random) {
    Tiers.each(
        (kernels, type) -> {
          assertLooksUp(
              kernels, whole(random, type, 131, 3, 26), whole(random, type, 3, 2, 31, 13));
          assertLooksUp(kernels, whole(random, type, 5, 2, 6), whole(random, type, 2, 2, 521, 3));
          assertLooksUp(kernels, whole(random, type, 1, 1, 2), whole(random, type, 1, 2, 11, 1));
          assertLooksUp(kernels, whole(random, type, 1, 5, 34), whole(random, type, 5, 2, 11, 17));
        });
  }

  private static INDArray whole(Random random, DataType type, long... shape) {
    return Elements.whole(random, type, 5, shape);
  }

  private static void assertLooksUp(Kernels kernels, INDArray query, INDArray keys) {
    int topK = 11;
    long[] shape = {query.size(0), query.size(1), topK};
    INDArray scores = empty(query.dataType(), shape);
    INDArray slots = empty(DataType.INT64, shape);
    assertEquals(Kernels.OK, kernels.productKeyTopK(query, keys, scores, slots));
    double[][][] half = ProductKeyOracle.halfScores(query, keys);
    double[] sums = new double[half.length * topK];
    long[] found = new long[half.length * topK];
    for (int i = 0; i < half.length; i++) {
      List<Hit> hits = ProductKeyOracle.select(half[i], topK, query.dataType());
      for (int k = 0; k < topK; k++) {
        sums[i * topK + k] = hits.get(k).score();
        found[i * topK + k] = hits.get(k).slot();
      }
    }
    AssertClose.same("scores", sums, scores);
    AssertClose.same("slots", found, slots);
  }

  /**
   * Random numbers: each score is the oracle's score of its slot, the sorted scores are the best of
   * all n * n, and no slot comes twice, all within the rounding of the half scores.
   */
  @Test
  void lookupFindsTheBestScores(Random random) {
    Tiers.each(
        (kernels, type) -> {
          int n = 67;
          int side = 23;
          int topK = 19;
          INDArray query = Elements.uniform(random, type, 29, 3, 2 * side);
          INDArray keys = Elements.uniform(random, type, 3, 2, n, side);
          INDArray scores = empty(type, 29, 3, topK);
          INDArray slots = empty(DataType.INT64, 29, 3, topK);
          assertEquals(Kernels.OK, kernels.productKeyTopK(query, keys, scores, slots));
          double tolerance = 2 * AssertClose.tolerance(type, side + 1, 1);
          double[][][] half = ProductKeyOracle.halfScores(query, keys);
          long[] found = Elements.longs(slots);
          double[] bestSums = new double[found.length];
          double[] ownSums = new double[found.length];
          for (int i = 0; i < half.length; i++) {
            double[] best = ProductKeyOracle.bestSums(half[i], topK, DataType.DOUBLE);
            System.arraycopy(best, 0, bestSums, i * topK, topK);
            for (int at = i * topK; at < (i + 1) * topK; at++) {
              ownSums[at] = half[i][0][(int) (found[at] / n)] + half[i][1][(int) (found[at] % n)];
            }
            long distinct = Arrays.stream(found, i * topK, (i + 1) * topK).distinct().count();
            assertEquals(topK, distinct);
          }
          AssertClose.close("scores", bestSums, scores, tolerance);
          AssertClose.close("scores of the slots", ownSums, scores, tolerance);
        });
  }

  @Test
  void gradientIsThatOfTheOracle(Random random) {
    Tiers.each(
        (kernels, type) -> {
          int n = 263;
          INDArray query = Elements.uniform(random, type, 37, 3, 26);
          INDArray keys = Elements.uniform(random, type, 3, 2, n, 13);
          INDArray slots = Elements.slots(random, n * n, 37, 3, 11);
          INDArray gradients = Elements.uniform(random, type, 37, 3, 11);
          INDArray dq = Elements.uniform(random, type, query.shape());
          INDArray dk = Elements.uniform(random, type, keys.shape());
          assertEquals(
              Kernels.OK, kernels.productKeyTopKGradient(query, keys, slots, gradients, dq, dk));
          AssertClose.close(
              "query gradient",
              ProductKeyOracle.queryGradient(query, keys, slots, gradients),
              dq,
              AssertClose.tolerance(type, 11, 1));
          AssertClose.close(
              "sub-key gradient",
              ProductKeyOracle.subKeyGradient(query, keys, slots, gradients),
              dk,
              AssertClose.tolerance(type, 37 * 11, 1));
        });
  }

  @Test
  void gradientOfASlotOutOfRangeIsRefused(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray query = Elements.uniform(random, type, 3, 2, 6);
          INDArray keys = Elements.uniform(random, type, 2, 2, 5, 3);
          INDArray slots = Elements.slots(random, 25, 3, 2, 4);
          slots.putScalar(17, 25);
          INDArray gradients = Elements.uniform(random, type, 3, 2, 4);
          INDArray dq = empty(type, query.shape());
          INDArray dk = empty(type, keys.shape());
          assertEquals(
              17 << 8 | Kernels.OUT_OF_RANGE,
              kernels.productKeyTopKGradient(query, keys, slots, gradients, dq, dk));
          AssertClose.same("query gradient", new double[36], dq);
          AssertClose.same("sub-key gradient", new double[60], dk);
        });
  }

  /**
   * The gradient of a weighted sum of scores, against differences, far from any change of slots.
   */
  @Test
  void gradientIsThatOfTheScores(Random random) {
    INDArray query = Elements.uniform(random, DataType.DOUBLE, 3, 2, 10);
    INDArray keys = Elements.uniform(random, DataType.DOUBLE, 2, 2, 7, 5);
    INDArray weights = Elements.uniform(random, DataType.DOUBLE, 3, 2, 4);
    MemoryOps.TopK found = MemoryOps.productKeyTopK(query, keys, 4);
    MemoryOps.TopKGradient gradient =
        MemoryOps.productKeyTopKGradient(query, keys, found.slots(), weights);
    Differences.assertGradient(
        "query", query, gradient.query(), () -> weighted(query, keys, found.slots(), weights));
    Differences.assertGradient(
        "subKeys", keys, gradient.subKeys(), () -> weighted(query, keys, found.slots(), weights));
  }

  /** Sum of weights times the scores of given slots. */
  private static double weighted(INDArray query, INDArray keys, INDArray slots, INDArray weights) {
    double[][][] half = ProductKeyOracle.halfScores(query, keys);
    int topK = (int) slots.size(2);
    int n = (int) keys.size(2);
    long[] slot = Elements.longs(slots);
    double[] weight = Elements.doubles(weights);
    double sum = 0;
    for (int at = 0; at < slot.length; at++) {
      double[][] mine = half[at / topK];
      sum += weight[at] * (mine[0][(int) (slot[at] / n)] + mine[1][(int) (slot[at] % n)]);
    }
    return sum;
  }

  /** The slots of a query do not depend on the other queries of the batch. */
  @Test
  void oneQueryIsLookedUpAsInABatch(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray query = whole(random, type, 7, 2, 22);
          INDArray keys = whole(random, type, 2, 2, 41, 11);
          INDArray scores = empty(type, 7, 2, 5);
          INDArray slots = empty(DataType.INT64, 7, 2, 5);
          kernels.productKeyTopK(query, keys, scores, slots);
          INDArray oneScore = empty(type, 1, 2, 5);
          INDArray oneSlot = empty(DataType.INT64, 1, 2, 5);
          kernels.productKeyTopK(query.slice(4).dup().reshape(1, 2, 22), keys, oneScore, oneSlot);
          AssertClose.same("slots", Elements.longs(slots.slice(4)), oneSlot);
          AssertClose.same("scores", Elements.doubles(scores.slice(4)), oneScore);
          assertTrue(Elements.longs(oneSlot)[0] < 41 * 41);
        });
  }
}
