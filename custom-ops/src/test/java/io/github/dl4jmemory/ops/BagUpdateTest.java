package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.BagOracle;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.RowUpdateOracle;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Arrays;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Gradient of a weighted bag and the update of its table in one pass. */
@ExtendWith(Seeded.class)
class BagUpdateTest {
  private static final int SLOTS = 61;
  private static final int BAGS = 13;
  private static final int[] VALUE_SIZES = {1, 7, 8, 37, 64, 67, 521};

  /** A table with its state, and a batch of accesses to it. */
  private static final class Table {
    final AdamStep step = AdamStep.of(0.1, 0.9, 0.99, 1e-3, 2, 0.5);
    final DataType type;
    final int valueSize;
    final INDArray values;
    final INDArray m;
    final INDArray v;
    final INDArray slots;
    final INDArray weights;
    final INDArray outGradients;
    final Accesses accesses = new Accesses();
    final long[] rows;
    final double tolerance;

    Table(Kernels kernels, Random random, DataType type, int valueSize, INDArray slots) {
      this.type = type;
      this.valueSize = valueSize;
      this.slots = slots;
      values = Elements.uniform(random, type, SLOTS, valueSize);
      m = Elements.uniform(random, type, SLOTS, valueSize);
      v = Elements.uniform(random, type, SLOTS, valueSize);
      v.muli(v).addi(0.01);
      weights = Elements.uniform(random, type, BAGS, slots.size(1));
      outGradients = Elements.uniform(random, type, BAGS, valueSize);
      accesses.reserve(slots, SLOTS);
      assertEquals(Kernels.OK, kernels.groupByRow(slots, SLOTS, accesses));
      accesses.grouped();
      rows = Elements.longs(accesses.rows());
      tolerance = AssertClose.tolerance(type, slots.length(), 1);
    }

    double[] gradient() {
      return BagOracle.valueGradient(values, slots, weights, outGradients);
    }

