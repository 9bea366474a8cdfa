package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Runs that lie in one window, end at its edge, and cross one or several edges. */
@ExtendWith(Seeded.class)
class SlabTest {
  private static final int LENGTH = 103;
  private static final int[] WINDOWS = {1, 7, 51, 102, 103, 104};

  @Test
  void floatsAreReadAndWrittenAcrossWindows(Random random) {
    for (int window : WINDOWS) {
      INDArray array = Elements.uniform(random, DataType.FLOAT, LENGTH);
      float[] model = array.data().asFloat();
      Slab<float[]> slab = new Slab.Floats(array, window);
      for (int i = 0; i < 50; i++) {
        int from = random.nextInt(LENGTH);
        int length = random.nextInt(LENGTH - from + 1);
        float[] run = new float[length + 3];
        slab.read(from, run, 2, length);
        assertArrayEquals(
            Arrays.copyOfRange(model, from, from + length), Arrays.copyOfRange(run, 2, length + 2));
        run[2] = i;
        slab.write(from, run, 2, length);
        System.arraycopy(run, 2, model, from, length);
      }
      assertArrayEquals(model, array.data().asFloat());
    }
  }

  @Test
  void doublesAreReadAndWrittenAcrossWindows(Random random) {
    for (int window : WINDOWS) {
      INDArray array = Elements.uniform(random, DataType.DOUBLE, LENGTH);
      double[] model = array.data().asDouble();
      Slab<double[]> slab = new Slab.Doubles(array, window);
      for (int i = 0; i < 50; i++) {
        int from = random.nextInt(LENGTH);
        int length = random.nextInt(LENGTH - from + 1);
        double[] run = new double[length + 3];
        slab.read(from, run, 2, length);
        assertArrayEquals(
            Arrays.copyOfRange(model, from, from + length), Arrays.copyOfRange(run, 2, length + 2));
        run[2] = i;
        slab.write(from, run, 2, length);
        System.arraycopy(run, 2, model, from, length);
      }
      assertArrayEquals(model, array.data().asDouble());
    }
  }

  @Test
  void longsAreReadAndWrittenAcrossWindows(Random random) {
    for (int window : WINDOWS) {
      INDArray array = Elements.slots(random, Long.MAX_VALUE, LENGTH);
      long[] model = array.data().asLong();
      Slab<long[]> slab = new Slab.Longs(array, window);
      for (int i = 0; i < 50; i++) {
        int from = random.nextInt(LENGTH);
        int length = random.nextInt(LENGTH - from + 1);
        long[] run = new long[length + 3];
        slab.read(from, run, 2, length);
        assertArrayEquals(
            Arrays.copyOfRange(model, from, from + length), Arrays.copyOfRange(run, 2, length + 2));
        run[2] = i;
        slab.write(from, run, 2, length);
        System.arraycopy(run, 2, model, from, length);
      }
      assertArrayEquals(model, array.data().asLong());
    }
  }

  @Test
  void shortsAreReadAndWrittenAcrossWindows(Random random) {
    for (int window : WINDOWS) {
      INDArray array = Elements.uniform(random, DataType.BFLOAT16, LENGTH);
      float[] model = array.castTo(DataType.FLOAT).data().asFloat();
      Slab<short[]> slab = new Slab.Shorts(array, window);
      for (int i = 0; i < 50; i++) {
        int from = random.nextInt(LENGTH);
        int length = random.nextInt(LENGTH - from + 1);
        short[] run = new short[length + 3];
        slab.read(from, run, 2, length);
        for (int j = 0; j < length; j++) {
          assertEquals(model[from + j], Float.intBitsToFloat(run[j + 2] << 16));
        }
        run[2] = (short) (0x3F80 + i);
        slab.write(from, run, 2, length);
        if (length > 0) {
          model[from] = Float.intBitsToFloat(0x3F80 + i << 16);
        }
      }
      assertArrayEquals(model, array.castTo(DataType.FLOAT).data().asFloat());
    }
  }

  @Test
  void bytesAreReadAndWrittenAcrossWindows(Random random) {
    for (int window : WINDOWS) {
      INDArray array = Elements.whole(random, DataType.INT8, 127, LENGTH);
      int[] model = array.data().asInt();
      Slab<byte[]> slab = new Slab.Bytes(array, window);
      for (int i = 0; i < 50; i++) {
        int from = random.nextInt(LENGTH);
        int length = random.nextInt(LENGTH - from + 1);
        byte[] run = new byte[length + 3];
        slab.read(from, run, 2, length);
        for (int j = 0; j < length; j++) {
          assertEquals(model[from + j], run[j + 2]);
        }
        run[2] = (byte) -i;
        slab.write(from, run, 2, length);
        if (length > 0) {
          model[from] = -i;
        }
      }
      assertArrayEquals(model, array.data().asInt());
    }
  }

  /** The window of a position beyond 2^31 elements, without an array of that size. */
  @Test
  void positionsBeyondTheRangeOfIntAreFound() {
    long at = (1L << 33) + 5;
    assertArrayEquals(
        new long[] {64, 5}, new long[] {Slab.index(at, 1 << 27), Slab.offset(at, 1 << 27)});
    long last = Long.MAX_VALUE >>> 6;
    assertArrayEquals(
        new long[] {(1L << 30) - 1, (1 << 27) - 1},
        new long[] {Slab.index(last, 1 << 27), Slab.offset(last, 1 << 27)});
  }

  /** The memory of such a window, which is not touched. */
  @Test
  void windowsBeyondTheRangeOfIntHaveTheirAddress() {
    Pointer base = Nd4j.create(DataType.FLOAT, 3).data().addressPointer();
    for (long offset : new long[] {0, 512, 1L << 30, (1L << 31) - (1 << 29), 1L << 31, 5L << 31}) {
      ByteBuffer window = Slab.window(base, offset, 1 << 29);
      assertEquals(1 << 29, window.capacity());
      assertEquals(base.address() + offset, new Pointer(window).address());
    }
  }

  @Test
  void aViewStartsAtItsOffset(Random random) {
    INDArray array = Elements.uniform(random, DataType.FLOAT, 11, 5);
    INDArray view = array.get(NDArrayIndex.interval(3, 7), NDArrayIndex.all());
    float[] run = new float[20];
    Slab.floats(view).read(0, run, 0, 20);
    AssertClose.same("view", Elements.doubles(view), Nd4j.createFromArray(run));
  }

  @Test
  void viewsOfSmallDtypesStartAtTheirOffset(Random random) {
    INDArray halves = Elements.uniform(random, DataType.BFLOAT16, 11, 5);
    INDArray half = halves.get(NDArrayIndex.interval(3, 7), NDArrayIndex.all());
    short[] run = new short[20];
    Slab.shorts(half).read(0, run, 0, 20);
    float[] floats = new float[20];
    for (int i = 0; i < 20; i++) {
      floats[i] = Float.intBitsToFloat(run[i] << 16);
    }
    AssertClose.same("bfloat16", Elements.doubles(half), Nd4j.createFromArray(floats));
    INDArray whole = Elements.whole(random, DataType.INT8, 127, 11, 5);
    INDArray view = whole.get(NDArrayIndex.interval(3, 7), NDArrayIndex.all());
    byte[] bytes = new byte[20];
    Slab.bytes(view).read(0, bytes, 0, 20);
    AssertClose.same("int8", Elements.doubles(view), Nd4j.createFromArray(bytes));
  }
}
