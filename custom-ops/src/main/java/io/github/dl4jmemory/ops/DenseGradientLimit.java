package io.github.dl4jmemory.ops;

import java.util.Arrays;
import org.slf4j.LoggerFactory;

/**
 * SameDiff trains with dense gradients only: one more array of the size of the table, written and
 * read in full at every step. Up to {@link #WARNING} values that is left unsaid, up to {@link
 * #MOST} it is logged when the gradient is defined, above it is refused.
 */
final class DenseGradientLimit {

  /** 64 MiB as FLOAT. */
  static final long WARNING = 1L << 24;

  /** 1 GiB as FLOAT. */
  static final long MOST = 1L << 28;

  private DenseGradientLimit() {}

  /**
   * Checks the shape of a table that is to get a dense gradient.
   *
   * @param shape [slots, valueSize]; null or with -1 where it is not known yet
   * @throws IllegalArgumentException if the table has more than {@link #MOST} values
   */
  static void check(long[] shape) {
    long values = values(shape);
    if (values > MOST) {
      throw Require.op(WeightedBagOp.NAME)
          .error(
              "values",
              "at most " + MOST + " values for the dense gradient of SameDiff",
              values + " (shape " + Arrays.toString(shape) + ")",
              "train the table in a DL4J network, which updates touched rows only");
    }
  }

  /** Logs what a large dense gradient costs. */
  static void warn(long[] shape) {
    String warning = warning(shape);
    if (warning != null) {
      LoggerFactory.getLogger(DenseGradientLimit.class).warn(warning);
    }
  }

  /** What there is to say of a table of this shape; null up to {@link #WARNING} values. */
  static String warning(long[] shape) {
    return values(shape) <= WARNING
        ? null
        : "["
            + WeightedBagOp.NAME
            + "] values: SameDiff makes and reads a dense gradient of shape "
            + Arrays.toString(shape)
            + " at every step. Fix: train the table in a DL4J network, which updates touched rows"
            + " only";
  }

  /** The values of a table, 0 where the shape is not known. */
  private static long values(long[] shape) {
    return shape == null || shape.length != 2 || shape[0] < 0 || shape[1] < 0
        ? 0
        : Math.multiplyExact(shape[0], shape[1]);
  }
}
