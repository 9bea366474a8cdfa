package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** How rows of bfloat16 and int8 are written, against the numbers of the storage around them. */
@ExtendWith(Seeded.class)
class StochasticRoundingTest {
  private static final INDArray FIRST = Nd4j.createFromArray(0L);

  /** Distance of the numbers of the storage around a value of a row. */
  private static double step(CompactTable.Storage storage, double[] row, double value) {
    return switch (storage) {
      case FLOAT32 -> 0;
      case BFLOAT16 -> Math.ulp((float) value) * 0x1p16;
      case INT8 -> Arrays.stream(row).map(Math::abs).max().orElse(0) / 127;
    };
  }

  private static INDArray written(
      Kernels kernels, CompactTable.Storage storage, INDArray values, long seed) {
    CompactTable table = CompactTiers.zeros(storage, values.size(0), values.size(1));
    INDArray rows = Nd4j.arange(values.size(0)).castTo(DataType.INT64);
    kernels.compact().writeRows(table, rows, values, seed);
    INDArray out = Nd4j.create(DataType.FLOAT, values.shape());
    assertEquals(Kernels.OK, kernels.compact().readRows(table, rows, out));
    return out;
  }

  /** Sizes around the widths of vectors; magnitudes from 2^-20 to 2^20, both signs. */
  @Test
  void aValueGoesToOneOfItsNeighbours(Random random) {
    CompactTiers.each(
        (kernels, storage) -> {
          for (int valueSize : new int[] {1, 7, 8, 15, 16, 37, 64, 67, 521}) {
            INDArray values = Elements.uniform(random, DataType.FLOAT, 5, valueSize);
            values.muli(Math.pow(2, random.nextInt(41) - 20));
            INDArray got = written(kernels, storage, values, random.nextLong());
            for (int r = 0; r < 5; r++) {
              double[] row = Elements.doubles(values.getRow(r));
              double[] out = Elements.doubles(got.getRow(r));
              for (int c = 0; c < valueSize; c++) {
                double step = step(storage, row, row[c]);
                assertTrue(
                    Math.abs(out[c] - row[c]) <= step * (1 + 1e-5),
                    row[c] + " became " + out[c] + ", a step is " + step);
              }
            }
          }
        });
  }

  /** The mean of 4096 seeds: its deviation is at most half a step over the root of 4096. */
  @Test
  void theExpectationIsTheValue(Random random) {
    int seeds = 4096;
    CompactTiers.eachRounded(
        (kernels, storage) -> {
          INDArray values = Elements.uniform(random, DataType.FLOAT, 1, 61);
          double[] row = Elements.doubles(values);
          double[] sum = new double[row.length];
          for (int seed = 0; seed < seeds; seed++) {
            double[] got = Elements.doubles(written(kernels, storage, values, seed));
            for (int c = 0; c < row.length; c++) {
              sum[c] += got[c];
            }
          }
          for (int c = 0; c < row.length; c++) {
            double bound = 6 * step(storage, row, row[c]) / 2 / Math.sqrt(seeds) + 1e-6;
            assertEquals(row[c], sum[c] / seeds, bound, "column " + c);
          }
        });
  }

  /** Numbers that the storage has are kept, whatever the seed. */
  @Test
  void storedNumbersOfBfloat16AreKept(Random random) {
    for (Kernels kernels : Tiers.present()) {
      INDArray values = Elements.uniform(random, DataType.BFLOAT16, 3, 67).castTo(DataType.FLOAT);
      for (int seed = 0; seed < 20; seed++) {
        INDArray got = written(kernels, CompactTable.Storage.BFLOAT16, values, random.nextLong());
        AssertClose.same("rows", Elements.doubles(values), got);
      }
    }
  }

