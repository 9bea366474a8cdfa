package io.github.dl4jmemory.ops;

import java.util.function.DoubleSupplier;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Checks a gradient in DOUBLE against central differences. */
final class Differences {
  private static final double STEP = 1e-6;
  private static final double TOLERANCE = 1e-7;

  private Differences() {}

  static void assertGradient(
      String name, INDArray parameter, INDArray gradient, DoubleSupplier loss) {
    INDArray flat = parameter.reshape(parameter.length());
    INDArray flatGradient = gradient.reshape(gradient.length());
    for (long i = 0; i < flat.length(); i++) {
      double value = flat.getDouble(i);
      flat.putScalar(i, value + STEP);
      double above = loss.getAsDouble();
      flat.putScalar(i, value - STEP);
      double below = loss.getAsDouble();
      flat.putScalar(i, value);
      double expected = (above - below) / (2 * STEP);
      double got = flatGradient.getDouble(i);
      if (!(Math.abs(expected - got) <= TOLERANCE * (1 + Math.abs(expected)))) {
        throw new AssertionError(
            "gradient of " + name + " at " + i + ": by differences " + expected + ", got " + got);
      }
    }
  }
}