    /** Touched rows are close to the expected, the others have the same bits as before. */
    void assertRows(String what, double[] before, double[] expected, INDArray table) {
      for (int row = 0; row < SLOTS; row++) {
        int from = row * valueSize;
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
  }

  private interface Check {
    void on(Kernels kernels, Table table);
  }

  /** Random slots at every value size; then all accesses on one row. */
  private static void each(Random random, Check check) {
    Tiers.each(
        (kernels, type) -> {
          for (int valueSize : VALUE_SIZES) {
            INDArray slots = Elements.slots(random, SLOTS, BAGS, 5);
            check.on(kernels, new Table(kernels, random, type, valueSize, slots));
          }
          INDArray one = Nd4j.valueArrayOf(new long[] {BAGS, 11}, 3L, DataType.INT64);
          check.on(kernels, new Table(kernels, random, type, 29, one));
        });
  }

  private static double[] minus(double[] a, double[] b) {
    double[] difference = new double[a.length];
    Arrays.setAll(difference, i -> a[i] - b[i]);
    return difference;
  }

  @Test
  void adamIsThatOfTheOracles(Random random) {
    each(
        random,
        (kernels, t) -> {
          double[] values = Elements.doubles(t.values);
          double[] m = Elements.doubles(t.m);
          double[] v = Elements.doubles(t.v);
          double[] newM = m.clone();
          double[] newV = v.clone();
          double[] updates =
              RowUpdateOracle.adam(t.rows, t.valueSize, t.gradient(), newM, newV, t.step);
          assertEquals(
              Kernels.OK,
              kernels.bagAdam(t.values, t.m, t.v, t.weights, t.outGradients, t.accesses, t.step));
          t.assertRows("values", values, minus(values, updates), t.values);
          t.assertRows("m", m, newM, t.m);
          t.assertRows("v", v, newV, t.v);
        });
  }

  @Test
  void sgdIsThatOfTheOracles(Random random) {
    each(
        random,
        (kernels, t) -> {
          double[] values = Elements.doubles(t.values);
          double[] updates = RowUpdateOracle.sgd(t.rows, t.valueSize, t.gradient(), 0.3);
          assertEquals(
              Kernels.OK, kernels.bagSgd(t.values, t.weights, t.outGradients, t.accesses, 0.3));
          t.assertRows("values", values, minus(values, updates), t.values);
        });
  }

  /** One pass has the bits of three: gradient rows, updates in place of them, subtraction. */
  @Test
  void onePassHasTheBitsOfThree(Random random) {
    each(
        random,
        (kernels, t) -> {
          INDArray gradients = t.values.mul(0);
          INDArray dw = t.weights.mul(0);
          kernels.weightedBagGradient(
              t.values, t.weights, t.outGradients, t.accesses, gradients, true, dw);
          INDArray dwAlone = t.weights.mul(0);
          kernels.weightedBagGradient(
              t.values, t.weights, t.outGradients, t.accesses, null, true, dwAlone);
          AssertClose.same("weight gradients alone", Elements.doubles(dw), dwAlone);
          INDArray m = t.m.dup();
          INDArray v = t.v.dup();
          INDArray updates = gradients.dup();
          INDArray rows = t.accesses.rows();
          kernels.rowAdam(rows, updates, true, m, v, null, t.step);
          INDArray adam = t.values.sub(updates);
          INDArray sgd = t.values.dup();
          kernels.bagSgd(sgd, t.weights, t.outGradients, t.accesses, 0.3);
          kernels.rowSgd(rows, gradients, true, null, 0.3);
          AssertClose.same("sgd", Elements.doubles(t.values.sub(gradients)), sgd);
          kernels.bagAdam(t.values, t.m, t.v, t.weights, t.outGradients, t.accesses, t.step);
          AssertClose.same("adam", Elements.doubles(adam), t.values);
          AssertClose.same("m", Elements.doubles(m), t.m);
          AssertClose.same("v", Elements.doubles(v), t.v);
        });
  }

  /** The door: any layout, either result of the gradient, no accesses. */
  @Test
  void layoutsAndNoAccesses(Random random) {
    AdamStep step = AdamStep.of(0.1, 0.9, 0.99, 1e-3, 4, 0.5);
    INDArray slots = Elements.slots(random, 11, 5, 4);
    TouchedRows touched = new TouchedRows();
    touched.group(slots, 11);
    INDArray values = Elements.uniform(random, DataType.FLOAT, 11, 3);
    INDArray m = Elements.uniform(random, DataType.FLOAT, 11, 3);
    INDArray v = m.mul(m).addi(0.1);
    INDArray weights = Elements.uniform(random, DataType.FLOAT, 5, 4);
    INDArray out = Elements.uniform(random, DataType.FLOAT, 5, 3);
    INDArray[] expected = {values.dup(), m.dup(), v.dup(), values.dup()};
    MemoryOps.bagAdam(expected[0], expected[1], expected[2], weights, out, touched, step);
    MemoryOps.bagSgd(expected[3], weights, out, touched, 0.5, 0.25);
    UnaryOperator<INDArray> columns = a -> a.dup('f');
    INDArray[] got = {columns.apply(values), columns.apply(m), columns.apply(v), values.dup('f')};
    MemoryOps.bagAdam(
        got[0], got[1], got[2], columns.apply(weights), columns.apply(out), touched, step);
    MemoryOps.bagSgd(got[3], columns.apply(weights), columns.apply(out), touched, 0.5, 0.25);
    for (int i = 0; i < got.length; i++) {
      AssertClose.same("array " + i, Elements.doubles(expected[i]), got[i]);
    }
    INDArray gradients = values.mul(0);
    MemoryOps.weightedBagGradient(values, weights, out, touched, gradients, null);
    INDArray both = values.mul(0);
    MemoryOps.weightedBagGradient(values, weights, out, touched, both, weights.dup());
    AssertClose.same("gradients alone", Elements.doubles(both), gradients);

    TouchedRows none = new TouchedRows();
    none.group(Nd4j.create(DataType.INT64, 0, 4), 11);
    INDArray noWeights = Nd4j.create(DataType.FLOAT, 0, 4);
    INDArray noGradients = Nd4j.create(DataType.FLOAT, 0, 3);
    double[] before = Elements.doubles(values);
    MemoryOps.bagAdam(values, m, v, noWeights, noGradients, none, step);
    MemoryOps.bagSgd(values, noWeights, noGradients, none, 0.5, 1);
    AssertClose.same("values", before, values);
  }
}
