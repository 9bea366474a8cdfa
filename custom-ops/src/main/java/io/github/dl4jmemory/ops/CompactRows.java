package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Checks the arguments of readRows, writeRows and initialiseNormal. */
final class CompactRows {
  private static final String ROWS = "[rows]";

  /** Seven deviations, more than any number has, are finite up to here. */
  private static final double LARGEST_DEVIATION = 1e37;

  private CompactRows() {}

  static INDArray read(CompactTable table, INDArray rows) {
    Require require = Require.op("readRows");
    CompactTable.require(require, table);
    require.shape("rows", rows, ROWS, ANY);
    INDArray numbers = Dense.in(require.longs("rows", rows));
    INDArray out = Nd4j.create(DataType.FLOAT, rows.size(0), table.valueSize());
    if (!rows.isEmpty()) {
      requireInside(require, kernels().readRows(table, numbers, out), numbers, table.slots());
    }
    return out;
  }

  private static void requireInside(Require require, long status, INDArray rows, long slots) {
    if (status != Kernels.OK) {
      long where = status >>> 8;
      throw require.error(
          "rows",
          "rows in [0, " + slots + ")",
          rows.getLong(where) + " at index " + where,
          rows,
          "pass rows of this table");
    }
  }

  static void write(CompactTable table, INDArray rows, INDArray values, long seed) {
    Require require = Require.op("writeRows");
    CompactTable.require(require, table);
    require.shape("rows", rows, ROWS, ANY);
    INDArray numbers = Dense.in(require.longs("rows", rows));
    require.shape("values", values, "[rows, valueSize]", rows.size(0), table.valueSize());
    require.type("values", values, DataType.FLOAT);
    require.ascending("rows", numbers, table.slots(), "sort the rows, each once");
    table.requireApart(require, "rows", rows);
    table.requireApart(require, "values", values);
    if (!rows.isEmpty()) {
      INDArray source = Dense.in(values);
      requireFinite(require, source);
      kernels().writeRows(table, numbers, source, seed);
    }
  }

  private static void requireFinite(Require require, INDArray values) {
    Slab<float[]> slab = Slab.floats(values);
    float[] row = new float[(int) values.size(1)];
    for (long j = 0; j < values.size(0); j++) {
      slab.read(j * row.length, row, 0, row.length);
      for (float value : row) {
        if (!Float.isFinite(value)) {
          throw require.error(
              "values",
              "finite numbers",
              value + " in row " + j,
              values,
              "look for where it comes from");
        }
      }
    }
  }

  static void initialise(CompactTable table, double deviation, long seed) {
    Require require = Require.op("initialiseNormal");
    CompactTable.require(require, table);
    if (!(deviation > 0 && deviation <= LARGEST_DEVIATION)) {
      throw require.error(
          "deviation",
          "a number > 0, at most " + LARGEST_DEVIATION,
          Double.toString(deviation),
          "1 / sqrt(valueSize) is usual");
    }
    long status = kernels().initialiseNormal(table, deviation, seed);
    require.ok(status, "table", table.values(), table.slots());
  }

  private static CompactKernels kernels() {
    return KernelChoice.kernels().compact();
  }
}
