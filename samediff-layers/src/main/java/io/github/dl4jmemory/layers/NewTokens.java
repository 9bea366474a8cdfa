package io.github.dl4jmemory.layers;

import java.lang.ref.Reference;
import org.bytedeco.javacpp.BytePointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What each of the tokens [batch, time] is that a cache is given: 0 a token, 1 a separator, 2
 * padding, as in {@code MemoryOps.separatorAttention}.
 */
final class NewTokens {

  private static final byte SEPARATOR = 1;
  private static final byte PADDING = 2;

  private final int batch;
  private final int time;
  private final byte[] kinds;

  private NewTokens(int batch, int time, byte[] kinds) {
    this.batch = batch;
    this.time = time;
    this.kinds = kinds;
  }

  static NewTokens read(String title, INDArray kinds, int batch) {
    Require.that(
        kinds != null
            && kinds.rank() == 2
            && kinds.size(0) == batch
            && kinds.size(1) > 0
            && kinds.dataType() == DataType.INT8,
        title,
        "kinds",
        "a BYTE array [batch " + batch + ", time]",
        Require.describe(kinds),
        "pass 0 for a token, 1 for a separator, 2 for padding, cast with castTo(DataType.BYTE)");
    INDArray dense = Matrices.contiguous(kinds);
    byte[] read = new byte[Math.toIntExact(kinds.length())];
    new BytePointer(dense.data().addressPointer()).get(read);
    Reference.reachabilityFence(dense);
    for (byte kind : read) {
      Require.that(
          kind >= 0 && kind <= PADDING,
          title,
          "kinds",
          "0 (a token), 1 (a separator) or 2 (padding)",
          kind,
          "pass such numbers");
    }
    return new NewTokens(batch, Math.toIntExact(kinds.size(1)), read);
  }

  int time() {
    return time;
  }

  boolean isPadding(int row, int t) {
    return kinds[row * time + t] == PADDING;
  }

  boolean isSeparator(int row, int t) {
    return kinds[row * time + t] == SEPARATOR;
  }

  /** The position of each token in its text, where padding is not counted. */
  long[] positions(KeptTokens[] rows) {
    long[] positions = new long[kinds.length];
    for (int row = 0; row < batch; row++) {
      long next = rows[row].seen();
      for (int t = 0; t < time; t++) {
        positions[row * time + t] = next;
        next += isPadding(row, t) ? 0 : 1;
      }
    }
    return positions;
  }
}
