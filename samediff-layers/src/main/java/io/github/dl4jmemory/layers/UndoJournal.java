package io.github.dl4jmemory.layers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.UUID;
import java.util.function.LongConsumer;
import java.util.zip.CRC32C;

/**
 * The bytes that rows of a pool had at its last checkpoint, beside the file: written before a row
 * changes for the first time since, so that {@link #undo} can bring the checkpoint back.
 *
 * <p>A header names the checkpoint. Records follow: kind, length, data, CRC-32C of all three. Rows:
 * their numbers, then their bytes. Step: the number of steps since the checkpoint, after the rows
 * of the step and before they change. Prepared: the stamp of a checkpoint that is being saved, with
 * the file as it is then; it counts only while it is the last record. A torn record, and rows
 * without their step, are of a step that had not begun to change the file.
 */
final class UndoJournal {

  private static final long MAGIC = 0x444c344a554e444fL; // "DL4JUNDO"
  private static final int HEADER = 8 + PoolStamp.BYTES + 8 + 4;
  private static final int BEFORE_DATA = 8;
  private static final int AFTER_DATA = 4;
  private static final int ROWS = 1;
  private static final int STEP = 2;
  private static final int PREPARED = 3;
  private static final int LARGEST = 1 << 22;

  private final FileChannel channel;
  private final PoolLayout layout;
  private long session;
  private int steps;
  private long end;

  /** Bytes of a row, from or to the file of the pool. */
  interface Rows {
    void transfer(long row, ByteBuffer bytes) throws IOException;
  }

  /**
   * What a journal says.
   *
   * @param base the checkpoint that it leads back to; null where there is no whole header
   * @param session drawn when the journal was begun
   * @param steps steps since the checkpoint
   * @param prepared the checkpoint that was being saved when the journal ended; or null
   */
  record State(PoolStamp base, long session, int steps, PoolStamp prepared) {

    /** The states that a model can name: the checkpoint, and what it has become by steps. */
    PoolFingerprint now() {
      return new PoolFingerprint(base, steps == 0 ? 0 : session, steps);
    }
  }

  private static final State NONE = new State(null, 0, 0, null);

  UndoJournal(FileChannel channel, PoolLayout layout) {
    this.channel = channel;
    this.layout = layout;
  }

  /** Empties the journal: the file is at this checkpoint. */
  void begin(PoolStamp checkpoint) throws IOException {
    channel.truncate(0);
    ByteBuffer header = ByteBuffer.allocate(HEADER).putLong(MAGIC);
    checkpoint.put(header);
    session = UUID.randomUUID().getMostSignificantBits();
    steps = 0;
    header.putLong(session);
    header.putInt(crc(header.duplicate().flip()));
    Channels.writeFully(channel, header.flip(), 0);
    end = HEADER;
  }

  /** Appends the rows as they are now. */
  void append(long[] rows, int count, Rows from) throws IOException {
    int most = Math.max(1, LARGEST / layout.rowBytes());
    for (int i = 0; i < count; i += most) {
      int some = Math.min(most, count - i);
      ByteBuffer record = record(ROWS, some * (Long.BYTES + layout.rowBytes()));
      for (int j = i; j < i + some; j++) {
        record.putLong(rows[j]);
      }
      for (int j = i; j < i + some; j++) {
        record.limit(record.position() + layout.rowBytes());
        from.transfer(rows[j], record);
      }
      write(record);
    }
  }

  /** Notes that a step begins, whose rows were appended. */
  void step() throws IOException {
    write(record(STEP, Integer.BYTES).putInt(steps + 1));
    steps++;
  }

  long session() {
    return session;
  }

  int steps() {
    return steps;
  }

  /** Notes the checkpoint that is being saved, and returns when the journal is on the disk. */
  void prepare(PoolStamp checkpoint) throws IOException {
    ByteBuffer record = record(PREPARED, PoolStamp.BYTES);
    checkpoint.put(record);
    write(record);
    channel.force(true);
  }

  private static ByteBuffer record(int kind, int length) {
    return ByteBuffer.allocateDirect(BEFORE_DATA + length + AFTER_DATA).putInt(kind).putInt(length);
  }

  private void write(ByteBuffer record) throws IOException {
    record.limit(record.position() + AFTER_DATA);
    record.putInt(crc(record.duplicate().flip()));
    try {
      Channels.writeFully(channel, record.flip(), end);
    } catch (IOException e) {
      channel.truncate(end); // the step does not take place: nothing of it stays
      throw e;
    }
    end += record.limit();
  }

  private static int crc(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return (int) crc.getValue();
  }

  /** Reads the journal up to its end, or to the first record that is not whole. */
  State read(LongConsumer rows) throws IOException {
    ByteBuffer header = ByteBuffer.allocate(HEADER);
    if (!Channels.readFully(channel, header, 0)) {
      return NONE;
    }
    header.flip();
    int crc = crc(header.duplicate().limit(HEADER - 4));
    if (header.getLong() != MAGIC || header.getInt(HEADER - 4) != crc) {
      return NONE;
    }
    PoolStamp base = PoolStamp.get(header);
    session = header.getLong();
    steps = 0;
    PoolStamp prepared = null;
    end = HEADER;
    for (ByteBuffer record = next(); record != null; record = next()) {
      int kind = record.getInt(0);
      prepared = kind == PREPARED ? PoolStamp.get(record.position(BEFORE_DATA)) : null;
      if (kind == STEP) {
        steps = record.getInt(BEFORE_DATA);
      } else if (kind == ROWS) {
        for (int i = 0; i < rows(record); i++) {
          rows.accept(record.getLong(BEFORE_DATA + i * Long.BYTES));
        }
      }
      end += record.capacity();
    }
    return new State(base, session, steps, prepared);
  }

  private int rows(ByteBuffer record) {
    return record.getInt(4) / (Long.BYTES + layout.rowBytes());
  }

  /** Goes on with a journal that was read. */
  void resume() throws IOException {
    channel.truncate(end);
  }

  /** Kind, length and data of the record at the end so far; null where there is no whole one. */
  private ByteBuffer next() throws IOException {
    ByteBuffer head = ByteBuffer.allocate(BEFORE_DATA);
    if (!Channels.readFully(channel, head, end)) {
      return null;
    }
    long length = head.getInt(4);
    if (length < 0 || end + BEFORE_DATA + length + AFTER_DATA > channel.size()) {
      return null;
    }
    ByteBuffer record = ByteBuffer.allocate(Math.toIntExact(BEFORE_DATA + length + AFTER_DATA));
    if (!Channels.readFully(channel, record, end)) {
      return null;
    }
    int crc = record.getInt(record.limit() - AFTER_DATA);
    record.flip().limit(record.limit() - AFTER_DATA);
    return crc(record.duplicate()) == crc ? record : null;
  }

  /** Writes the bytes of all rows back. */
  void undo(Rows to) throws IOException {
    end = HEADER;
    for (ByteBuffer record = next(); record != null; record = next()) {
      if (record.getInt(0) == ROWS) {
        undo(record, to);
      }
      end += record.capacity();
    }
  }

  private void undo(ByteBuffer record, Rows to) throws IOException {
    int count = rows(record);
    int bytesAt = BEFORE_DATA + count * Long.BYTES;
    for (int i = 0; i < count; i++) {
      record.limit(bytesAt + (i + 1) * layout.rowBytes()).position(bytesAt + i * layout.rowBytes());
      to.transfer(record.getLong(BEFORE_DATA + i * Long.BYTES), record);
    }
  }
}
