package io.github.dl4jmemory.testkit;

import java.util.Random;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The elements of arrays in 'c' order, and arrays of random elements. */
public final class Elements {
  private Elements() {}

  /**
   * The elements of an array.
   *
   * @param array any floating array, any order and strides
   * @return its elements in 'c' order
   */
  public static double[] doubles(INDArray array) {
    return array.isEmpty() ? new double[0] : array.dup('c').data().asDouble();
  }

  /**
   * The elements of an array.
   *
   * @param array an integer array, any order and strides
   * @return its elements in 'c' order
   */
  public static long[] longs(INDArray array) {
    return array.isEmpty() ? new long[0] : array.dup('c').data().asLong();
  }

  /**
   * Uniform numbers in [-1, 1).
   *
   * @param random source
   * @param type dtype of the array
   * @param shape shape of the array
   * @return a new array
   */
  public static INDArray uniform(Random random, DataType type, long... shape) {
    double[] elements = random.doubles(length(shape), -1, 1).toArray();
    return Nd4j.createFromArray(elements).castTo(type).reshape('c', shape);
  }

  /**
   * Whole numbers in [-bound, bound]: sums of their products are exact in any order.
   *
   * @param random source
   * @param type dtype of the array
   * @param bound largest absolute value
   * @param shape shape of the array
   * @return a new array
   */
  public static INDArray whole(Random random, DataType type, int bound, long... shape) {
    double[] elements = random.ints(length(shape), -bound, bound + 1).mapToDouble(i -> i).toArray();
    return Nd4j.createFromArray(elements).castTo(type).reshape('c', shape);
  }

  /**
   * Slots in [0, slotCount).
   *
   * @param random source
   * @param slotCount slots of the table
   * @param shape shape of the array
   * @return a new array of LONG
   */
  public static INDArray slots(Random random, long slotCount, long... shape) {
    long[] elements = random.longs(length(shape), 0, slotCount).toArray();
    return Nd4j.createFromArray(elements).reshape('c', shape);
  }

  private static long length(long... shape) {
    long length = 1;
    for (long size : shape) {
      length *= size;
    }
    return length;
  }
}
