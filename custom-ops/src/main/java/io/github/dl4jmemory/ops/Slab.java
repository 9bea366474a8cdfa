package io.github.dl4jmemory.ops;

import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The elements of a contiguous array, read and written in runs by long positions. A Java buffer
 * holds fewer than 2^31 bytes, so the array is seen through windows of a fixed number of elements;
 * a run may cross from one window into the next. Safe for several threads on separate runs.
 *
 * @param <A> float[], double[], long[], short[] (any dtype of two bytes) or byte[]
 */
abstract class Slab<A> {
  /** Elements of a window: 2^27, of 8 bytes at most. */
  private static final int WINDOW = 1 << 27;

  /** Keeps the memory alive as long as the slab. */
  private final INDArray array;

  private final int window;

  private Slab(INDArray array, int window) {
    this.array = array;
    this.window = window;
  }

  static Slab<float[]> floats(INDArray array) {
    return new Floats(array, WINDOW);
  }

  static Slab<double[]> doubles(INDArray array) {
    return new Doubles(array, WINDOW);
  }

  static Slab<long[]> longs(INDArray array) {
    return new Longs(array, WINDOW);
  }

  static Slab<short[]> shorts(INDArray array) {
    return new Shorts(array, WINDOW);
  }

  static Slab<byte[]> bytes(INDArray array) {
    return new Bytes(array, WINDOW);
  }

  long length() {
    return array.length();
  }

  /** Copies length elements from position {@code from} into the array at offset. */
  final void read(long from, A into, int offset, int length) {
    int done = 0;
    while (done < length) {
      int run = run(from + done, length - done);
      get(index(from + done, window), offset(from + done, window), into, offset + done, run);
      done += run;
    }
  }

  /** Copies length elements of the array at offset to position {@code to}. */
  final void write(long to, A source, int offset, int length) {
    int done = 0;
    while (done < length) {
      int run = run(to + done, length - done);
      put(index(to + done, window), offset(to + done, window), source, offset + done, run);
      done += run;
    }
  }

  /** Number of the window that holds a position. */
  static int index(long at, int window) {
    return (int) (at / window);
  }

  /** The position inside its window. */
  static int offset(long at, int window) {
    return (int) (at % window);
  }

  private int run(long at, int wanted) {
    return (int) Math.min(wanted, window - at % window);
  }

  abstract void get(int window, int at, A into, int offset, int length);

  abstract void put(int window, int at, A source, int offset, int length);

  /** The bytes of every window. */
  private static ByteBuffer[] windows(INDArray array, int window) {
    int width = array.dataType().width();
    long length = array.length();
    ByteBuffer[] windows = new ByteBuffer[Math.toIntExact((length + window - 1) / window)];
    Pointer base = array.data().addressPointer();
    for (int i = 0; i < windows.length; i++) {
      long start = (long) i * window;
      long end = Math.min(length, start + window);
      windows[i] = window(base, start * width, (end - start) * width);
    }
    return windows;
  }

  /** Memory from so many bytes after an address; the offset may be beyond the range of int. */
  static ByteBuffer window(Pointer base, long offset, long bytes) {
    return base.getPointer(Pointer.class, offset).limit(bytes).asByteBuffer();
  }

  static final class Floats extends Slab<float[]> {
    private final FloatBuffer[] windows;

    Floats(INDArray array, int window) {
      super(array, window);
      ByteBuffer[] bytes = windows(array, window);
      windows = new FloatBuffer[bytes.length];
      for (int i = 0; i < bytes.length; i++) {
        windows[i] = bytes[i].asFloatBuffer();
      }
    }

    @Override
    void get(int window, int at, float[] into, int offset, int length) {
      windows[window].get(at, into, offset, length);
    }

    @Override
    void put(int window, int at, float[] source, int offset, int length) {
      windows[window].put(at, source, offset, length);
    }
  }

  static final class Doubles extends Slab<double[]> {
    private final DoubleBuffer[] windows;

    Doubles(INDArray array, int window) {
      super(array, window);
      ByteBuffer[] bytes = windows(array, window);
      windows = new DoubleBuffer[bytes.length];
      for (int i = 0; i < bytes.length; i++) {
        windows[i] = bytes[i].asDoubleBuffer();
      }
    }

    @Override
    void get(int window, int at, double[] into, int offset, int length) {
      windows[window].get(at, into, offset, length);
    }

    @Override
    void put(int window, int at, double[] source, int offset, int length) {
      windows[window].put(at, source, offset, length);
    }
  }

  static final class Longs extends Slab<long[]> {
    private final LongBuffer[] windows;

    Longs(INDArray array, int window) {
      super(array, window);
      ByteBuffer[] bytes = windows(array, window);
      windows = new LongBuffer[bytes.length];
      for (int i = 0; i < bytes.length; i++) {
        windows[i] = bytes[i].asLongBuffer();
      }
    }

    @Override
    void get(int window, int at, long[] into, int offset, int length) {
      windows[window].get(at, into, offset, length);
    }

    @Override
    void put(int window, int at, long[] source, int offset, int length) {
      windows[window].put(at, source, offset, length);
    }
  }

  static final class Shorts extends Slab<short[]> {
    private final ShortBuffer[] windows;

    Shorts(INDArray array, int window) {
      super(array, window);
      ByteBuffer[] bytes = windows(array, window);
      windows = new ShortBuffer[bytes.length];
      for (int i = 0; i < bytes.length; i++) {
        windows[i] = bytes[i].asShortBuffer();
      }
    }

    @Override
    void get(int window, int at, short[] into, int offset, int length) {
      windows[window].get(at, into, offset, length);
    }

    @Override
    void put(int window, int at, short[] source, int offset, int length) {
      windows[window].put(at, source, offset, length);
    }
  }

  static final class Bytes extends Slab<byte[]> {
    private final ByteBuffer[] windows;

    Bytes(INDArray array, int window) {
      super(array, window);
      windows = windows(array, window);
    }

    @Override
    void get(int window, int at, byte[] into, int offset, int length) {
      windows[window].get(at, into, offset, length);
    }

    @Override
    void put(int window, int at, byte[] source, int offset, int length) {
      windows[window].put(at, source, offset, length);
    }
  }
}
