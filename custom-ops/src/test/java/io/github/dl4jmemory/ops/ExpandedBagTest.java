package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.ExpandedBagOracle;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

@ExtendWith(Seeded.class)
class ExpandedBagTest {
  /** Values, slots, blocks, weights and output gradients. */
  private record Bags(
      INDArray values, INDArray slots, INDArray blocks, INDArray weights, INDArray gradients) {

    /** A row is read by several accesses, also of one bag. */
    static Bags random(Random random, DataType type, int expansion, int cores, int width) {
      return new Bags(
          Elements.uniform(random, type, 23, (long) cores * width),
          Elements.slots(random, 23, 13, 11),
          Elements.slots(random, expansion, 13, 11),
          Elements.uniform(random, type, 13, 11, cores),
          Elements.uniform(random, type, 13, expansion, (long) cores * width));
    }

    int expansion() {
      return (int) gradients.size(1);
    }
  }

  private interface Check {
    void on(Kernels kernels, Bags bags);
  }

  private static void each(Random random, Check check) {
    Tiers.each(
        (kernels, type) -> {
          for (int[] s : new int[][] {{1, 1, 37}, {4, 2, 16}, {9, 3, 19}, {2, 1, 131}, {3, 5, 1}}) {
            check.on(kernels, Bags.random(random, type, s[0], s[1], s[2]));
          }
        });
  }

  @Test
  void sumsAreThoseOfTheOracle(Random random) {
    each(
        random,
        (kernels, b) -> {
          INDArray out = Nd4j.valueArrayOf(b.gradients.shape(), 55, b.values.dataType());
          assertEquals(
              Kernels.OK,
              kernels.ultraMem().expandedBag(b.values, b.slots, b.blocks, b.weights, out));
          double tolerance = AssertClose.tolerance(b.values.dataType(), 11, 1);
          AssertClose.close(
              "out",
              ExpandedBagOracle.forward(b.values, b.slots, b.blocks, b.weights, b.expansion()),
              out,
              tolerance);
        });
  }

  @Test
  void weightGradientsAreThoseOfTheOracle(Random random) {
    each(
        random,
        (kernels, b) -> {
          INDArray out = Nd4j.create(b.values.dataType(), b.weights.shape());
          assertEquals(
              Kernels.OK,
              kernels
                  .ultraMem()
                  .expandedBagWeightGradient(b.values, b.slots, b.blocks, b.gradients, out));
          AssertClose.close(
              "weights",
              ExpandedBagOracle.gradients(b.values, b.slots, b.blocks, b.weights, b.gradients)[1],
              out,
              AssertClose.tolerance(b.values.dataType(), b.values.size(1), 1));
        });
  }

