package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.layers.samediff.AbstractSameDiffLayer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/**
 * DL4J's five gradient normalisations, over the gradients of a layer except those of its tables.
 *
 * <p>DL4J normalises after it has divided by the minibatch size; here that division is still to
 * come, so thresholds are multiplied by it instead.
 */
final class GradientScaling {

  private static final double ZERO_NORM = 1e-5; // DL4J's stand-in for a norm of zero

  private GradientScaling() {}

  static void apply(
      AbstractSameDiffLayer layer,
      Map<String, INDArray> gradients,
      Set<String> tables,
      int divisor) {
    GradientNormalization kind = layer.getGradientNormalization();
    if (kind == null || kind == GradientNormalization.None) {
      return;
    }
    double threshold = layer.getGradientNormalizationThreshold() * divisor;
    List<INDArray> dense = new ArrayList<>();
    gradients.forEach(
        (key, gradient) -> {
          if (!tables.contains(key)) {
            dense.add(gradient);
          }
        });
    switch (kind) {
      case RenormalizeL2PerLayer -> renormalize(dense, divisor);
      case RenormalizeL2PerParamType -> dense.forEach(g -> renormalize(List.of(g), divisor));
      case ClipL2PerLayer -> clip(dense, threshold);
      case ClipL2PerParamType -> dense.forEach(g -> clip(List.of(g), threshold));
      case ClipElementWiseAbsoluteValue -> dense.forEach(g -> clipValues(g, threshold));
      default -> throw new IllegalStateException("unknown gradient normalization " + kind);
    }
  }

  private static void renormalize(List<INDArray> gradients, int divisor) {
    double norm = norm(gradients) / divisor;
    double scale = 1 / (norm == 0 ? ZERO_NORM : norm);
    gradients.forEach(g -> g.muli(scale));
  }

  private static void clip(List<INDArray> gradients, double threshold) {
    double norm = norm(gradients);
    if (norm > threshold) {
      gradients.forEach(g -> g.muli(threshold / norm));
    }
  }

  private static void clipValues(INDArray gradient, double threshold) {
    Nd4j.exec(
        DynamicCustomOp.builder("clipbyvalue")
            .addInputs(gradient)
            .callInplace(true)
            .addFloatingPointArguments(-threshold, threshold)
            .build());
  }

  private static double norm(List<INDArray> gradients) {
    return Math.sqrt(
        gradients.stream().mapToDouble(g -> g.norm2Number().doubleValue()).map(n -> n * n).sum());
  }
}
