package io.github.dl4jmemory.ops;

import java.util.Arrays;
import org.slf4j.Logger;
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
    if (shape == null || shape.length != 2 || shape[0] < 0 || shape[1] < 0) {
      return;
    }
    long values = Math.multiplyExact(shape[0], shape[1]);
    if (values > MOST) {
      throw Require.op(WeightedBagOp.NAME)
          .error(
              "values",
              "at most " + MOST + " values for the dense gradient of SameDiff",
              values + " (shape " + Arrays.toString(shape) + ")",
              "train the table in a DL4J network, which updates touched rows only");
    }
    if (values > WARNING) {
      Logger log = LoggerFactory.getLogger(DenseGradientLimit.class);
      log.warn(
          "[{}] values: SameDiff makes and reads a dense gradient of shape {} at every step; a DL4J"
              + " network updates touched rows only",
          WeightedBagOp.NAME,
          Arrays.toString(shape));
    }
  }
}
