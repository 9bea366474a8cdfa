package io.github.dl4jmemory.zoo;

import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.Locale;

/**
 * One training of the grid.
 *
 * @param model "dense" or "memory"
 * @param learningRate of all but the value tables
 */
record Trial(String model, double learningRate) {
  String title() {
    return model + " " + rate(learningRate);
  }

  /** A learning rate as it is typed: 4e-3. */
  static String rate(double learningRate) {
    return new DecimalFormat("0.###E0", DecimalFormatSymbols.getInstance(Locale.ROOT))
        .format(learningRate)
        .toLowerCase(Locale.ROOT);
  }
}
