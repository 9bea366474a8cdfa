package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.CompactTable;
import io.github.dl4jmemory.ops.MemoryOps;
import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.BytePointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The first content of a pool file: normal values, fixed by the seed; moments are zeros. Every byte
 * is written, so that a disk that is full is an error here.
 *
 * @param layout of the file
 * @param deviation of the values
 * @param seed of the values
 */
record NewPool(PoolLayout layout, double deviation, long seed) implements PoolFile.Filling {

  private static final int BLOCK_BYTES = 1 << 24;

  /**
   * Linux caches a file in pieces as large as it was written in, and to change a row in a piece of
   * 2 MiB takes 20 times as long as in one of 16 KiB.
   */
  private static final int PIECE_BYTES = 1 << 14;

  @Override
  public void fill(FileChannel channel) throws IOException {
    Channels.writeFully(channel, ByteBuffer.allocate(1), layout.fileBytes() - 1); // its size
    long most = Math.max(1, BLOCK_BYTES / layout.valueRowBytes());
    CompactTable block = block(Math.min(most, layout.slots()));
    SplittableRandom seeds = new SplittableRandom(seed);
    for (long row = 0; row < layout.slots(); row += most) {
      long rows = Math.min(most, layout.slots() - row);
      MemoryOps.initialiseNormal(block, deviation, seeds.nextLong());
      long valuesAt = layout.valuesAt() + row * layout.valueRowBytes();
      write(channel, block.values(), rows * layout.valueRowBytes(), valuesAt);
      if (block.scales() != null) {
        long scalesAt = layout.scalesAt() + row * Float.BYTES;
        write(channel, block.scales(), rows * Float.BYTES, scalesAt);
      }
    }
    if (layout.moments()) {
      zeros(channel, layout.firstMomentsAt(), layout.fileBytes());
    }
  }

  private CompactTable block(long rows) {
    long valueSize = layout.valueSize();
    INDArray values = Nd4j.createUninitializedDetached(layout.storage().type(), rows, valueSize);
    return switch (layout.storage()) {
      case FLOAT32 -> CompactTable.float32(values);
      case BFLOAT16 -> CompactTable.bfloat16(values);
      case INT8 ->
          CompactTable.int8(values, Nd4j.createUninitializedDetached(DataType.FLOAT, rows));
    };
  }

  private static void write(FileChannel channel, INDArray from, long bytes, long position)
      throws IOException {
    BytePointer start = new BytePointer(from.data().addressPointer());
    ByteBuffer block = start.capacity(bytes).asByteBuffer();
    for (int at = 0; at < bytes; at += PIECE_BYTES) {
      int piece = (int) Math.min(PIECE_BYTES, bytes - at);
      Channels.writeFully(channel, block.slice(at, piece), position + at);
    }
    Reference.reachabilityFence(from);
  }

  private static void zeros(FileChannel channel, long from, long to) throws IOException {
    ByteBuffer block = ByteBuffer.allocateDirect(PIECE_BYTES);
    for (long at = from; at < to; at += block.limit()) {
      block.clear().limit((int) Math.min(PIECE_BYTES, to - at));
      Channels.writeFully(channel, block, at);
    }
  }
}
