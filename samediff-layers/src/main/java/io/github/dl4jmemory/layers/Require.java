package io.github.dl4jmemory.layers;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Refusals of bad configurations and inputs, all with one text. */
final class Require {

  private Require() {}

  /** Throws {@code [layer] parameter: expected …, got …. Fix: …} unless the condition holds. */
  static void that(
      boolean condition, String layer, String parameter, String expected, Object got, String fix) {
    if (!condition) {
      throw refusal(layer, parameter, expected, got, fix);
    }
  }

  static IllegalArgumentException refusal(
      String layer, String parameter, String expected, Object got, String fix) {
    return new IllegalArgumentException(text(layer, parameter, expected, got, fix));
  }

  static String text(String layer, String parameter, String expected, Object got, String fix) {
    return "["
        + layer
        + "] "
        + parameter
        + ": expected "
        + expected
        + ", got "
        + got
        + ". Fix: "
        + fix
        + ".";
  }

  static void positive(long value, String layer, String parameter, String fix) {
    that(value > 0, layer, parameter, "a positive number", value, fix);
  }

  /** The dtype and shape of an array, for the "got" of a refusal. */
  static String describe(INDArray array) {
    return array == null
        ? "null"
        : array.dataType() + " array (shape " + Arrays.toString(array.shape()) + ")";
  }
}
