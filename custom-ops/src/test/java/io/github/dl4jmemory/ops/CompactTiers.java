package io.github.dl4jmemory.ops;

import io.github.dl4jmemory.testkit.Elements;
import java.util.List;
import java.util.Random;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Runs one check on every tier of kernels that is present, and on every storage of a table. */
final class CompactTiers {
  private CompactTiers() {}

  interface Check {
    void on(Kernels kernels, CompactTable.Storage storage);
  }

  static void each(Check check) {
    for (Kernels kernels : Tiers.present()) {
      for (CompactTable.Storage storage : CompactTable.Storage.values()) {
        run(check, kernels, storage);
      }
    }
  }

  /** The storages whose rows are rounded. */
  static void eachRounded(Check check) {
    each(
        (kernels, storage) -> {
          if (storage != CompactTable.Storage.FLOAT32) {
            check.on(kernels, storage);
          }
        });
  }

  private static void run(Check check, Kernels kernels, CompactTable.Storage storage) {
    try {
      check.on(kernels, storage);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError(
          kernels.getClass().getSimpleName() + ", " + storage + ": " + e.getMessage(), e);
    }
  }

  static CompactTable zeros(CompactTable.Storage storage, long slots, long valueSize) {
    return switch (storage) {
      case FLOAT32 -> CompactTable.float32(Nd4j.create(DataType.FLOAT, slots, valueSize));
      case BFLOAT16 -> CompactTable.bfloat16(Nd4j.create(DataType.BFLOAT16, slots, valueSize));
      case INT8 ->
          CompactTable.int8(
              Nd4j.create(DataType.INT8, slots, valueSize), Nd4j.create(DataType.FLOAT, slots));
    };
  }

  /** A table of random rows, written by the portable kernels. */
  static CompactTable uniform(
      Random random, CompactTable.Storage storage, int slots, int valueSize) {
    CompactTable table = zeros(storage, slots, valueSize);
    INDArray values = Elements.uniform(random, DataType.FLOAT, slots, valueSize);
    new PortableCompactKernels()
        .writeRows(table, Nd4j.arange(slots).castTo(DataType.INT64), values, random.nextLong());
    return table;
  }

  static CompactTable copy(CompactTable table) {
    return switch (table.storage()) {
      case FLOAT32 -> CompactTable.float32(table.values().dup());
      case BFLOAT16 -> CompactTable.bfloat16(table.values().dup());
      case INT8 -> CompactTable.int8(table.values().dup(), table.scales().dup());
    };
  }

  /** All rows as the portable kernels read them, [slots, valueSize]. */
  static INDArray rows(CompactTable table) {
    INDArray out = Nd4j.create(DataType.FLOAT, table.slots(), table.valueSize());
    INDArray rows = Nd4j.arange(table.slots()).castTo(DataType.INT64);
    new PortableCompactKernels().readRows(table, rows, out);
    return out;
  }

  /** What is stored, as doubles: values, then scales. */
  static List<double[]> stored(CompactTable table) {
    double[] scales = table.scales() == null ? new double[0] : Elements.doubles(table.scales());
    return List.of(Elements.doubles(table.values()), scales);
  }
}
