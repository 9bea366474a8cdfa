package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

@ExtendWith(Seeded.class)
class TouchedRowsTest {
  private static void assertGroups(Kernels kernels, INDArray slots, long slotCount) {
    Accesses accesses = new Accesses();
    accesses.reserve(slots, slotCount);
    assertEquals(Kernels.OK, kernels.groupByRow(slots, slotCount, accesses));
    accesses.grouped();
    long[] slot = Elements.longs(slots);
    int[] sorted =
        IntStream.range(0, slot.length)
            .boxed()
            .sorted(Comparator.comparingLong(i -> slot[i]))
            .mapToInt(i -> i)
            .toArray();
    long[] order = Arrays.stream(sorted).asLongStream().toArray();
    long[] rows = Arrays.stream(slot).sorted().distinct().toArray();
    long[] starts = new long[rows.length + 1];
    for (int j = 0; j < rows.length; j++) {
      long row = rows[j];
      starts[j + 1] = starts[j] + Arrays.stream(slot).filter(s -> s == row).count();
    }
    AssertClose.same("order", order, accesses.order());
    AssertClose.same("rows", rows, accesses.rows());
    long[] allStarts = Elements.longs(accesses.starts());
    AssertClose.same(
        "starts", starts, Nd4j.createFromArray(Arrays.copyOf(allStarts, starts.length)));
  }

  /** Numbers of slots below and above each digit of the sort, and beyond 2^31. */
  @Test
  void accessesAreGroupedByRowStably(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (long slotCount : new long[] {1, 7, 2048, 2049, 1 << 22, (1L << 40) + 3}) {
            assertGroups(kernels, Elements.slots(random, slotCount, 101, 3), slotCount);
          }
          assertGroups(kernels, Elements.slots(random, 29, 2003), 29);
          assertGroups(kernels, Elements.slots(random, 5, 1), 5);
        });
  }

  @Test
  void slotOutOfRangeIsNamed(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (long wrong : new long[] {-1, 13, Long.MAX_VALUE, Long.MIN_VALUE}) {
            INDArray slots = Elements.slots(random, 13, 59);
            slots.putScalar(41, wrong);
            slots.putScalar(58, wrong);
            Accesses accesses = new Accesses();
            accesses.reserve(slots, 13);
            assertEquals(41 << 8 | Kernels.OUT_OF_RANGE, kernels.groupByRow(slots, 13, accesses));
          }
        });
  }

  @Test
  void anObjectIsUsedAgainForLargerAndSmallerBatches(Random random) {
    TouchedRows touched = new TouchedRows();
    assertEquals(0, touched.count());
    for (int size : new int[] {3, 1009, 5, 2003, 1}) {
      INDArray slots = Elements.slots(random, 97, size);
      touched.group(slots, 97);
      long[] rows = Arrays.stream(Elements.longs(slots)).sorted().distinct().toArray();
      assertEquals(rows.length, touched.count());
      AssertClose.same("rows", rows, touched.rows());
    }
    touched.group(Nd4j.create(DataType.INT64, 0, 4), 97);
    assertEquals(0, touched.count());
    assertEquals(0, touched.rows().length());
  }

  /** Bags may be several axes, such as batch and heads: the last axis is the bag. */
  @Test
  void bagsOfSeveralAxesAreThoseOfOne(Random random) {
    INDArray slots = Elements.slots(random, 11, 3, 2, 4);
    INDArray weights = Elements.uniform(random, DataType.DOUBLE, 6, 4);
    INDArray outGradients = Elements.uniform(random, DataType.DOUBLE, 6, 5);
    INDArray[] values = {
      Elements.uniform(random, DataType.DOUBLE, 11, 5), Nd4j.create(DataType.DOUBLE, 11, 5)
    };
    values[1].assign(values[0]);
    INDArray[] grouped = {slots, slots.reshape(6, 4)};
    for (int i = 0; i < 2; i++) {
      TouchedRows touched = new TouchedRows();
      touched.group(grouped[i], 11);
      MemoryOps.bagSgd(values[i], weights, outGradients, touched, 0.5, 1);
    }
    AssertClose.same("values", Elements.doubles(values[1]), values[0]);
  }

  @Test
  void partsOutsideTheRows() {
    TouchedRows touched = new TouchedRows();
    touched.group(Nd4j.createFromArray(5L, 2L, 5L), 7);
    for (long[] part : new long[][] {{-1, 1}, {0, 0}, {1, 2}, {2, 1}, {1, Long.MAX_VALUE}}) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> touched.part(part[0], part[1]));
      assertEquals(
          "[touchedRows] part: expected at least one row, of rows 0 to 1, got "
              + part[1]
              + " rows from "
              + part[0]
              + ". Fix: take parts of the rows that were grouped",
          e.getMessage());
    }
    AssertClose.same("rows", new long[] {0}, touched.part(1, 1).rows());
  }
}
