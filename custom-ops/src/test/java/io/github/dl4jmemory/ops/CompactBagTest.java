package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.BagOracle;
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

/** The weighted bag of a table in any storage, its gradients and its updates. */
@ExtendWith(Seeded.class)
class CompactBagTest {
  private static final int SLOTS = 61;
  private static final int BAGS = 13;
  private static final int BAG_SIZE = 5;
  private static final int[] VALUE_SIZES = {1, 7, 8, 37, 64, 67, 131, 521};
  private static final AdamStep STEP = AdamStep.of(0.1, 0.9, 0.99, 1e-3, 2, 0.5);

  /** A table with moments, and a batch of accesses to it. */
  private static final class Batch {
    final CompactTable table;
    final INDArray m;
    final INDArray v;
    final INDArray slots;
    final INDArray weights;
    final INDArray outGradients;
    final TouchedRows touched = new TouchedRows();

    Batch(Random random, CompactTable.Storage storage, int valueSize) {
      table = CompactTiers.uniform(random, storage, SLOTS, valueSize);
      m = Elements.uniform(random, DataType.FLOAT, SLOTS, valueSize);
      v = Elements.uniform(random, DataType.FLOAT, SLOTS, valueSize);
      v.muli(v).addi(0.01);
      slots = Elements.slots(random, SLOTS, BAGS, BAG_SIZE);
      weights = Elements.uniform(random, DataType.FLOAT, BAGS, BAG_SIZE);
      outGradients = Elements.uniform(random, DataType.FLOAT, BAGS, valueSize);
      touched.group(slots, SLOTS);
    }

    double[] gradient() {
      return BagOracle.valueGradient(CompactTiers.rows(table), slots, weights, outGradients);
    }
  }

  private interface Check {
    void on(CompactKernels kernels, Batch batch);
  }

  private static void each(Random random, Check check) {
    CompactTiers.eachRounded(
        (kernels, storage) -> {
          for (int valueSize : VALUE_SIZES) {
            check.on(kernels.compact(), new Batch(random, storage, valueSize));
          }
        });
  }

  @Test
  void sumsAndWeightGradientsAreThoseOfTheOracle(Random random) {
    each(
        random,
        (kernels, b) -> {
          INDArray rows = CompactTiers.rows(b.table);
          INDArray out = Elements.uniform(random, DataType.FLOAT, BAGS, rows.size(1));
          assertEquals(Kernels.OK, kernels.weightedBag(b.table, b.slots, b.weights, out));
          AssertClose.close(
              "out",
              BagOracle.forward(rows, b.slots, b.weights),
              out,
              AssertClose.tolerance(DataType.FLOAT, 2 * BAG_SIZE, 1));
          INDArray dw = Elements.uniform(random, DataType.FLOAT, BAGS, BAG_SIZE);
          assertEquals(
              Kernels.OK, kernels.weightedBagWeightGradient(b.table, b.slots, b.outGradients, dw));
          AssertClose.close(
              "weight gradients",
              BagOracle.weightGradient(rows, b.slots, b.outGradients),
              dw,
              AssertClose.tolerance(DataType.FLOAT, 2 * rows.size(1), 1));
        });
  }

  /** Every row is within a step of the storage of what the oracle says; others keep their bits. */
  private static void assertRows(Batch b, CompactTable before, double[] updates) {
    int valueSize = (int) b.table.valueSize();
    double[] old = Elements.doubles(CompactTiers.rows(before));
    double[] got = Elements.doubles(CompactTiers.rows(b.table));
    long[] rows = Elements.longs(b.touched.rows());
    for (int i = 0; i < got.length; i++) {
      boolean touched = Arrays.binarySearch(rows, i / valueSize) >= 0;
      double step = 0;
      if (touched) {
        step =
            b.table.scales() == null
                ? Math.ulp((float) (old[i] - updates[i])) * 0x1p16
                : b.table.scales().getDouble(i / valueSize);
        step += 1e-4;
      }
      if (!(Math.abs(got[i] - (touched ? old[i] - updates[i] : old[i])) <= step)) {
        throw new AssertionError(
            i + " of valueSize " + valueSize + ": " + old[i] + " became " + got[i]);
      }
    }
  }

