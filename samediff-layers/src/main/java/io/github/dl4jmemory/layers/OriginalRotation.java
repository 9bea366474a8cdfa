package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Turns queries or keys to positions in the text, of which each token has its own.
 *
 * @param <A> float[] or double[]
 */
final class OriginalRotation<A> {

  private final Reals<A> reals;
  private final double[] frequencies;
  private final A cosines;
  private final A sines;
  private A rows;
  private INDArray turned;

  OriginalRotation(Reals<A> reals, double theta, int rotary) {
    this.reals = reals;
    frequencies = RotaryTable.frequencies(theta, rotary);
    cosines = reals.allocate(frequencies.length);
    sines = reals.allocate(frequencies.length);
  }

  /**
   * A turned copy of tokens [batch, time, heads, headSize], each of the position given for it; it
   * is valid until the next call.
   */
  INDArray turned(INDArray tokens, long[] positions) {
    int headSize = Math.toIntExact(tokens.size(3));
    int width = Math.toIntExact(tokens.size(2)) * headSize;
    if (turned == null || !turned.equalShapes(tokens)) {
      turned = Nd4j.createUninitializedDetached(tokens.dataType(), tokens.shape());
      rows = reals.allocate(Math.toIntExact(tokens.length()));
    }
    reals.read(tokens, rows);
    for (int token = 0; token < positions.length; token++) {
      RotaryTable.angles(reals, frequencies, positions[token], cosines, sines, 0);
      for (int at = token * width; at < (token + 1) * width; at += headSize) {
        reals.rotate(rows, at, frequencies.length, cosines, sines, 0, 1);
      }
    }
    reals.write(rows, turned);
    return turned;
  }
}
