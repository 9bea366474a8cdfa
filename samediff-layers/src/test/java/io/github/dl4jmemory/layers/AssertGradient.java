package io.github.dl4jmemory.layers;

import java.util.Map;
import java.util.Set;
import org.deeplearning4j.gradientcheck.GradientCheckUtil;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * DL4J's numerical gradient check, throwing where DL4J only answers false, and refusing a check
 * that proves nothing: every parameter has to have a gradient that is not zero.
 */
final class AssertGradient {

  private static final double EPSILON = 1e-6;
  private static final double MAX_RELATIVE_ERROR = 1e-4;
  private static final double MIN_ABSOLUTE_ERROR = 1e-9;

  private AssertGradient() {}

  /** Checks all parameters of a DOUBLE network whose updaters are NoOp, or Sgd(1). */
  static void of(MultiLayerNetwork network, DataSet data) {
    of(network, data, Set.of());
  }

  /** The same, but for parameters that change by a rule of their own: their gradient is zero. */
  static void of(MultiLayerNetwork network, DataSet data, Set<String> states) {
    inDouble(
        () -> {
          boolean right =
              GradientCheckUtil.checkGradients(
                  new GradientCheckUtil.MLNConfig()
                      .net(network)
                      .excludeParams(states)
                      .epsilon(EPSILON)
                      .maxRelError(MAX_RELATIVE_ERROR)
                      .minAbsoluteError(MIN_ABSOLUTE_ERROR)
                      .print(GradientCheckUtil.PrintMode.FAILURES_ONLY)
                      .input(data.getFeatures())
                      .labels(data.getLabels())
                      .inputMask(data.getFeaturesMaskArray())
                      .labelMask(data.getLabelsMaskArray()));
          network.setInput(data.getFeatures());
          network.setLabels(data.getLabels());
          network.setLayerMaskArrays(data.getFeaturesMaskArray(), data.getLabelsMaskArray());
          network.computeGradientAndScore();
          verdict(right, network.gradient().gradientForVariable(), states);
        });
  }

  /** Checks all parameters of a DOUBLE graph whose updaters are NoOp, or Sgd(1). */
  static void of(ComputationGraph network, MultiDataSet data) {
    of(network, data, Set.of());
  }

  private static void verdict(boolean right, Map<String, INDArray> gradients, Set<String> states) {
    if (!right) {
      throw new AssertionError("gradient check failed; the log names the parameters");
    }
    if (gradients.isEmpty()) {
      throw new AssertionError("a network without gradients cannot be checked");
    }
    gradients.forEach(
        (key, gradient) -> {
          if (states.contains(key)
              ? gradient.amaxNumber().doubleValue() != 0
              : !(gradient.amaxNumber().doubleValue() > 0)) {
            throw new AssertionError(
                "gradient of " + key + (states.contains(key) ? " is not zero" : " is zero"));
          }
        });
  }

  /** A graph, but for parameters that change by a rule of their own: their gradient is zero. */
  static void of(ComputationGraph network, MultiDataSet data, Set<String> states) {
    inDouble(
        () -> {
          boolean right =
              GradientCheckUtil.checkGradients(
                  new GradientCheckUtil.GraphConfig()
                      .net(network)
                      .excludeParams(states)
                      .epsilon(EPSILON)
                      .maxRelError(MAX_RELATIVE_ERROR)
                      .minAbsoluteError(MIN_ABSOLUTE_ERROR)
                      .print(GradientCheckUtil.PrintMode.FAILURES_ONLY)
                      .inputs(data.getFeatures())
                      .labels(data.getLabels())
                      .inputMask(data.getFeaturesMaskArrays())
                      .labelMask(data.getLabelsMaskArrays()));
          network.setInputs(data.getFeatures());
          network.setLabels(data.getLabels());
          network.setLayerMaskArrays(data.getFeaturesMaskArrays(), data.getLabelsMaskArrays());
          network.computeGradientAndScore();
          verdict(right, network.gradient().gradientForVariable(), states);
        });
  }

  private static void inDouble(Runnable check) {
    DataType before = Nd4j.dataType();
    DataType beforeFloat = Nd4j.defaultFloatingPointType();
    Nd4j.setDefaultDataTypes(DataType.DOUBLE, DataType.DOUBLE);
    try {
      check.run();
    } finally {
      Nd4j.setDefaultDataTypes(before, beforeFloat);
    }
  }
}
