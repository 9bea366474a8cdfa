package io.github.dl4jmemory.testkit;

import java.util.Arrays;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Comparison of arrays, element by element in 'c' order; NaN is never close to anything. */
public final class AssertClose {
  private AssertClose() {}

  /**
   * The error to expect of a sum: one rounding of the largest term for every term.
   *
   * @param type FLOAT or DOUBLE
   * @param terms number of terms of the sum
   * @param largest bound on the absolute value of a term
   * @return the tolerance
   */
  public static double tolerance(DataType type, long terms, double largest) {
    double unit = type == DataType.FLOAT ? Math.ulp(1f) : Math.ulp(1d);
    return unit * terms * largest;
  }

  /**
   * Every element is within the tolerance.
   *
   * @param what name of the compared array, for the message
   * @param expected the expected elements in 'c' order
   * @param actual any array of as many elements
   * @param tolerance largest absolute difference
   */
  public static void close(String what, double[] expected, INDArray actual, double tolerance) {
    double[] got = Elements.doubles(actual);
    if (expected.length != got.length) {
      throw new AssertionError(
          what + ": expected " + expected.length + " elements, got " + got.length);
    }
    for (int i = 0; i < got.length; i++) {
      if (!(Math.abs(expected[i] - got[i]) <= tolerance)) {
        throw new AssertionError(
            what
                + Arrays.toString(actual.shape())
                + " at "
                + i
                + ": expected "
                + expected[i]
                + " +- "
                + tolerance
                + ", got "
                + got[i]);
      }
    }
  }

  /**
   * Every element is within the tolerance, and the shapes are the same.
   *
   * @param what name of the compared array, for the message
   * @param expected the expected array
   * @param actual the actual array
   * @param tolerance largest absolute difference
   */
  public static void close(String what, INDArray expected, INDArray actual, double tolerance) {
    if (!Arrays.equals(expected.shape(), actual.shape())) {
      throw new AssertionError(
          what
              + ": expected shape "
              + Arrays.toString(expected.shape())
              + ", got "
              + Arrays.toString(actual.shape()));
    }
    close(what, Elements.doubles(expected), actual, tolerance);
  }

  /**
   * Every element has the same bits (NaN and NaN are the same, 0 and -0 are not).
   *
   * @param what name of the compared array, for the message
   * @param expected the expected elements in 'c' order
   * @param actual any array of as many elements
   */
  public static void same(String what, double[] expected, INDArray actual) {
    double[] got = Elements.doubles(actual);
    int at = Arrays.mismatch(expected, got);
    if (at >= 0) {
      throw new AssertionError(
          what
              + Arrays.toString(actual.shape())
              + " at "
              + at
              + ": expected "
              + (at < expected.length ? expected[at] : "no element")
              + ", got "
              + (at < got.length ? got[at] : "no element"));
    }
  }

  /**
   * Every element is the same.
   *
   * @param what name of the compared array, for the message
   * @param expected the expected elements in 'c' order
   * @param actual an array of LONG
   */
  public static void same(String what, long[] expected, INDArray actual) {
    long[] got = Elements.longs(actual);
    int at = Arrays.mismatch(expected, got);
    if (at >= 0) {
      throw new AssertionError(
          what
              + Arrays.toString(actual.shape())
              + " at "
              + at
              + ": expected "
              + (at < expected.length ? expected[at] : "no element")
              + ", got "
              + (at < got.length ? got[at] : "no element"));
    }
  }
}
