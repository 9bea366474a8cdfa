package io.github.dl4jmemory.layers;

import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.channels.FileChannel;
import org.bytedeco.javacpp.BytePointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The first values of a pool file, drawn as those of a pool in memory; moments are zeros. */
record NewPool(PoolLayout layout) implements PoolFile.Filling {

  private static final long BLOCK = 1 << 20;

  @Override
  public void fill(FileChannel channel) throws IOException {
    long most = Math.max(1, BLOCK / layout.valueSize());
    for (long row = 0; row < layout.slots(); row += most) {
      long rows = Math.min(most, layout.slots() - row);
      INDArray block = Nd4j.createUninitializedDetached(DataType.FLOAT, rows, layout.valueSize());
      ProductKeyLookup.normal(block, 1 / Math.sqrt(layout.valueSize()));
      write(channel, block, layout.valuesAt() + row * layout.valueRowBytes());
      block.close();
    }
  }

  private static void write(FileChannel channel, INDArray block, long position) throws IOException {
    long bytes = block.length() * block.dataType().width();
    BytePointer start = new BytePointer(block.data().addressPointer());
    Channels.writeFully(channel, start.capacity(bytes).asByteBuffer(), position);
    Reference.reachabilityFence(block);
  }
}
