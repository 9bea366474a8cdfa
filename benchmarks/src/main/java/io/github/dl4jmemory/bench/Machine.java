package io.github.dl4jmemory.bench;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What the machine can do at best, measured in this process by {@code src/main/native/machine.c},
 * which {@code compare} compiles.
 */
final class Machine {
  /** System property: path of the compiled library. */
  static final String LIBRARY = "dl4jmemory.bench.machine";

  Machine() {
    System.load(System.getProperty(LIBRARY));
  }

  /** Reads all of an array in sequence; returns bytes a second. */
  double sequentialRead(INDArray array, int threads) {
    long bytes = array.length() * array.data().getElementSize();
    return readBandwidth(array.data().addressPointer().address(), bytes, threads);
  }

  /** Multiply-adds in float registers alone; floating-point operations a second. */
  double peak(int threads) {
    return peakFlops(threads);
  }

  private static native double readBandwidth(long address, long bytes, int threads);

  private static native double peakFlops(int threads);
}