  @Test
  void sgdIsThatOfTheOracles(Random random) {
    each(
        random,
        (kernels, b) -> {
          CompactTable before = CompactTiers.copy(b.table);
          long[] rows = Elements.longs(b.touched.rows());
          double[] updates =
              RowUpdateOracle.sgd(rows, (int) b.table.valueSize(), b.gradient(), 0.3);
          Accesses accesses = b.touched.accesses();
          assertEquals(
              Kernels.OK, kernels.bagSgd(b.table, b.weights, b.outGradients, accesses, 0.3, 5));
          assertRows(b, before, updates);
        });
  }

  @Test
  void adamIsThatOfTheOracles(Random random) {
    each(
        random,
        (kernels, b) -> {
          CompactTable before = CompactTiers.copy(b.table);
          long[] rows = Elements.longs(b.touched.rows());
          double[] m = Elements.doubles(b.m);
          double[] v = Elements.doubles(b.v);
          double[] updates =
              RowUpdateOracle.adam(rows, (int) b.table.valueSize(), b.gradient(), m, v, STEP);
          Accesses accesses = b.touched.accesses();
          assertEquals(
              Kernels.OK,
              kernels.bagAdam(b.table, b.m, b.v, b.weights, b.outGradients, accesses, STEP, 5));
          double tolerance = AssertClose.tolerance(DataType.FLOAT, BAGS * BAG_SIZE, 1);
          AssertClose.close("m", m, b.m, tolerance);
          AssertClose.close("v", v, b.v, tolerance);
          assertRows(b, before, updates);
        });
  }

  /** All that writes gives the same bits on every tier. */
  @Test
  void tiersWriteTheSameBits(Random random) {
    for (CompactTable.Storage storage : CompactTable.Storage.values()) {
      for (int valueSize : VALUE_SIZES) {
        long seed = random.nextLong();
        double[][] first = null;
        for (Kernels kernels : Tiers.present()) {
          double[][] got = written(new Random(seed), kernels.compact(), storage, valueSize);
          first = first == null ? got : first;
          for (int i = 0; i < got.length; i++) {
            AssertClose.same(
                storage + ", valueSize " + valueSize + ", result " + i,
                first[i],
                Nd4j.createFromArray(got[i]));
          }
        }
      }
    }
  }

  private static double[][] written(
      Random random, CompactKernels kernels, CompactTable.Storage storage, int valueSize) {
    Batch b = new Batch(random, storage, valueSize);
    CompactTable normal = CompactTiers.zeros(storage, SLOTS, valueSize);
    kernels.initialiseNormal(normal, 0.3, random.nextLong());
    CompactTable rows = CompactTiers.copy(b.table);
    INDArray some = Nd4j.createFromArray(0L, 3L, 7L, 60L);
    INDArray source = Elements.uniform(random, DataType.FLOAT, 4, valueSize);
    kernels.writeRows(rows, some, source, random.nextLong());
    CompactTable sgd = CompactTiers.copy(b.table);
    if (storage != CompactTable.Storage.FLOAT32) {
      Accesses accesses = b.touched.accesses();
      kernels.bagSgd(sgd, b.weights, b.outGradients, accesses, 0.3, random.nextLong());
      long seed = random.nextLong();
      kernels.bagAdam(b.table, b.m, b.v, b.weights, b.outGradients, accesses, STEP, seed);
    }
    return new double[][] {
      CompactTiers.stored(normal).get(0), CompactTiers.stored(normal).get(1),
      CompactTiers.stored(rows).get(0), CompactTiers.stored(rows).get(1),
      CompactTiers.stored(sgd).get(0), CompactTiers.stored(sgd).get(1),
      CompactTiers.stored(b.table).get(0), CompactTiers.stored(b.table).get(1),
      Elements.doubles(b.m), Elements.doubles(b.v)
    };
  }

