package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Arrays;
import java.util.Random;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Rows of a table read, written and initialised through the door, and pages given back. */
@ExtendWith(Seeded.class)
class CompactRowsTest {
  @Test
  void rowsAreReadInAnyOrder(Random random) {
    CompactTiers.each(
        (kernels, storage) -> {
          CompactTable table = CompactTiers.uniform(random, storage, 29, 37);
          INDArray all = CompactTiers.rows(table);
          for (INDArray rows :
              new INDArray[] {Elements.slots(random, 29, 83), Nd4j.create(DataType.INT64, 0)}) {
            INDArray got = MemoryOps.readRows(table, rows);
            INDArray again = Nd4j.create(DataType.FLOAT, rows.size(0), 37);
            if (!rows.isEmpty()) {
              assertEquals(Kernels.OK, kernels.compact().readRows(table, rows, again));
            }
            AssertClose.same("kernel", Elements.doubles(got), again);
            long[] numbers = Elements.longs(rows);
            for (int j = 0; j < numbers.length; j++) {
              AssertClose.same("row " + j, Elements.doubles(all.getRow(numbers[j])), got.getRow(j));
            }
          }
        });
  }

  /** What the storage says, for values that a table of ND4J's own holds. */
  @Test
  void storedRowsAreWhatNd4jSaysTheyAre(Random random) {
    INDArray halves = Elements.uniform(random, DataType.BFLOAT16, 5, 67);
    AssertClose.same(
        "bfloat16",
        Elements.doubles(halves),
        MemoryOps.readRows(CompactTable.bfloat16(halves), Nd4j.createFromArray(0, 1, 2, 3, 4)));
    INDArray whole = Elements.whole(random, DataType.INT8, 127, 5, 67);
    INDArray scales = Elements.uniform(random, DataType.FLOAT, 5);
    AssertClose.same(
        "int8",
        Elements.doubles(whole.castTo(DataType.FLOAT).mulColumnVector(scales)),
        MemoryOps.readRows(CompactTable.int8(whole, scales), Nd4j.createFromArray(0, 1, 2, 3, 4)));
  }

  /** Only the named rows change; INT rows and values in any layout are as good. */
  @Test
  void rowsAreWrittenWhereTheyAreNamed(Random random) {
    CompactTiers.each(
        (kernels, storage) -> {
          CompactTable table = CompactTiers.uniform(random, storage, 13, 11);
          CompactTable other = CompactTiers.copy(table);
          double[] before = Elements.doubles(CompactTiers.rows(table));
          INDArray values = Elements.uniform(random, DataType.FLOAT, 3, 11);
          MemoryOps.writeRows(table, Nd4j.createFromArray(2, 5, 12), values, 9);
          MemoryOps.writeRows(other, Nd4j.createFromArray(2L, 5L, 12L), values.dup('f'), 9);
          AssertClose.same(
              "rows", Elements.doubles(CompactTiers.rows(table)), CompactTiers.rows(other));
          for (int row = 0; row < 13; row++) {
            double[] expected = Arrays.copyOfRange(before, row * 11, row * 11 + 11);
            double tolerance = 0;
            int named = Arrays.asList(2, 5, 12).indexOf(row);
            if (named >= 0) {
              expected = Elements.doubles(values.getRow(named));
              tolerance = storage == CompactTable.Storage.FLOAT32 ? 0 : 0.01;
            }
            AssertClose.close(
                "row " + row, expected, CompactTiers.rows(table).getRow(row), tolerance);
          }
          MemoryOps.writeRows(
              table, Nd4j.create(DataType.INT64, 0), Nd4j.create(DataType.FLOAT, 0, 11), 9);
          AssertClose.same(
              "rows", Elements.doubles(CompactTiers.rows(other)), CompactTiers.rows(table));
        });
  }

