package io.github.dl4jmemory.layers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.zip.CRC32C;

/**
 * The first bytes of a pool file: magic, version, sizes, storage, whether there are moments, the
 * stamp of the last checkpoint, whether rows have changed since, and a CRC-32C of all this. They
 * are written in one piece, less than a sector.
 *
 * @param layout of the file
 * @param stamp last checkpoint
 * @param changed whether rows may have changed since; the journal knows which
 */
record PoolHeader(PoolLayout layout, PoolStamp stamp, boolean changed) {

  private static final long MAGIC = 0x444c344a504f4f4cL; // "DL4JPOOL"
  private static final int VERSION = 1;
  private static final int BYTES = 8 + 4 + 8 + 8 + 4 + 4 + PoolStamp.BYTES + 4 + 4;

  void write(FileChannel channel) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(BYTES);
    bytes.putLong(MAGIC).putInt(VERSION).putLong(layout.slots()).putLong(layout.valueSize());
    bytes.putInt(layout.storage().code()).putInt(layout.moments() ? 1 : 0);
    stamp.put(bytes);
    bytes.putInt(changed ? 1 : 0);
    bytes.putInt(crc(bytes));
    Channels.writeFully(channel, bytes.flip(), 0);
  }

  private static int crc(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes.array(), 0, BYTES - 4);
    return (int) crc.getValue();
  }

  static PoolHeader read(String layer, FileChannel channel) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(BYTES);
    boolean whole = Channels.readFully(channel, bytes, 0);
    bytes.flip();
    require(layer, whole && bytes.getLong() == MAGIC, "a pool file", "another or a cut-off file");
    int version = bytes.getInt();
    require(layer, version == VERSION, "version " + VERSION + " of the format", version);
    long slots = bytes.getLong();
    long valueSize = bytes.getLong();
    int code = bytes.getInt();
    boolean moments = bytes.getInt() == 1;
    PoolStamp stamp = PoolStamp.get(bytes);
    boolean changed = bytes.getInt() == 1;
    require(layer, bytes.getInt() == crc(bytes), "an intact header", "another checksum");
    for (ValueStorage storage : ValueStorage.values()) {
      if (storage.code() == code) {
        return new PoolHeader(new PoolLayout(slots, valueSize, storage, moments), stamp, changed);
      }
    }
    throw Require.refusal(layer, "file", "a known storage", code, FIX);
  }

  private static void require(String layer, boolean condition, String expected, Object got) {
    Require.that(condition, layer, "file", expected, got, FIX);
  }

  private static final String FIX = "put the file that was saved with this model in its place";
}