  /** The door: a float32 table has the bits of the operations on arrays. */
  @Test
  void aFloatTableIsAnArray(Random random) {
    Batch b = new Batch(random, CompactTable.Storage.FLOAT32, 19);
    INDArray values = b.table.values();
    INDArray out = Nd4j.create(DataType.FLOAT, BAGS, 19);
    MemoryOps.weightedBag(b.table, b.slots, b.weights, out);
    INDArray sums = MemoryOps.weightedBag(values, b.slots, b.weights);
    AssertClose.same("out", Elements.doubles(sums), out);
    INDArray dw = Nd4j.create(DataType.FLOAT, BAGS, BAG_SIZE);
    MemoryOps.weightedBagWeightGradient(b.table, b.slots, b.outGradients, dw);
    INDArray expectedDw = Nd4j.create(DataType.FLOAT, BAGS, BAG_SIZE);
    MemoryOps.weightedBagWeightGradient(values, b.slots, b.outGradients, expectedDw);
    AssertClose.same("weight gradients", Elements.doubles(expectedDw), dw);
    INDArray[] array = {values.dup(), b.m.dup(), b.v.dup()};
    MemoryOps.bagSgd(array[0], b.weights, b.outGradients, b.touched, 0.5, 0.25);
    MemoryOps.bagAdam(array[0], array[1], array[2], b.weights, b.outGradients, b.touched, STEP);
    MemoryOps.bagSgd(b.table, b.weights, b.outGradients, b.touched, 0.5, 0.25, 1);
    MemoryOps.bagAdam(b.table, b.m, b.v, b.weights, b.outGradients, b.touched, STEP, 2);
    AssertClose.same("values", Elements.doubles(array[0]), values);
    AssertClose.same("m", Elements.doubles(array[1]), b.m);
    AssertClose.same("v", Elements.doubles(array[2]), b.v);
  }

  /** The door: small arrays in any layout, and no accesses. */
  @Test
  void layoutsAndNoAccesses(Random random) {
    CompactTiers.each(
        (kernels, storage) -> {
          Batch b = new Batch(random, storage, 7);
          CompactTable other = CompactTiers.copy(b.table);
          INDArray[] out = new INDArray[2];
          INDArray[] dw = new INDArray[2];
          for (int i = 0; i < 2; i++) {
            CompactTable table = i == 0 ? b.table : other;
            char order = i == 0 ? 'c' : 'f';
            INDArray weights = b.weights.dup(order);
            INDArray gradients = b.outGradients.dup(order);
            INDArray slots = b.slots.dup(order);
            out[i] = Nd4j.create(DataType.FLOAT, new long[] {BAGS, 7}, order);
            dw[i] = Nd4j.create(DataType.FLOAT, new long[] {BAGS, BAG_SIZE}, order);
            MemoryOps.weightedBag(table, slots, weights, out[i]);
            MemoryOps.weightedBagWeightGradient(table, slots, gradients, dw[i]);
            MemoryOps.bagSgd(table, weights, gradients, b.touched, 0.5, 0.5, 3);
            INDArray m = b.m.dup();
            MemoryOps.bagAdam(table, m, b.v.dup(), weights, gradients, b.touched, STEP, 4);
          }
          AssertClose.same("out", Elements.doubles(out[0]), out[1]);
          AssertClose.same("weight gradients", Elements.doubles(dw[0]), dw[1]);
          AssertClose.same("values", Elements.doubles(b.table.values()), other.values());
          INDArray noSlots = Nd4j.create(DataType.INT64, 0, 4);
          INDArray noWeights = Nd4j.create(DataType.FLOAT, 0, 4);
          INDArray noGradients = Nd4j.create(DataType.FLOAT, 0, 7);
          b.touched.group(noSlots, SLOTS);
          MemoryOps.weightedBag(b.table, noSlots, noWeights, noGradients);
          MemoryOps.weightedBagWeightGradient(b.table, noSlots, noGradients, noWeights);
          MemoryOps.bagSgd(b.table, noWeights, noGradients, b.touched, 1, 1, 3);
          MemoryOps.bagAdam(b.table, b.m, b.v, noWeights, noGradients, b.touched, STEP, 3);
          AssertClose.same("values", Elements.doubles(b.table.values()), other.values());
        });
  }
}
