package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Checks the arguments of the weighted bag of a {@link CompactTable} and of its gradient and
 * updates, and calls the kernels. A float32 table is handed to the operations on arrays.
 */
final class CompactBag {
  private CompactBag() {}

  static void sum(CompactTable table, INDArray slots, INDArray weights, INDArray out) {
    Require require = Require.op("weightedBag");
    CompactTable.require(require, table);
    if (isFloat(table)) {
      WeightedBag.sum(table.values(), slots, weights, out);
      return;
    }
    INDArray longSlots = WeightedBag.requireSlots(require, slots);
    require.shape("weights", weights, WeightedBag.BAG, slots.shape());
    require.type("weights", weights, DataType.FLOAT);
    require.shape("out", out, WeightedBag.OUT, slots.size(0), table.valueSize());
    require.type("out", out, DataType.FLOAT);
    table.requireApart(require, "out", out);
    require.apart("out", out, "slots", slots);
    require.apart("out", out, "weights", weights);
    if (slots.isEmpty()) {
      return;
    }
    INDArray in = Dense.in(longSlots);
    Dense sums = Dense.out(out);
    long status = kernels().weightedBag(table, in, Dense.in(weights), sums.array());
    require.ok(status, "slots", in, table.slots());
    sums.publish();
  }

  static void weightGradient(
      CompactTable table, INDArray slots, INDArray outGradients, INDArray weightGradientsOut) {
    Require require = Require.op("weightedBagWeightGradient");
    CompactTable.require(require, table);
    if (isFloat(table)) {
      WeightedBag.weightGradient(table.values(), slots, outGradients, weightGradientsOut);
      return;
    }
    INDArray longSlots = WeightedBag.requireSlots(require, slots);
    require.shape("outGradients", outGradients, WeightedBag.OUT, slots.size(0), table.valueSize());
    require.type("outGradients", outGradients, DataType.FLOAT);
    require.shape("weightGradientsOut", weightGradientsOut, WeightedBag.BAG, slots.shape());
    require.type("weightGradientsOut", weightGradientsOut, DataType.FLOAT);
    table.requireApart(require, "weightGradientsOut", weightGradientsOut);
    require.apart("weightGradientsOut", weightGradientsOut, "slots", slots);
    require.apart("weightGradientsOut", weightGradientsOut, "outGradients", outGradients);
    if (slots.isEmpty()) {
      return;
    }
    INDArray in = Dense.in(longSlots);
    Dense dw = Dense.out(weightGradientsOut);
    long status =
        kernels().weightedBagWeightGradient(table, in, Dense.in(outGradients), dw.array());
    require.ok(status, "slots", in, table.slots());
    dw.publish();
  }

  static void adam(
      CompactTable table,
      INDArray m,
      INDArray v,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched,
      AdamStep step,
      long seed) {
    Require require = Require.op("bagAdam");
    CompactTable.require(require, table);
    requireMoments(require, "m", m, table);
    requireMoments(require, "v", v, table);
    require.apart("m", m, "v", v);
    if (isFloat(table)) {
      BagUpdate.adam(table.values(), m, v, weights, outGradients, touched, step);
      return;
    }
    requireGrouped(require, table, weights, outGradients, touched);
    AdamStep.require(require, step, DataType.FLOAT);
    for (INDArray moments : new INDArray[] {m, v}) {
      String name = moments == m ? "m" : "v";
      table.requireApart(require, name, moments);
      require.apart(name, moments, "weights", weights);
      require.apart(name, moments, "outGradients", outGradients);
    }
    if (touched.count() > 0) {
      INDArray w = Dense.in(weights);
      INDArray gradients = Dense.in(outGradients);
      long status = kernels().bagAdam(table, m, v, w, gradients, touched.accesses(), step, seed);
      require.ok(status, "touched", touched.rows(), table.slots());
    }
  }

  static void sgd(
      CompactTable table,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched,
      double learningRate,
      double gradientScale,
      long seed) {
    Require require = Require.op("bagSgd");
    CompactTable.require(require, table);
    if (isFloat(table)) {
      BagUpdate.sgd(table.values(), weights, outGradients, touched, learningRate, gradientScale);
      return;
    }
    requireGrouped(require, table, weights, outGradients, touched);
    double stepSize = RowUpdate.stepSize(require, learningRate, gradientScale, DataType.FLOAT);
    if (touched.count() > 0) {
      INDArray w = Dense.in(weights);
      INDArray gradients = Dense.in(outGradients);
      long status = kernels().bagSgd(table, w, gradients, touched.accesses(), stepSize, seed);
      require.ok(status, "touched", touched.rows(), table.slots());
    }
  }

  /** Moments are as large as the table: they are used where they stand. */
  private static void requireMoments(
      Require require, String parameter, INDArray moments, CompactTable table) {
    require.shape(parameter, moments, "[slots, valueSize]", table.slots(), table.valueSize());
    require.type(parameter, moments, DataType.FLOAT);
    require.contiguous(parameter, moments);
  }

  private static void requireGrouped(
      Require require,
      CompactTable table,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched) {
    WeightedBag.requireGradients(require, DataType.FLOAT, table.valueSize(), weights, outGradients);
    TouchedRows.requireGrouped(require, touched, "table", table.values());
    touched.requireBags(require, "weights", weights);
    table.requireApart(require, "weights", weights);
    table.requireApart(require, "outGradients", outGradients);
  }

  private static boolean isFloat(CompactTable table) {
    return table.storage() == CompactTable.Storage.FLOAT32;
  }

  private static CompactKernels kernels() {
    return KernelChoice.kernels().compact();
  }
}
