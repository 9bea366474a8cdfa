package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Token ids as DL4J passes them: FLOAT, DOUBLE, INT or LONG arrays of whole numbers. */
final class TokenIds {

  private static final long EXACT_IN_FLOAT = 1L << 24;

  private TokenIds() {}

  /**
   * Reads ids in 'c' order.
   *
   * @param keep tokens whose id matters, or null for all; the others become 0
   * @throws IllegalArgumentException for a type that holds no ids, a fraction, or an id outside of
   *     [0, vocabulary)
   */
  static int[] read(String layer, String parameter, INDArray ids, long vocabulary, boolean[] keep) {
    DataType type = ids.dataType();
    Require.that(
        type == DataType.FLOAT
            || type == DataType.DOUBLE
            || type == DataType.INT32
            || type == DataType.INT64,
        layer,
        parameter,
        "token ids as FLOAT, DOUBLE, INT or LONG",
        Require.describe(ids),
        "cast them, for example castTo(DataType.INT)");
    Require.that(
        type != DataType.FLOAT || vocabulary <= EXACT_IN_FLOAT,
        layer,
        parameter,
        "INT or LONG ids for a vocabulary of more than 2^24, where FLOAT is not exact",
        Require.describe(ids),
        "pass castTo(DataType.INT) made from exact ids");
    double[] values = ids.castTo(DataType.DOUBLE).dup('c').data().asDouble();
    int[] read = new int[values.length];
    for (int i = 0; i < read.length; i++) {
      if (keep == null || keep[i]) {
        double id = values[i];
        if (!(id >= 0 && id < vocabulary && id == Math.rint(id))) {
          throw Require.refusal(
              layer,
              parameter,
              "whole numbers from 0 to " + (vocabulary - 1),
              id + " at token " + i + " of " + Require.describe(ids),
              "check the tokenizer's vocabulary, and mask padding");
        }
        read[i] = (int) id;
      }
    }
    return read;
  }

  /**
   * Batch and time of one number for each token.
   *
   * @throws IllegalArgumentException for another shape, or none
   */
  static int[] batchAndTime(String layer, String what, INDArray input, String fix) {
    boolean lastAxis = input.rank() == 3 && input.size(2) == 1;
    boolean middleAxis = input.rank() == 3 && input.size(1) == 1;
    Require.that(
        (input.rank() == 2 || lastAxis || middleAxis) && input.length() > 0,
        layer,
        "input",
        what + " [batch, time], [batch, time, 1] or [batch, 1, time]",
        Require.describe(input),
        fix);
    long time = input.size(input.rank() == 2 || lastAxis ? 1 : 2);
    return new int[] {Math.toIntExact(input.size(0)), Math.toIntExact(time)};
  }

  /** Which tokens a mask keeps (not 0), or null where there is none or it keeps all. */
  static boolean[] kept(String layer, INDArray mask, long tokens) {
    if (mask == null) {
      return null;
    }
    Require.that(
        mask.length() == tokens,
        layer,
        "mask",
        "one value per token, " + tokens + " in all",
        Require.describe(mask),
        "pass a mask of shape [batch, time]");
    double[] values = mask.castTo(DataType.DOUBLE).dup('c').data().asDouble();
    boolean[] kept = new boolean[values.length];
    boolean all = true;
    for (int i = 0; i < kept.length; i++) {
      kept[i] = values[i] != 0;
      all &= kept[i];
    }
    return all ? null : kept;
  }
}
