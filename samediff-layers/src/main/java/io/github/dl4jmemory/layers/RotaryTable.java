package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Cosines and sines [positions, rotary/2] of the angles {@code position * theta^(-2i/rotary)}. */
record RotaryTable(INDArray cosines, INDArray sines) {

  static RotaryTable of(DataType dataType, double theta, int rotary, int positions) {
    return of(dataType, Reals.of(dataType), frequencies(theta, rotary), positions);
  }

  private static <A> RotaryTable of(
      DataType dataType, Reals<A> reals, double[] frequencies, int positions) {
    int half = frequencies.length;
    A cosines = reals.allocate(Math.multiplyExact(positions, half));
    A sines = reals.allocate(positions * half);
    for (int position = 0; position < positions; position++) {
      angles(reals, frequencies, position, cosines, sines, position * half);
    }
    INDArray cosineArray = Nd4j.createUninitializedDetached(dataType, positions, half);
    INDArray sineArray = Nd4j.createUninitializedDetached(dataType, positions, half);
    reals.write(cosines, cosineArray);
    reals.write(sines, sineArray);
    return new RotaryTable(cosineArray, sineArray);
  }

  static double[] frequencies(double theta, int rotary) {
    double[] frequencies = new double[rotary / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = Math.pow(theta, -2.0 * i / rotary);
    }
    return frequencies;
  }

  /** Sets cosines and sines of one position, however large. */
  static <A> void angles(
      Reals<A> reals, double[] frequencies, long position, A cosines, A sines, int at) {
    for (int i = 0; i < frequencies.length; i++) {
      double angle = position * frequencies[i];
      reals.set(cosines, at + i, Math.cos(angle));
      reals.set(sines, at + i, Math.sin(angle));
    }
  }
}