  @Test
  void gradientsOfRowsAreThoseOfTheOracle(Random random) {
    for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
      for (int[] s : new int[][] {{1, 1, 37}, {4, 2, 16}, {9, 3, 5}}) {
        Bags b = Bags.random(random, type, s[0], s[1], s[2]);
        UltraMemOps.ExpandedBagGradient got =
            UltraMemOps.expandedBagGradient(b.values, b.slots, b.blocks, b.weights, b.gradients);
        double[][] want =
            ExpandedBagOracle.gradients(b.values, b.slots, b.blocks, b.weights, b.gradients);
        long[] rows = Arrays.stream(Elements.longs(b.slots)).sorted().distinct().toArray();
        AssertClose.same("rows", rows, got.rows());
        int size = (int) b.values.size(1);
        double tolerance = AssertClose.tolerance(type, 13 * 11, 1);
        for (int j = 0; j < rows.length; j++) {
          double[] row =
              Arrays.copyOfRange(want[0], (int) rows[j] * size, (int) (rows[j] + 1) * size);
          AssertClose.close("row " + rows[j], row, got.rowGradients().getRow(j), tolerance);
        }
        AssertClose.close("weights", want[1], got.weightGradients(), size * tolerance);
      }
    }
  }

  /** The fused update of weighted bags does what the gradient and an update in two steps do. */
  @Test
  void aTableIsUpdatedByTheKernelsOfWeightedBags(Random random) {
    ExpandedRows rows = new ExpandedRows();
    for (int[] s : new int[][] {{4, 2, 16}, {2, 3, 5}, {1, 1, 7}}) {
      Bags b = Bags.random(random, DataType.DOUBLE, s[0], s[1], s[2]);
      INDArray[] one = {b.values.dup(), Nd4j.zerosLike(b.values), Nd4j.zerosLike(b.values)};
      INDArray[] two = {b.values.dup(), Nd4j.zerosLike(b.values), Nd4j.zerosLike(b.values)};
      AdamStep step = AdamStep.of(0.1, 0.9, 0.99, 1e-8, 0, 0.5);
      UltraMemOps.ExpandedBagGradient gradient =
          UltraMemOps.expandedBagGradient(b.values, b.slots, b.blocks, b.weights, b.gradients);
      MemoryOps.rowAdam(one[0], one[1], one[2], gradient.rows(), gradient.rowGradients(), step);
      rows.group(b.values, b.slots, b.blocks, b.weights, b.expansion());
      MemoryOps.bagAdam(
          rows.table(two[0]),
          rows.table(two[1]),
          rows.table(two[2]),
          rows.weights(),
          rows.gradients(b.gradients),
          rows.touched(),
          step);
      for (int i = 0; i < 3; i++) {
        AssertClose.close("table " + i, one[i], two[i], 1e-12);
      }
    }
  }

  /** A table that is no array is grouped like one, beyond 2^31 values and slots too. */
  @Test
  void rowsOfATableThatIsNoArray(Random random) {
    Bags b = Bags.random(random, DataType.FLOAT, 4, 2, 16);
    ExpandedRows of = new ExpandedRows();
    of.group(b.values, b.slots, b.blocks, b.weights, b.expansion());
    long beyond = 1L << 33;
    ExpandedRows far = new ExpandedRows();
    far.group(
        beyond + b.values.size(0),
        b.values.size(1),
        b.slots.add(beyond),
        b.blocks,
        b.weights,
        b.expansion());
    assertEquals(of.touched().rows().add(2 * beyond), far.touched().rows());
    CompactTable slices = CompactTable.float32(of.table(b.values));
    INDArray[] updated = new INDArray[2];
    for (int i = 0; i < 2; i++) {
      ExpandedRows rows = i == 0 ? of : far;
      updated[i] = MemoryOps.readRows(slices, of.touched().rows());
      TouchedRows all = rows.touched().part(0, rows.touched().count());
      MemoryOps.bagSgd(updated[i], rows.weights(), rows.gradients(b.gradients), all, 0.3, 1);
    }
    AssertClose.same("rows", Elements.doubles(updated[0]), updated[1]);
  }

  @Test
  void gradientIsThatOfTheSums(Random random) {
    Bags b = Bags.random(random, DataType.DOUBLE, 4, 2, 3);
    UltraMemOps.ExpandedBagGradient gradient =
        UltraMemOps.expandedBagGradient(b.values, b.slots, b.blocks, b.weights, b.gradients);
    INDArray dense = Nd4j.create(DataType.DOUBLE, b.values.shape());
    long[] rows = Elements.longs(gradient.rows());
    for (int j = 0; j < rows.length; j++) {
      dense.putRow(rows[j], gradient.rowGradients().getRow(j));
    }
    java.util.function.DoubleSupplier loss =
        () ->
            UltraMemOps.expandedBag(b.values, b.slots, b.blocks, b.weights, 4)
                .mul(b.gradients)
                .sumNumber()
                .doubleValue();
    Differences.assertGradient("values", b.values, dense, loss);
    Differences.assertGradient("weights", b.weights, gradient.weightGradients(), loss);
  }

  /** Pooled and projected is what a table holds whose rows are the projections, written out. */
  @Test
  void itIsALookupInTheExpandedTable(Random random) {
    int expansion = 4;
    int slotCount = 7;
    INDArray values = Elements.uniform(random, DataType.DOUBLE, slotCount, 5);
    INDArray project = Elements.uniform(random, DataType.DOUBLE, expansion * 5, 3);
    INDArray virtual = Elements.slots(random, expansion * slotCount, 11, 6);
    INDArray weights = Elements.uniform(random, DataType.DOUBLE, 11, 6);
    UltraMemOps.ExpandedSlots at = UltraMemOps.expandSlots(virtual, slotCount, expansion, 17);
    INDArray pooled =
        UltraMemOps.expandedBag(
            values, at.slots(), at.blocks(), weights.reshape(11, 6, 1), expansion);
    INDArray expanded = Nd4j.create(DataType.DOUBLE, expansion * slotCount, 3);
    for (int v = 0; v < expansion * slotCount; v++) {
      UltraMemOps.ExpandedSlots one =
          UltraMemOps.expandSlots(Nd4j.scalar((long) v), slotCount, expansion, 17);
      int block = (int) one.blocks().getLong(0);
      INDArray row = values.getRow(one.slots().getLong(0), true);
      INDArray rows =
          project.get(org.nd4j.linalg.indexing.NDArrayIndex.interval(block * 5, block * 5 + 5));
      expanded.putRow(v, row.mmul(rows));
    }
    INDArray want = MemoryOps.weightedBag(expanded, virtual, weights);
    AssertClose.close("out", want, pooled.reshape(11, -1).mmul(project), 1e-13);
  }

  @Test
  void everyVirtualSlotHasAPlaceOfItsOwn() {
    for (int[] s : new int[][] {{1, 1}, {1, 4}, {7, 1}, {16, 4}, {97, 9}, {1000, 16}, {65537, 4}}) {
      for (int seed : new int[] {0, 1, -5}) {
        int count = s[0] * s[1];
        INDArray all = Nd4j.createFromArray(java.util.stream.LongStream.range(0, count).toArray());
        UltraMemOps.ExpandedSlots got = UltraMemOps.expandSlots(all, s[0], s[1], seed);
        long[] slots = Elements.longs(got.slots());
        long[] blocks = Elements.longs(got.blocks());
        long[] places = new long[count];
        int kept = 0;
        for (int v = 0; v < count; v++) {
          places[v] = blocks[v] * s[0] + slots[v];
          kept += places[v] == v ? 1 : 0;
        }
        if (count > 1000) {
          org.junit.jupiter.api.Assertions.assertTrue(kept < 20, kept + " stay where they are");
        }
        Arrays.sort(places);
        for (int v = 0; v < count; v++) {
          assertEquals(v, places[v]);
        }
      }
    }
  }

  /** A saved model needs these numbers to stay. */
  @Test
  void thePermutationIsFixed() {
    INDArray slots = Nd4j.createFromArray(0L, 1L, 2L, 79_999_999L);
    UltraMemOps.ExpandedSlots got = UltraMemOps.expandSlots(slots, 20_000_000, 4, 12345);
    AssertClose.same("slots", FIXED_SLOTS, got.slots());
    AssertClose.same("blocks", FIXED_BLOCKS, got.blocks());
  }

  private static final long[] FIXED_SLOTS = {7921594, 313240, 8452538, 73430};
  private static final long[] FIXED_BLOCKS = {2, 0, 2, 0};

  @Test
  void rowDotsAndTheirGradient(Random random) {
    INDArray table = Elements.uniform(random, DataType.DOUBLE, 17, 5);
    INDArray slots = Elements.slots(random, 17, 7, 3);
    INDArray inputs = Elements.uniform(random, DataType.DOUBLE, 7, 5);
    INDArray g = Elements.uniform(random, DataType.DOUBLE, 7, 3);
    INDArray got = UltraMemOps.rowDots(table, slots, inputs);
    for (int at = 0; at < 21; at++) {
      double sum = 0;
      for (int d = 0; d < 5; d++) {
        sum += table.getDouble(slots.getLong(at), d) * inputs.getDouble(at / 3, d);
      }
      AssertClose.close("dot", new double[] {sum}, Nd4j.scalar(got.getDouble(at)), 1e-14);
    }
    UltraMemOps.RowDotsGradient gradient = UltraMemOps.rowDotsGradient(table, slots, inputs, g);
    INDArray dense = Nd4j.create(DataType.DOUBLE, 17, 5);
    long[] rows = Elements.longs(gradient.rows());
    for (int j = 0; j < rows.length; j++) {
      dense.putRow(rows[j], gradient.rowGradients().getRow(j));
    }
    java.util.function.DoubleSupplier loss =
        () -> UltraMemOps.rowDots(table, slots, inputs).mul(g).sumNumber().doubleValue();
    Differences.assertGradient("table", table, dense, loss);
    Differences.assertGradient("inputs", inputs, gradient.inputGradients(), loss);
  }
}
