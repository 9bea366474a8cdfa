package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Checks the arguments of weightedBag and of its gradient, and calls the kernels. */
final class WeightedBag {
  static final String BAG = "[bags, bagSize]";
  static final String OUT = "[bags, valueSize]";

  private WeightedBag() {}

  static INDArray sum(INDArray values, INDArray slots, INDArray weights) {
    Require require = Require.op("weightedBag");
    Table.require(require, "values", values);
    require.shape("slots", slots, BAG, ANY, ANY);
    INDArray out = Nd4j.create(values.dataType(), slots.size(0), values.size(1));
    sum(values, slots, weights, out);
    return out;
  }

  static void sum(INDArray values, INDArray slots, INDArray weights, INDArray out) {
    Require require = Require.op("weightedBag");
    Table.require(require, "values", values);
    INDArray longSlots = requireSlots(require, slots);
    require.shape("weights", weights, BAG, slots.shape());
    require.type("weights", weights, values.dataType());
    require.shape("out", out, OUT, slots.size(0), values.size(1));
    require.type("out", out, values.dataType());
    require.apart("out", out, "values", values);
    require.apart("out", out, "slots", slots);
    require.apart("out", out, "weights", weights);
    if (!slots.isEmpty()) {
      run(require, Dense.in(values), Dense.in(longSlots), Dense.in(weights), Dense.out(out));
    }
  }

  private static void run(
      Require require, INDArray values, INDArray slots, INDArray weights, Dense out) {
    long status = KernelChoice.kernels().weightedBag(values, slots, weights, out.array());
    require.ok(status, "slots", slots, values.size(0));
    out.publish();
  }

  static MemoryOps.BagGradient gradient(
      INDArray values, INDArray slots, INDArray weights, INDArray outGradients) {
    Require require = Require.op("weightedBagGradient");
    Table.require(require, "values", values);
    INDArray longSlots = requireSlots(require, slots);
    requireGradients(require, values, weights, outGradients);
    require.shape("weights", weights, BAG, slots.shape());
    TouchedRows touched = new TouchedRows();
    touched.group(require, longSlots, values.size(0));
    INDArray dv = Nd4j.create(values.dataType(), touched.count(), values.size(1));
    INDArray dw = Nd4j.create(values.dataType(), weights.shape());
    INDArray[] in = {values, weights, outGradients};
    runGradient(require, in, touched, Dense.out(dv), false, Dense.out(dw));
    return new MemoryOps.BagGradient(touched.rows(), dv, dw);
  }

  static void gradient(
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched,
      INDArray valueGradientsOut,
      INDArray weightGradientsOut) {
    Require require = Require.op("weightedBagGradient");
    Table.require(require, "values", values);
    requireGrouped(require, values, weights, outGradients, touched);
    if (valueGradientsOut != null) {
      Table.requireLike(require, "valueGradientsOut", valueGradientsOut, values);
    }
    if (weightGradientsOut != null || valueGradientsOut == null) {
      require.shape("weightGradientsOut", weightGradientsOut, BAG, weights.shape());
      require.type("weightGradientsOut", weightGradientsOut, values.dataType());
    }
    INDArray[] in = {values, weights, outGradients};
    requireApart(require, in, valueGradientsOut, weightGradientsOut);
    Dense dv = valueGradientsOut == null ? Dense.NONE : Dense.inOut(valueGradientsOut);
    Dense dw = weightGradientsOut == null ? Dense.NONE : Dense.out(weightGradientsOut);
    runGradient(require, in, touched, dv, true, dw);
  }

  static void weightGradient(
      INDArray values, INDArray slots, INDArray outGradients, INDArray weightGradientsOut) {
    Require require = Require.op("weightedBagWeightGradient");
    Table.require(require, "values", values);
    INDArray longSlots = requireSlots(require, slots);
    require.shape("outGradients", outGradients, OUT, slots.size(0), values.size(1));
    require.type("outGradients", outGradients, values.dataType());
    require.shape("weightGradientsOut", weightGradientsOut, BAG, slots.shape());
    require.type("weightGradientsOut", weightGradientsOut, values.dataType());
    require.apart("weightGradientsOut", weightGradientsOut, "values", values);
    require.apart("weightGradientsOut", weightGradientsOut, "slots", slots);
    require.apart("weightGradientsOut", weightGradientsOut, "outGradients", outGradients);
    if (slots.isEmpty()) {
      return;
    }
    Dense dw = Dense.out(weightGradientsOut);
    INDArray in = Dense.in(longSlots);
    long status =
        KernelChoice.kernels()
            .weightedBagWeightGradient(Dense.in(values), in, Dense.in(outGradients), dw.array());
    require.ok(status, "slots", in, values.size(0));
    dw.publish();
  }

  private static void requireApart(
      Require require, INDArray[] in, INDArray valueGradientsOut, INDArray weightGradientsOut) {
    String[] names = {"values", "weights", "outGradients"};
    for (int i = 0; i < in.length; i++) {
      require.apart("valueGradientsOut", valueGradientsOut, names[i], in[i]);
      require.apart("weightGradientsOut", weightGradientsOut, names[i], in[i]);
    }
    require.apart("weightGradientsOut", weightGradientsOut, "valueGradientsOut", valueGradientsOut);
  }

  /** Values, weights, outGradients to the gradients of the touched rows and of the weights. */
  private static void runGradient(
      Require require, INDArray[] in, TouchedRows touched, Dense dv, boolean byRow, Dense dw) {
    if (touched.count() == 0) {
      return;
    }
    INDArray[] dense = {Dense.in(in[0]), Dense.in(in[1]), Dense.in(in[2])};
    long status =
        KernelChoice.kernels()
            .weightedBagGradient(
                dense[0], dense[1], dense[2], touched.accesses(), dv.array(), byRow, dw.array());
    require.ok(status, "touched", touched.rows(), in[0].size(0));
    dv.publish();
    dw.publish();
  }

  /** The slots as LONG. */
  static INDArray requireSlots(Require require, INDArray slots) {
    require.shape("slots", slots, BAG, ANY, ANY);
    require.positive("slots", slots, 1, "bagSize");
    return require.longs("slots", slots);
  }

  private static void requireGradients(
      Require require, INDArray values, INDArray weights, INDArray outGradients) {
    requireGradients(require, values.dataType(), values.size(1), weights, outGradients);
  }

  static void requireGradients(
      Require require, DataType type, long valueSize, INDArray weights, INDArray outGradients) {
    require.shape("weights", weights, BAG, ANY, ANY);
    require.positive("weights", weights, 1, "bagSize");
    require.type("weights", weights, type);
    require.shape("outGradients", outGradients, OUT, weights.size(0), valueSize);
    require.type("outGradients", outGradients, type);
  }

  /** Weights and gradients of the bags whose slots were grouped, for a table that was checked. */
  static void requireGrouped(
      Require require,
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched) {
    requireGradients(require, values, weights, outGradients);
    TouchedRows.requireGrouped(require, touched, "values", values);
    touched.requireBags(require, "weights", weights);
  }
}