  @Test
  void endsOfTheRangeOfBfloat16() {
    float largest = Float.intBitsToFloat(0x7F7F0000);
    float[] given = {
      Float.POSITIVE_INFINITY,
      Float.NEGATIVE_INFINITY,
      Float.NaN,
      Float.MAX_VALUE,
      -Float.MAX_VALUE,
      0f,
      -0f,
      largest,
      -largest,
      Float.intBitsToFloat(0x00010000)
    };
    double[] expected = {
      Double.POSITIVE_INFINITY,
      Double.NEGATIVE_INFINITY,
      Double.NaN,
      largest,
      -largest,
      0d,
      -0d,
      largest,
      -largest,
      Float.intBitsToFloat(0x00010000)
    };
    for (Kernels kernels : Tiers.present()) {
      for (int seed = 0; seed < 50; seed++) {
        INDArray values = Nd4j.createFromArray(new float[][] {given});
        AssertClose.same(
            "ends", expected, written(kernels, CompactTable.Storage.BFLOAT16, values, seed));
      }
    }
  }

  @Test
  void rowsOfInt8WithoutAScale() {
    float tiny = Float.MIN_VALUE;
    float[][] given = {
      {0, -0f, 0},
      {tiny, 50 * tiny, -tiny},
      {1, Float.NaN, 2},
      {Float.NEGATIVE_INFINITY, 1, 0},
      {1.27f, -0.63f, 0}
    };
    for (Kernels kernels : Tiers.present()) {
      CompactTable table = CompactTiers.zeros(CompactTable.Storage.INT8, 5, 3);
      table.values().addi(3);
      INDArray rows = Nd4j.arange(5).castTo(DataType.INT64);
      kernels.compact().writeRows(table, rows, Nd4j.createFromArray(given), 7);
      double nan = Double.NaN;
      AssertClose.same("scales", new double[] {0, 0, nan, nan, 0.01f}, table.scales());
      double[] values = Elements.doubles(table.values());
      AssertClose.same(
          "without a scale", new double[12], Nd4j.createFromArray(Arrays.copyOf(values, 12)));
      assertEquals(127, values[12]);
      assertTrue(values[13] == -63 || values[13] == -62, "row " + values[13]);
      INDArray out = Nd4j.create(DataType.FLOAT, 5, 3);
      kernels.compact().readRows(table, rows, out);
      AssertClose.same("not finite", new double[] {nan, nan, nan}, out.getRow(2));
      AssertClose.same("not finite", new double[] {nan, nan, nan}, out.getRow(3));
    }
  }

  /**
   * An update of a sixteenth of a step: rounding to the nearest gives the old value back every
   * time; here 160 updates move the mean of 512 columns by 10 steps, with a deviation of the mean
   * below half a step times the root of 160 / 512.
   */
  @Test
  void updatesBelowHalfAStepCountOnAverage() {
    int steps = 160;
    int columns = 512;
    CompactTiers.eachRounded(
        (kernels, storage) -> {
          CompactTable table = CompactTiers.zeros(storage, 1, columns);
          INDArray ones = Nd4j.ones(DataType.FLOAT, 1, columns).muli(1.5);
          ones.putScalar(0, 0, 1.984375);
          kernels.compact().writeRows(table, FIRST, ones, 0);
          double start = CompactTiers.rows(table).meanNumber().doubleValue();
          double quantum = 0x1p-7;
          if (storage == CompactTable.Storage.INT8) {
            quantum = table.scales().getDouble(0);
          }
          INDArray gradient = Nd4j.ones(DataType.FLOAT, 1, columns).muli(quantum / 16);
          gradient.putScalar(0, 0, 0);
          TouchedRows touched = new TouchedRows();
          touched.group(Nd4j.createFromArray(new long[][] {{0}}), 1);
          INDArray weight = Nd4j.ones(DataType.FLOAT, 1, 1);
          for (int i = 0; i < steps; i++) {
            kernels.compact().bagSgd(table, weight, gradient, touched.accesses(), 1, i);
          }
          double moved = (start - CompactTiers.rows(table).meanNumber().doubleValue()) / quantum;
          double expected = steps / 16d * (columns - 1) / columns;
          assertEquals(expected, moved, 6 * 0.5 * Math.sqrt(steps / (double) columns));
        });
  }
}
