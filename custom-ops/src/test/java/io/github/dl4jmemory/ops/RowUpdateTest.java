package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.RowUpdateOracle;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Adam and gradient descent on some rows of a table. */
@ExtendWith(Seeded.class)
class RowUpdateTest {
  private static final int SLOTS = 61;
  private static final int[] VALUE_SIZES = {1, 7, 8, 37, 64, 67};

  private static long[] rows(Random random) {
    return random.longs(0, SLOTS).limit(23).sorted().distinct().toArray();
  }

  /** The rows of a table, one below the other. */
  private static INDArray compact(INDArray table, long[] rows) {
    INDArray compact = Nd4j.create(table.dataType(), rows.length, table.size(1));
    for (int j = 0; j < rows.length; j++) {
      compact.putRow(j, table.getRow(rows[j]));
    }
    return compact;
  }

  /** Touched rows are close to the expected, the others have the same bits as before. */
  private static void assertRows(
      String what,
      double[] before,
      double[] expected,
      long[] rows,
      INDArray table,
      double tolerance) {
    int valueSize = (int) table.size(1);
    for (long row = 0; row < table.size(0); row++) {
      int from = (int) row * valueSize;
      int to = from + valueSize;
      String name = what + " row " + row;
      if (Arrays.binarySearch(rows, row) >= 0) {
        AssertClose.close(
            name, Arrays.copyOfRange(expected, from, to), table.getRow(row), tolerance);
      } else {
        AssertClose.same(name, Arrays.copyOfRange(before, from, to), table.getRow(row));
      }
    }
  }

  private static double[] minus(double[] a, double[] b) {
    double[] difference = new double[a.length];
    Arrays.setAll(difference, i -> a[i] - b[i]);
    return difference;
  }

  /** Gradients and states of a table, for the oracle and for a kernel. */
  private static final class Table {
    final AdamStep step = AdamStep.of(0.1, 0.9, 0.99, 1e-3, 2, 0.5);
    final long[] rows;
    final INDArray rowArray;
    final INDArray values;
    final INDArray gradients;
    final INDArray m;
    final INDArray v;
    final double tolerance;

    Table(Random random, DataType type, int valueSize) {
      rows = rows(random);
      rowArray = Nd4j.createFromArray(rows);
      values = Elements.uniform(random, type, SLOTS, valueSize);
      gradients = Elements.uniform(random, type, SLOTS, valueSize);
      m = Elements.uniform(random, type, SLOTS, valueSize);
      v = Elements.uniform(random, type, SLOTS, valueSize);
      v.muli(v).addi(0.01);
      tolerance = AssertClose.tolerance(type, 16, 1);
    }
  }

