package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The flags of {@link SeparatorMarks}, as other layers read them. */
final class SeparatorFlags {

  private SeparatorFlags() {}

  /**
   * Reads flags in 'c' order: 0 a token, 1 a separator, 2 padding.
   *
   * @param keep tokens whose flag matters, or null for all; the others are padding
   * @throws IllegalArgumentException for a flag other than 0 and 1
   */
  static byte[] read(String layer, INDArray flags, boolean[] keep) {
    double[] values = flags.castTo(DataType.DOUBLE).dup('c').data().asDouble();
    byte[] kind = new byte[values.length];
    for (int i = 0; i < kind.length; i++) {
      if (keep != null && !keep[i]) {
        kind[i] = AttentionSteps.PADDING;
      } else if (values[i] == 0 || values[i] == 1) {
        kind[i] = (byte) values[i];
      } else {
        throw Require.refusal(
            layer,
            "separator flag",
            "0 or 1",
            values[i] + " at token " + i,
            "pass the flags of a SeparatorMarks layer");
      }
    }
    return kind;
  }

  /** For each token, the separators before it in its row: its segment. */
  static int[] segments(byte[] kind, int time) {
    int[] segments = new int[kind.length];
    int segment = 0;
    for (int i = 0; i < kind.length; i++) {
      segment = i % time == 0 ? 0 : segment;
      segments[i] = segment;
      segment += kind[i] == AttentionSteps.SEPARATOR ? 1 : 0;
    }
    return segments;
  }
}
