package io.github.dl4jmemory.layers;

import java.nio.ByteBuffer;
import java.util.UUID;

/**
 * Names one state of one pool file. The token is drawn anew at every checkpoint: two copies of a
 * file that were trained apart have no checkpoint in common but those before.
 *
 * @param file drawn when the file was created
 * @param number of the checkpoint, from 0
 * @param token of the checkpoint
 */
record PoolStamp(UUID file, int number, long token) {

  static final int BYTES = 28;

  static PoolStamp first() {
    return new PoolStamp(UUID.randomUUID(), 0, newToken());
  }

  PoolStamp next() {
    return new PoolStamp(file, Math.addExact(number, 1), newToken());
  }

  private static long newToken() {
    return UUID.randomUUID().getMostSignificantBits();
  }

  void put(ByteBuffer into) {
    into.putLong(file.getMostSignificantBits())
        .putLong(file.getLeastSignificantBits())
        .putInt(number)
        .putLong(token);
  }

  static PoolStamp get(ByteBuffer from) {
    UUID file = new UUID(from.getLong(), from.getLong());
    return new PoolStamp(file, from.getInt(), from.getLong());
  }

  /** For errors. */
  String checkpoint() {
    return "checkpoint " + number + " (" + Long.toHexString(token) + ")";
  }
}
