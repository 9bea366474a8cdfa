package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Checks the arguments of rowDots and of its gradient. They are a weighted bag's gradient of its
 * weights, its sum, and its gradient of its table: the kernels are those of weighted bags.
 */
final class RowDots {
  private static final String BAG = "[bags, bagSize]";
  private static final String INPUTS = "[bags, valueSize]";

  private RowDots() {}

  static INDArray of(INDArray preValues, INDArray slots, INDArray inputs) {
    Require require = Require.op("rowDots");
    INDArray longSlots = requireBags(require, preValues, slots, inputs);
    INDArray out = Nd4j.create(preValues.dataType(), slots.shape());
    if (!slots.isEmpty()) {
      long status =
          KernelChoice.kernels()
              .weightedBagWeightGradient(Dense.in(preValues), longSlots, Dense.in(inputs), out);
      require.ok(status, "slots", longSlots, preValues.size(0));
    }
    return out;
  }

  static UltraMemOps.RowDotsGradient gradient(
      INDArray preValues, INDArray slots, INDArray inputs, INDArray outGradients) {
    Require require = Require.op("rowDotsGradient");
    INDArray longSlots = requireBags(require, preValues, slots, inputs);
    require.shape("outGradients", outGradients, BAG, slots.shape());
    require.type("outGradients", outGradients, preValues.dataType());
    TouchedRows touched = new TouchedRows();
    touched.group(require, longSlots, preValues.size(0));
    INDArray dRows = Nd4j.create(preValues.dataType(), touched.count(), preValues.size(1));
    INDArray dInputs = Nd4j.create(preValues.dataType(), inputs.shape());
    if (touched.count() > 0) {
      INDArray table = Dense.in(preValues);
      INDArray weights = Dense.in(outGradients);
      Kernels kernels = KernelChoice.kernels();
      kernels.weightedBagGradient(
          table, weights, Dense.in(inputs), touched.accesses(), dRows, false, null);
      kernels.weightedBag(table, longSlots, weights, dInputs);
    }
    return new UltraMemOps.RowDotsGradient(touched.rows(), dRows, dInputs);
  }

  /** The slots as LONG. */
  private static INDArray requireBags(
      Require require, INDArray preValues, INDArray slots, INDArray inputs) {
    Table.require(require, "preValues", preValues);
    require.shape("slots", slots, BAG, ANY, ANY);
    require.positive("slots", slots, 1, "bagSize");
    INDArray longSlots = Dense.in(require.longs("slots", slots));
    require.shape("inputs", inputs, INPUTS, slots.size(0), preValues.size(1));
    require.type("inputs", inputs, preValues.dataType());
    return longSlots;
  }
}