  @Test
  void adamSubtractsWhatTheOracleSays(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (int valueSize : VALUE_SIZES) {
            Table t = new Table(random, type, valueSize);
            double[] values = Elements.doubles(t.values);
            double[] m = Elements.doubles(t.m);
            double[] v = Elements.doubles(t.v);
            double[] newM = m.clone();
            double[] newV = v.clone();
            double[] updates =
                RowUpdateOracle.adam(
                    t.rows, valueSize, Elements.doubles(t.gradients), newM, newV, t.step);
            INDArray compact = compact(t.gradients, t.rows);
            double[] untouched = Elements.doubles(compact);
            assertEquals(
                Kernels.OK,
                kernels.rowAdam(t.rowArray, compact, false, t.m, t.v, t.values, t.step));
            assertRows("values", values, minus(values, updates), t.rows, t.values, t.tolerance);
            assertRows("m", m, newM, t.rows, t.m, t.tolerance);
            assertRows("v", v, newV, t.rows, t.v, t.tolerance);
            AssertClose.same("gradients", untouched, compact);
          }
        });
  }

  @Test
  void adamLeavesUpdatesInPlaceOfGradients(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (int valueSize : VALUE_SIZES) {
            Table t = new Table(random, type, valueSize);
            double[] gradients = Elements.doubles(t.gradients);
            double[] m = Elements.doubles(t.m);
            double[] v = Elements.doubles(t.v);
            double[] newM = m.clone();
            double[] newV = v.clone();
            double[] updates =
                RowUpdateOracle.adam(t.rows, valueSize, gradients, newM, newV, t.step);
            assertEquals(
                Kernels.OK, kernels.rowAdam(t.rowArray, t.gradients, true, t.m, t.v, null, t.step));
            assertRows("updates", gradients, updates, t.rows, t.gradients, t.tolerance);
            assertRows("m", m, newM, t.rows, t.m, t.tolerance);
            assertRows("v", v, newV, t.rows, t.v, t.tolerance);
          }
        });
  }

  @Test
  void sgdSubtractsWhatTheOracleSays(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (int valueSize : VALUE_SIZES) {
            Table t = new Table(random, type, valueSize);
            double[] values = Elements.doubles(t.values);
            double[] updates =
                RowUpdateOracle.sgd(t.rows, valueSize, Elements.doubles(t.gradients), 0.3);
            INDArray compact = compact(t.gradients, t.rows);
            double[] untouched = Elements.doubles(compact);
            assertEquals(Kernels.OK, kernels.rowSgd(t.rowArray, compact, false, t.values, 0.3));
            assertRows("values", values, minus(values, updates), t.rows, t.values, t.tolerance);
            AssertClose.same("gradients", untouched, compact);
          }
        });
  }

  @Test
  void sgdLeavesUpdatesInPlaceOfGradients(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (int valueSize : VALUE_SIZES) {
            Table t = new Table(random, type, valueSize);
            double[] gradients = Elements.doubles(t.gradients);
            double[] updates = RowUpdateOracle.sgd(t.rows, valueSize, gradients, -0.7);
            assertEquals(Kernels.OK, kernels.rowSgd(t.rowArray, t.gradients, true, null, -0.7));
            assertRows("updates", gradients, updates, t.rows, t.gradients, t.tolerance);
          }
        });
  }

  /** A step of 1 subtracts exactly: the way a network applies its update rows. */
  @Test
  void stepOfOneSubtractsExactly(Random random) {
    Tiers.each(
        (kernels, type) -> {
          Table t = new Table(random, type, 13);
          double[] before = Elements.doubles(t.values);
          INDArray expected = t.values.sub(t.gradients);
          kernels.rowSgd(t.rowArray, t.gradients, true, t.values, 1.0);
          assertRows("values", before, Elements.doubles(expected), t.rows, t.values, 0);
        });
  }

  @Test
  void zeroRowsZeroesRowsOnly(Random random) {
    Tiers.each(
        (kernels, type) -> {
          Table t = new Table(random, type, 19);
          double[] before = Elements.doubles(t.values);
          assertEquals(Kernels.OK, kernels.zeroRows(t.values, t.rowArray));
          assertRows("values", before, new double[before.length], t.rows, t.values, 0);
        });
  }

  /** One step from zero moments is the step of DL4J's own Adam. */
  @Test
  void adamIsThatOfDl4j(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray gradients = Elements.uniform(random, type, 7, 11);
          INDArray m = Nd4j.create(type, 7, 11);
          INDArray v = Nd4j.create(type, 7, 11);
          INDArray theirs = gradients.dup();
          INDArray theirM = m.dup();
          INDArray theirV = v.dup();
          INDArray rows = Nd4j.arange(7).castTo(DataType.INT64);
          for (int iteration = 0; iteration < 3; iteration++) {
            INDArray ours = gradients.dup();
            theirs = gradients.dup();
            AdamStep step = AdamStep.of(0.01, 0.9, 0.999, 1e-8, iteration, 1);
            kernels.rowAdam(rows, ours, true, m, v, null, step);
            Nd4j.exec(
                new org.nd4j.linalg.api.ops.impl.updaters.AdamUpdater(
                    theirs, theirV, theirM, 0.01, 0.9, 0.999, 1e-8, iteration));
            AssertClose.close("updates", theirs, ours, AssertClose.tolerance(type, 32, 0.01));
          }
        });
  }
}