  /** Moments of 2^20 numbers within five deviations of each; tails; rows and seeds that differ. */
  @Test
  void initialNumbersAreNormal(Random random) {
    int slots = 4096;
    int valueSize = 256;
    double n = slots * (double) valueSize;
    CompactTiers.each(
        (kernels, storage) -> {
          CompactTable table = CompactTiers.zeros(storage, slots, valueSize);
          long seed = random.nextLong();
          assertEquals(Kernels.OK, kernels.compact().initialiseNormal(table, 0.5, seed));
          double[] x = Elements.doubles(CompactTiers.rows(table));
          double[] moments = new double[5];
          int beyondThree = 0;
          double neighbours = 0;
          for (int i = 0; i < x.length; i++) {
            double z = x[i] / 0.5;
            for (int p = 1; p <= 4; p++) {
              moments[p] += Math.pow(z, p) / n;
            }
            beyondThree += Math.abs(z) > 3 ? 1 : 0;
            neighbours += i == 0 ? 0 : z * x[i - 1] / 0.5 / n;
          }
          // A row of int8 has steps of about 3 / 127 deviations, whose rounding adds its variance.
          double rounding = storage == CompactTable.Storage.INT8 ? 2e-4 : 1e-5;
          assertEquals(0, moments[1], 5 / Math.sqrt(n), "mean");
          assertEquals(1, moments[2], 5 * Math.sqrt(2 / n) + rounding, "variance");
          assertEquals(0, moments[3], 5 * Math.sqrt(15 / n), "third moment");
          assertEquals(3, moments[4], 5 * Math.sqrt(96 / n) + 6 * rounding, "fourth moment");
          assertEquals(0.0027 * n, beyondThree, 5 * Math.sqrt(0.0027 * n) + 0.005 * 0.0027 * n);
          assertEquals(0, neighbours, 5 / Math.sqrt(n), "correlation of neighbours");
          CompactTable other = CompactTiers.zeros(storage, slots, valueSize);
          kernels.compact().initialiseNormal(other, 0.5, seed + 1);
          double between = 0;
          double[] y = Elements.doubles(CompactTiers.rows(other));
          for (int i = 0; i < x.length; i++) {
            between += x[i] / 0.5 * y[i] / 0.5 / n;
          }
          assertEquals(0, between, 5 / Math.sqrt(n), "correlation of seeds");
        });
  }

  /** The logarithm, sine and cosine in float32 are those of Java within 1e-6. */
  @Test
  void seriesAreAccurate(Random random) {
    for (int i = 0; i < 20_000; i++) {
      float u = (float) Math.scalb(1 - random.nextDouble(), -random.nextInt(32));
      assertEquals(Math.log(u), NormalRow.log(u), 1e-6 * Math.max(1, -Math.log(u)));
      float x = (float) ((random.nextDouble() * 2 - 1) * Math.PI / 4);
      assertEquals(Math.sin(x), NormalRow.sine(x, x * x), 1e-6);
      assertEquals(Math.cos(x), NormalRow.cosine(x * x), 1e-6);
    }
    assertEquals(0, NormalRow.log(1));
  }

  /** More than 2^31 values, in memory that is not touched but for the rows in question. */
  @Test
  void rowsBeyondTheRangeOfIntAreFound(Random random) {
    long valueSize = 67;
    long slots = (1L << 31) / valueSize + 1000;
    Pointer bytes = Pointer.malloc(2 * slots * valueSize);
    Pointer floats = Pointer.malloc(4 * slots);
    INDArray halves = array(bytes, DataType.BFLOAT16, slots, valueSize);
    INDArray whole = array(bytes, DataType.INT8, slots, valueSize);
    INDArray scales = array(floats, DataType.FLOAT, slots);
    long[] picks = {0, (1L << 30) / valueSize, (1L << 31) / valueSize, slots - 2, slots - 1};
    INDArray rows = Nd4j.createFromArray(picks);
    INDArray values = Elements.uniform(random, DataType.FLOAT, picks.length, valueSize);
    CompactTable[] tables = {CompactTable.bfloat16(halves), CompactTable.int8(whole, scales)};
    for (Kernels kernels : Tiers.present()) {
      for (CompactTable table : tables) {
        CompactTable small = CompactTiers.zeros(table.storage(), picks.length, valueSize);
        kernels.compact().writeRows(table, rows, values, 3);
        INDArray got = Nd4j.create(DataType.FLOAT, values.shape());
        assertEquals(Kernels.OK, kernels.compact().readRows(table, rows, got));
        AssertClose.close("rows", Elements.doubles(values), got, 0.01);
        MemoryOps.writeRows(small, Nd4j.createFromArray(0L, 1L, 2L, 3L, 4L), got, 3);
        INDArray bag = Nd4j.create(DataType.FLOAT, 1, valueSize);
        INDArray weights = Nd4j.createFromArray(new float[][] {{1, 2, 3, 4, 5}});
        kernels.compact().weightedBag(table, rows.reshape(1, 5), weights, bag);
        AssertClose.close("bag", Elements.doubles(weights.mmul(got)), bag, 1e-5);
      }
    }
    Pointer.free(bytes);
    Pointer.free(floats);
  }

  private static INDArray array(Pointer memory, DataType type, long... shape) {
    long length = 1;
    for (long size : shape) {
      length *= size;
    }
    Pointer typed = type == DataType.FLOAT ? new FloatPointer(memory) : new BytePointer(memory);
    return Nd4j.create(Nd4j.createBuffer(typed, length, type), shape);
  }
}
