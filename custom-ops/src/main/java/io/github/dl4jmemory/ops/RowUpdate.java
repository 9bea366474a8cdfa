package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Checks the arguments of rowAdam, rowSgd and zeroRows, and calls the kernels. */
final class RowUpdate {
  private static final String ROWS = "[rows]";
  private static final String ROW_GRADIENTS = "[rows, valueSize]";

  private RowUpdate() {}

  static void adam(
      INDArray values,
      INDArray m,
      INDArray v,
      INDArray rows,
      INDArray rowGradients,
      AdamStep step) {
    Require require = Require.op("rowAdam");
    AdamTable.require(require, "values", values, m, v);
    INDArray longRows = requireRows(require, values, rows, rowGradients);
    AdamStep.require(require, step, values.dataType());
    require.apart(
        List.of("values", "m", "v", "rowGradients", "rows"), values, m, v, rowGradients, rows);
    if (!rows.isEmpty()) {
      runAdam(require, AdamTable.of(values, m, v), longRows, Dense.in(rowGradients), step);
    }
  }

  private static void runAdam(
      Require require, AdamTable adam, INDArray rows, INDArray gradients, AdamStep step) {
    INDArray values = adam.table().array();
    INDArray m = adam.m().array();
    INDArray v = adam.v().array();
    long status = KernelChoice.kernels().rowAdam(rows, gradients, false, m, v, values, step);
    require.ok(status, "rows", rows, values.size(0));
    adam.publish();
  }

  static void adam(
      TouchedRows touched, INDArray gradientsInUpdatesOut, INDArray m, INDArray v, AdamStep step) {
    Require require = Require.op("rowAdam");
    AdamTable.require(require, "gradientsInUpdatesOut", gradientsInUpdatesOut, m, v);
    TouchedRows.requireGrouped(require, touched, "gradientsInUpdatesOut", gradientsInUpdatesOut);
    AdamStep.require(require, step, gradientsInUpdatesOut.dataType());
    require.apart(List.of("gradientsInUpdatesOut", "m", "v"), gradientsInUpdatesOut, m, v);
    if (touched.count() > 0) {
      runAdam(require, AdamTable.of(gradientsInUpdatesOut, m, v), touched, step);
    }
  }

  private static void runAdam(Require require, AdamTable adam, TouchedRows touched, AdamStep step) {
    INDArray updates = adam.table().array();
    INDArray m = adam.m().array();
    INDArray v = adam.v().array();
    long status = KernelChoice.kernels().rowAdam(touched.rows(), updates, true, m, v, null, step);
    require.ok(status, "touched", touched.rows(), m.size(0));
    adam.publish();
  }

  static void sgd(INDArray values, INDArray rows, INDArray rowGradients, double learningRate) {
    Require require = Require.op("rowSgd");
    Table.require(require, "values", values);
    INDArray longRows = requireRows(require, values, rows, rowGradients);
    require.finite("learningRate", learningRate, values.dataType());
    require.apart(List.of("values", "rowGradients", "rows"), values, rowGradients, rows);
    if (rows.isEmpty()) {
      return;
    }
    Dense table = Dense.inOut(values);
    INDArray gradients = Dense.in(rowGradients);
    long status =
        KernelChoice.kernels().rowSgd(longRows, gradients, false, table.array(), learningRate);
    require.ok(status, "rows", longRows, values.size(0));
    table.publish();
  }

  static void sgd(
      TouchedRows touched,
      INDArray gradientsInUpdatesOut,
      double learningRate,
      double gradientScale) {
    Require require = Require.op("rowSgd");
    Table.require(require, "gradientsInUpdatesOut", gradientsInUpdatesOut);
    TouchedRows.requireGrouped(require, touched, "gradientsInUpdatesOut", gradientsInUpdatesOut);
    double stepSize =
        stepSize(require, learningRate, gradientScale, gradientsInUpdatesOut.dataType());
    if (touched.count() == 0) {
      return;
    }
    Dense updates = Dense.inOut(gradientsInUpdatesOut);
    long status =
        KernelChoice.kernels().rowSgd(touched.rows(), updates.array(), true, null, stepSize);
    require.ok(status, "touched", touched.rows(), updates.array().size(0));
    updates.publish();
  }

  /** What a gradient is multiplied by; the kernels round it to the dtype of the table. */
  static double stepSize(
      Require require, double learningRate, double gradientScale, DataType type) {
    require.finite("learningRate", learningRate);
    require.finite("gradientScale", gradientScale);
    double stepSize = learningRate * gradientScale;
    require.finite("learningRate * gradientScale", stepSize, type);
    return stepSize;
  }

  static void zero(TouchedRows touched, INDArray table) {
    Require require = Require.op("zeroRows");
    Table.require(require, "table", table);
    TouchedRows.requireGrouped(require, touched, "table", table);
    if (touched.count() == 0) {
      return;
    }
    Dense dense = Dense.inOut(table);
    KernelChoice.kernels().zeroRows(dense.array(), touched.rows());
    dense.publish();
  }

  /** The rows as LONG, contiguous. */
  private static INDArray requireRows(
      Require require, INDArray values, INDArray rows, INDArray rowGradients) {
    require.shape("rows", rows, ROWS, ANY);
    INDArray longRows = Dense.in(require.longs("rows", rows));
    require.shape("rowGradients", rowGradients, ROW_GRADIENTS, rows.size(0), values.size(1));
    require.type("rowGradients", rowGradients, values.dataType());
    require.ascending("rows", longRows, values.size(0), "pass the rows of weightedBagGradient");
    return longRows;
  }
}
