package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.CompactTable;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Objects;
import org.bytedeco.javacpp.BytePointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * All that a process holds of a pool file: room for a few rows, which are read into it one after
 * the other, used, and written back where they were changed. The file is not mapped, because an
 * access to a mapping makes as much resident as the system likes.
 */
final class RowWindow {

  /** 64 MiB. */
  static final long BYTES = 1L << 26;

  private static final int ROWS_OF_TASK = 64;

  private final PoolLayout layout;
  private final FileChannel channel;
  private final long bytes;
  private INDArray values;
  private INDArray scales;
  private INDArray m;
  private INDArray v;

  /**
   * A window.
   *
   * @param layout of the file
   * @param channel the file, open as long as the window is used
   * @param bytes that the values and scales of {@link #mostRead} rows take, and all of {@link
   *     #mostChanged}
   */
  RowWindow(PoolLayout layout, FileChannel channel, long bytes) {
    this.layout = layout;
    this.channel = channel;
    this.bytes = bytes;
  }

  /** Rows to read at a time; at least one. */
  int mostRead() {
    return fit(layout.valueRowBytes() + (layout.storage().scaled() ? Float.BYTES : 0));
  }

  /** Rows to read at a time where they are decoded to float32 besides; at least one. */
  int mostDecoded() {
    return Math.min(mostRead(), fit(layout.momentRowBytes()));
  }

  /** Rows to change at a time, with their moments; at least one. */
  int mostChanged() {
    return fit(layout.rowBytes());
  }

  private int fit(int rowBytes) {
    return Math.toIntExact(Math.max(1, Math.min(bytes / rowBytes, Integer.MAX_VALUE)));
  }

  /** Bytes that the room takes now. */
  long held() {
    long held = 0;
    for (INDArray room : new INDArray[] {values, scales, m, v}) {
      held += room == null ? 0 : room.length() * room.dataType().width();
    }
    return held;
  }

  private interface Transfer {
    void at(ByteBuffer rows, long position) throws IOException;
  }

  /** Reads rows slots[from .. from + count), in this order; they are good until the next call. */
  CompactTable values(long[] slots, int from, int count) throws IOException {
    values = room(values, layout.storage().type(), count * layout.valueSize());
    if (layout.storage().scaled()) {
      scales = room(scales, DataType.FLOAT, count);
    }
    transferValues(slots, from, count, this::read);
    INDArray rows = matrix(values, count);
    return switch (layout.storage()) {
      case FLOAT32 -> CompactTable.float32(rows);
      case BFLOAT16 -> CompactTable.bfloat16(rows);
      case INT8 -> CompactTable.int8(rows, first(scales, count));
    };
  }

  /** As {@link #values}, and their moments. */
  PoolRows rows(long[] slots, int from, int count) throws IOException {
    CompactTable table = values(slots, from, count);
    if (!layout.moments()) {
      return new PoolRows(table, null, null);
    }
    m = room(m, DataType.FLOAT, count * layout.valueSize());
    v = room(v, DataType.FLOAT, count * layout.valueSize());
    transferMoments(slots, from, count, this::read);
    return new PoolRows(table, matrix(m, count), matrix(v, count));
  }

  /** Writes the {@link #rows} that were read last. */
  void write(long[] slots, int from, int count) throws IOException {
    Transfer write = (rows, position) -> Channels.writeFully(channel, rows, position);
    transferValues(slots, from, count, write);
    if (layout.moments()) {
      transferMoments(slots, from, count, write);
    }
  }

  private void read(ByteBuffer rows, long position) throws IOException {
    if (!Channels.readFully(channel, rows, position)) {
      throw new EOFException("the file ends before byte " + (position + rows.limit()));
    }
  }

  private void transferValues(long[] slots, int from, int count, Transfer transfer)
      throws IOException {
    each(values, layout.valuesAt(), layout.valueRowBytes(), slots, from, count, transfer);
    if (layout.storage().scaled()) {
      each(scales, layout.scalesAt(), Float.BYTES, slots, from, count, transfer);
    }
  }

  private void transferMoments(long[] slots, int from, int count, Transfer transfer)
      throws IOException {
    int size = layout.momentRowBytes();
    each(m, layout.firstMomentsAt(), size, slots, from, count, transfer);
    each(v, layout.secondMomentsAt(), size, slots, from, count, transfer);
  }

  /** Rows of a section from or to the room, by several threads: one would wait for the disk. */
  private void each(
      INDArray room, long section, int size, long[] slots, int from, int count, Transfer transfer)
      throws IOException {
    try {
      Parallel.forEach(
          (count + ROWS_OF_TASK - 1) / ROWS_OF_TASK,
          task -> {
            int begin = task * ROWS_OF_TASK;
            int end = Math.min(begin + ROWS_OF_TASK, count);
            try {
              ByteBuffer rows = bytes(room, (long) begin * size, (long) end * size);
              for (int i = begin; i < end; ) {
                long slot = Objects.checkIndex(slots[from + i], layout.slots());
                int run = run(slots, from + i, from + end);
                Objects.checkIndex(slot + run - 1, layout.slots());
                transfer.at(rows.slice((i - begin) * size, run * size), section + slot * size);
                i += run;
              }
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /** Rows from here on that stand side by side in the file, as the slices of a value do. */
  private static int run(long[] slots, int from, int end) {
    int run = 1;
    while (from + run < end && slots[from + run] == slots[from] + run) {
      run++;
    }
    return run;
  }

  private static ByteBuffer bytes(INDArray room, long from, long to) {
    BytePointer start = new BytePointer(room.data().addressPointer());
    return start.getPointer(from).capacity(to - from).asByteBuffer();
  }

  private static INDArray room(INDArray room, DataType type, long length) {
    if (room != null && room.length() >= length) {
      return room;
    }
    if (room != null) {
      room.close();
    }
    return Nd4j.createUninitializedDetached(type, length);
  }

  private static INDArray first(INDArray room, long length) {
    return room.get(NDArrayIndex.interval(0, length));
  }

  private INDArray matrix(INDArray room, long count) {
    return first(room, count * layout.valueSize()).reshape('c', count, layout.valueSize());
  }
}
