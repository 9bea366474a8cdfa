package io.github.dl4jmemory.ops;

import java.io.IOException;
import java.lang.ref.Cleaner;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.pointers.PagedPointer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.NativeOpsHolder;

/**
 * A file that is memory: its arrays are stretches of the file, of any length, also beyond 2^31
 * elements and beyond the memory of the machine. What is written to an array is in the file, for
 * every reader of it at once, and on the disk when the system gets to it or is told to (
 * FileChannel.force).
 *
 * <p>Arrays of a file must not be used after {@link #close}, which takes their memory away: the JVM
 * would crash. An object that is collected is closed, so keep it as long as its arrays. {@link
 * MemoryOps#releasePages} keeps the resident memory small.
 *
 * <p>Mapped by libnd4j, so wherever nd4j-native runs. Not safe for use by several threads at once.
 */
public final class MappedFile implements AutoCloseable {
  private static final Cleaner CLEANER = Cleaner.create();

  private final Path file;
  private final long length;
  private final Mapping mapping;
  private final Cleaner.Cleanable cleanable;

  /** What the cleaner needs; it must not know the MappedFile. */
  private static final class Mapping implements Runnable {
    private LongPointer handle;
    private final long length;

    Mapping(LongPointer handle, long length) {
      this.handle = handle;
      this.length = length;
    }

    @Override
    public void run() {
      if (handle != null) {
        NativeOpsHolder.getInstance().getDeviceNativeOps().munmapFile(null, handle, length);
        handle = null;
      }
    }
  }

  private static final class Address extends Pointer {
    Address(long address) {
      this.address = address;
    }
  }

  private MappedFile(Path file, long length, LongPointer handle) {
    this.file = file;
    this.length = length;
    this.mapping = new Mapping(handle, length);
    this.cleanable = CLEANER.register(this, mapping);
  }

  /**
   * Maps a whole file, for reading and writing, at random places: with the native kernels a page
   * that is not in memory is read alone. Without that advice the system reads 128 KB around it,
   * which is many times what is wanted of a file larger than memory.
   *
   * @param file a file of at least one byte
   * @return the file as memory
   * @throws IOException if there is no such file, or it is empty, or the system refuses
   */
  public static MappedFile open(Path file) throws IOException {
    long length = Files.size(file);
    if (length == 0) {
      throw new IOException("[MappedFile] " + file + " is empty. Fix: give it its size first");
    }
    Nd4j.getExecutioner(); // loads libnd4j
    String path = file.toAbsolutePath().toString();
    LongPointer handle =
        NativeOpsHolder.getInstance().getDeviceNativeOps().mmapFile(null, path, length);
    if (handle == null || handle.isNull()) {
      throw new IOException(
          "[MappedFile] "
              + file
              + " cannot be mapped for reading and writing. Fix: check its permissions");
    }
    if (KernelChoice.chosen() == KernelChoice.NATIVE) {
      NativeFunctions.adviseRandom(handle.get(0), length);
    }
    return new MappedFile(file, length, handle);
  }

  /**
   * The size of the file when it was mapped.
   *
   * @return bytes
   */
  public long length() {
    return length;
  }

  /**
   * A stretch of the file as an array.
   *
   * @param type type of the elements
   * @param offset first byte; a multiple of the element size
   * @param shape shape of the array, in 'c' order
   * @return the array; not a copy
   * @throws IllegalArgumentException if the stretch is not inside the file, or offset does not
   *     divide
   * @throws IllegalStateException if the file is closed
   */
  public INDArray array(DataType type, long offset, long... shape) {
    long elements = 1;
    for (long size : shape) {
      elements = Math.multiplyExact(elements, size);
    }
    requireInside(offset, Math.multiplyExact(elements, type.width()), type.width());
    Pointer start = new PagedPointer(new Address(start() + offset), elements);
    long[] strides = new long[shape.length];
    long stride = 1;
    for (int axis = shape.length - 1; axis >= 0; axis--) {
      strides[axis] = stride;
      stride *= shape[axis];
    }
    return Nd4j.create(Nd4j.createBuffer(start, elements, type), shape, strides, 0, 'c', type);
  }

  private void requireInside(long offset, long bytes, int width) {
    if (offset < 0 || bytes < 1 || bytes > length - offset || offset % width != 0) {
      throw Require.op("MappedFile")
          .error(
              "offset",
              "a stretch inside the file's " + length + " bytes, at a multiple of " + width,
              bytes + " bytes at " + offset,
              "check the file's size before");
    }
  }

  private long start() {
    if (mapping.handle == null) {
      throw new IllegalStateException("[MappedFile] " + file + " is closed. Fix: open it again");
    }
    return mapping.handle.get(0);
  }

  /** Gives the memory back; the file keeps what was written. */
  @Override
  public void close() {
    cleanable.clean();
  }
}
