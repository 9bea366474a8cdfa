package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.ops.MemoryOps;
import java.util.Arrays;
import org.bytedeco.javacpp.indexer.FloatIndexer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Inputs that any language can make again, bit for bit: element i of array {@code seed} depends on
 * seed and i alone. {@code peer/inputs.py} is the same in Python.
 */
final class Inputs {
  private static final int SETS = 8;

  private Inputs() {}

  /** A well mixed 32-bit number for each index. */
  static int mix(int seed, long index) {
    int x = (int) index * 0x9E3779B1 + seed * 0x85EBCA6B;
    x ^= x >>> 16;
    x *= 0x7FEB352D;
    x ^= x >>> 15;
    x *= 0x846CA68B;
    return x ^ x >>> 16;
  }

  /** Uniform in [-1, 1), on a grid of 2^-23, so exact in float. */
  static float uniform(int seed, long index) {
    return (mix(seed, index) >>> 8) * 0x1p-23f - 1f;
  }

  /** A float array of uniform numbers, on huge pages where the system gives them. */
  static INDArray uniform(int seed, long... shape) {
    INDArray array = zeroTable(shape);
    try (FloatIndexer elements = (FloatIndexer) array.data().indexer()) {
      long length = array.length();
      for (long i = 0; i < length; i++) {
        elements.put(i, uniform(seed, i));
      }
    }
    return array;
  }

  /** A float array of zeros, on huge pages where the system gives them. */
  static INDArray zeroTable(long... shape) {
    INDArray array = Nd4j.createUninitialized(DataType.FLOAT, shape, 'c');
    MemoryOps.adviseHugePages(array);
    return array.assign(0);
  }

  /**
   * The slots that a batch reads at an iteration: all distinct, spread over the whole table, and
   * others at the next iterations, so that no cache keeps the rows of one for the next.
   */
  static long[] slots(Shape shape, int iteration) {
    int accesses = shape.accesses();
    long slots = shape.slots();
    if (slots % accesses != 0 || Long.bitCount(slots) != 1) {
      throw new IllegalArgumentException("slots must be a power of two, a multiple of accesses");
    }
    long set = iteration % sets(shape);
    long[] result = new long[accesses];
    for (int i = 0; i < accesses; i++) {
      result[i] = scatter(set * accesses + i, slots - 1);
    }
    return result;
  }

  /** Sets of distinct slots that are made and used in turn. */
  static int sets(Shape shape) {
    return Math.min(SETS, shape.slots() / shape.accesses());
  }

  /** A permutation of [0, mask], mask + 1 a power of two. */
  private static long scatter(long index, long mask) {
    int half = Long.bitCount(mask) / 2;
    long x = index * 0x9E3779B1L & mask;
    x ^= x >>> half;
    x = x * 0x85EBCA6BL & mask;
    return x ^ x >>> half;
  }

  /** The slots of every set, each [batch, bagSize]. */
  static INDArray[] slotSets(Shape shape) {
    INDArray[] result = new INDArray[sets(shape)];
    Arrays.setAll(
        result,
        set -> Nd4j.createFromArray(slots(shape, set)).reshape(shape.batch(), shape.bagSize()));
    return result;
  }
}
