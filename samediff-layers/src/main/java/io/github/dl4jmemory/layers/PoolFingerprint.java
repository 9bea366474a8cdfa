package io.github.dl4jmemory.layers;

import java.nio.ByteBuffer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * What the parameters of a network hold in place of a pool's rows, which are in a file: the stamp
 * of a checkpoint, and how many steps have changed rows since; in pieces of 16 bits, each as k /
 * 65536, exact in FLOAT and DOUBLE. All zeros: a pool whose file is still to be created.
 *
 * @param stamp last checkpoint of the file
 * @param session of the journal that counts the steps; 0 where there are none
 * @param steps since the checkpoint
 */
record PoolFingerprint(PoolStamp stamp, long session, int steps) {

  private static final int BYTES = PoolStamp.BYTES + Long.BYTES + Integer.BYTES;

  /** Elements of the parameter. */
  static final int LENGTH = BYTES / 2;

  private static final double UNIT = 65536;

  static PoolFingerprint at(PoolStamp checkpoint) {
    return new PoolFingerprint(checkpoint, 0, 0);
  }

  /** Of a parameter [1, LENGTH]; null where it is all zeros, an error where it is none. */
  static PoolFingerprint of(String layer, String key, INDArray parameter) {
    double[] values = parameter.ravel().toDoubleVector();
    ByteBuffer bytes = ByteBuffer.allocate(BYTES);
    boolean empty = true;
    for (double value : values) {
      double piece = value * UNIT;
      requirePiece(layer, key, piece >= 0 && piece < UNIT && piece == Math.rint(piece), value);
      bytes.putShort((short) (int) piece);
      empty &= piece == 0;
    }
    bytes.flip();
    return empty
        ? null
        : new PoolFingerprint(PoolStamp.get(bytes), bytes.getLong(), bytes.getInt());
  }

  private static void requirePiece(String layer, String key, boolean condition, double got) {
    Require.that(
        condition,
        layer,
        key,
        "the fingerprint of a pool file, which nothing but the table changes",
        got,
        "restore the network, and keep constraints and listeners from this parameter");
  }

  void write(INDArray parameter) {
    ByteBuffer bytes = ByteBuffer.allocate(BYTES);
    stamp.put(bytes);
    bytes.putLong(session).putInt(steps).flip();
    double[] values = new double[LENGTH];
    for (int i = 0; i < LENGTH; i++) {
      values[i] = (bytes.getShort() & 0xffff) / UNIT;
    }
    parameter.assign(
        Nd4j.createFromArray(values).castTo(parameter.dataType()).reshape(parameter.shape()));
  }

  /** For errors. */
  String describe() {
    return stamp.checkpoint() + (steps == 0 ? "" : " and " + steps + " steps");
  }
}
