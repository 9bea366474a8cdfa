package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Checks the arguments of bagAdam and bagSgd, and calls the kernels. */
final class BagUpdate {
  private BagUpdate() {}

  static void adam(
      INDArray values,
      INDArray m,
      INDArray v,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched,
      AdamStep step) {
    Require require = Require.op("bagAdam");
    AdamTable.require(require, "values", values, m, v);
    WeightedBag.requireGrouped(require, values, weights, outGradients, touched);
    AdamStep.require(require, step, values.dataType());
    require.apart(List.of("values", "m", "v", "weights"), values, m, v, weights);
    require.apart(List.of("values", "m", "v", "outGradients"), values, m, v, outGradients);
    if (touched.count() > 0) {
      AdamTable table = AdamTable.of(values, m, v);
      runAdam(require, table, Dense.in(weights), Dense.in(outGradients), touched, step);
    }
  }

  private static void runAdam(
      Require require,
      AdamTable adam,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched,
      AdamStep step) {
    INDArray values = adam.table().array();
    INDArray m = adam.m().array();
    INDArray v = adam.v().array();
    long status =
        KernelChoice.kernels()
            .bagAdam(values, m, v, weights, outGradients, touched.accesses(), step);
    require.ok(status, "touched", touched.rows(), values.size(0));
    adam.publish();
  }

  static void sgd(
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched,
      double learningRate,
      double gradientScale) {
    Require require = Require.op("bagSgd");
    Table.require(require, "values", values);
    WeightedBag.requireGrouped(require, values, weights, outGradients, touched);
    double stepSize = RowUpdate.stepSize(require, learningRate, gradientScale, values.dataType());
    require.apart("values", values, "weights", weights);
    require.apart("values", values, "outGradients", outGradients);
    if (touched.count() > 0) {
      runSgd(
          require,
          Dense.inOut(values),
          Dense.in(weights),
          Dense.in(outGradients),
          touched,
          stepSize);
    }
  }

  private static void runSgd(
      Require require,
      Dense values,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched,
      double stepSize) {
    long status =
        KernelChoice.kernels()
            .bagSgd(values.array(), weights, outGradients, touched.accesses(), stepSize);
    require.ok(status, "touched", touched.rows(), values.array().size(0));
    values.publish();
  }
}
