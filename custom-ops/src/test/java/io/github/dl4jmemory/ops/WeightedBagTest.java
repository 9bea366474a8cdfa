package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.BagOracle;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

@ExtendWith(Seeded.class)
class WeightedBagTest {
  private static void assertSums(
      Kernels kernels, INDArray values, INDArray slots, INDArray weights) {
    INDArray out =
        Elements.uniform(new Random(1), values.dataType(), slots.size(0), values.size(1));
    assertEquals(Kernels.OK, kernels.weightedBag(values, slots, weights, out));
    AssertClose.close(
        "out",
        BagOracle.forward(values, slots, weights),
        out,
        AssertClose.tolerance(values.dataType(), slots.size(1), 1));
  }

  private static void assertBag(
      Random random, Kernels kernels, DataType type, int slotCount, int valueSize, int bagSize) {
    assertSums(
        kernels,
        Elements.uniform(random, type, slotCount, valueSize),
        Elements.slots(random, slotCount, 43, bagSize),
        Elements.uniform(random, type, 43, bagSize));
  }

  /** Value sizes around the widths at which vector code changes its path. */
  @Test
  void sumsAreThoseOfTheOracle(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (int valueSize : new int[] {1, 3, 8, 17, 31, 64, 67, 131}) {
            assertBag(random, kernels, type, 97, valueSize, 13);
          }
          assertBag(random, kernels, type, 1, 5, 7);
          assertBag(random, kernels, type, 53, 37, 1);
        });
  }

  @Test
  void aSlotMayStandInABagTwice(Random random) {
    Tiers.each(
        (kernels, type) ->
            assertSums(
                kernels,
                Elements.uniform(random, type, 11, 19),
                Nd4j.valueArrayOf(new long[] {5, 23}, 7L, DataType.INT64),
                Elements.uniform(random, type, 5, 23)));
  }

  @Test
  void slotOutOfRangeIsNamedAndNothingIsWritten(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (long wrong : new long[] {-1, 31, Long.MAX_VALUE, Long.MIN_VALUE}) {
            INDArray slots = Elements.slots(random, 31, 17, 5);
            slots.putScalar(new int[] {11, 3}, wrong);
            slots.putScalar(new int[] {16, 4}, wrong);
            INDArray out = Nd4j.create(type, 17, 7);
            long status =
                kernels.weightedBag(
                    Elements.uniform(random, type, 31, 7),
                    slots,
                    Elements.uniform(random, type, 17, 5),
                    out);
            assertEquals((11 * 5 + 3) << 8 | Kernels.OUT_OF_RANGE, status);
            AssertClose.same("out", new double[17 * 7], out);
            INDArray dw = Nd4j.create(type, 17, 5);
            status =
                kernels.weightedBagWeightGradient(
                    Elements.uniform(random, type, 31, 7),
                    slots,
                    Elements.uniform(random, type, 17, 7),
                    dw);
            assertEquals((11 * 5 + 3) << 8 | Kernels.OUT_OF_RANGE, status);
            AssertClose.same("weight gradient", new double[17 * 5], dw);
          }
        });
  }

  /** Compact and by row, with a sentinel in every row that is not touched. */
  @Test
  void gradientIsThatOfTheOracle(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (int valueSize : new int[] {1, 5, 8, 23, 64, 67}) {
            assertGradient(
                kernels,
                Elements.uniform(random, type, 89, valueSize),
                Elements.slots(random, 89, 13, 7),
                Elements.uniform(random, type, 13, 7),
                Elements.uniform(random, type, 13, valueSize));
          }
        });
  }

  @Test
  void everyAccessMayBeToOneRow(Random random) {
    Tiers.each(
        (kernels, type) ->
            assertGradient(
                kernels,
                Elements.uniform(random, type, 5, 29),
                Nd4j.valueArrayOf(new long[] {31, 11}, 3L, DataType.INT64),
                Elements.uniform(random, type, 31, 11),
                Elements.uniform(random, type, 31, 29)));
  }

  private static void assertGradient(
      Kernels kernels, INDArray values, INDArray slots, INDArray weights, INDArray outGradients) {
    DataType type = values.dataType();
    int valueSize = (int) values.size(1);
    Accesses accesses = new Accesses();
    accesses.reserve(slots, values.size(0));
    assertEquals(Kernels.OK, kernels.groupByRow(slots, values.size(0), accesses));
    accesses.grouped();
    long[] rows = Elements.longs(accesses.rows());
    double[] dense = BagOracle.valueGradient(values, slots, weights, outGradients);
    double[] weightGradient = BagOracle.weightGradient(values, slots, outGradients);
    double rowTolerance = AssertClose.tolerance(type, slots.length(), 1);
    double weightTolerance = AssertClose.tolerance(type, valueSize, 1);

    INDArray compact = Nd4j.create(type, rows.length, valueSize);
    INDArray dw = Nd4j.create(type, weights.shape());
    assertEquals(
        Kernels.OK,
        kernels.weightedBagGradient(values, weights, outGradients, accesses, compact, false, dw));
    for (int j = 0; j < rows.length; j++) {
      int at = (int) rows[j] * valueSize;
      double[] expected = Arrays.copyOfRange(dense, at, at + valueSize);
      AssertClose.close("gradient of row " + rows[j], expected, compact.getRow(j), rowTolerance);
    }
    AssertClose.close("weight gradient", weightGradient, dw, weightTolerance);
    INDArray ungrouped = Nd4j.create(type, weights.shape());
    assertEquals(
        Kernels.OK, kernels.weightedBagWeightGradient(values, slots, outGradients, ungrouped));
    AssertClose.same("weight gradient, not grouped", Elements.doubles(dw), ungrouped);

    double sentinel = -7;
    INDArray table = Nd4j.valueArrayOf(values.shape(), sentinel, type);
    INDArray dwAgain = Nd4j.create(type, weights.shape());
    kernels.weightedBagGradient(values, weights, outGradients, accesses, table, true, dwAgain);
    for (long row = 0; row < values.size(0); row++) {
      int at = (int) row * valueSize;
      double[] expected = Arrays.copyOfRange(dense, at, at + valueSize);
      if (Arrays.binarySearch(rows, row) < 0) {
        Arrays.fill(expected, sentinel);
      }
      AssertClose.close("table row " + row, expected, table.getRow(row), rowTolerance);
    }
    AssertClose.same("weight gradient, by row", Elements.doubles(dw), dwAgain);
  }

  @Test
  void gradientIsThatOfTheSums(Random random) {
    INDArray values = Elements.uniform(random, DataType.DOUBLE, 11, 5);
    INDArray slots = Elements.slots(random, 11, 3, 4);
    INDArray weights = Elements.uniform(random, DataType.DOUBLE, 3, 4);
    INDArray outGradients = Elements.uniform(random, DataType.DOUBLE, 3, 5);
    MemoryOps.BagGradient gradient =
        MemoryOps.weightedBagGradient(values, slots, weights, outGradients);
    INDArray dense = Nd4j.create(DataType.DOUBLE, 11, 5);
    long[] rows = Elements.longs(gradient.rows());
    for (int j = 0; j < rows.length; j++) {
      dense.putRow(rows[j], gradient.rowGradients().getRow(j));
    }
    Differences.assertGradient(
        "values", values, dense, () -> loss(values, slots, weights, outGradients));
    Differences.assertGradient(
        "weights",
        weights,
        gradient.weightGradients(),
        () -> loss(values, slots, weights, outGradients));
  }

  private static double loss(INDArray values, INDArray slots, INDArray weights, INDArray factors) {
    return MemoryOps.weightedBag(values, slots, weights).mul(factors).sumNumber().doubleValue();
  }
}
