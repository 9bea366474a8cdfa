package io.github.dl4jmemory.layers;

import java.util.function.IntUnaryOperator;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Rotary positions in the pairing of Llama and GPT-NeoX: of the first {@code turned} elements of a
 * head, element i turns with element {@code i + turned/2} by the angle {@code position * theta^(-2
 * i / turned)} (Su et al. 2021, arXiv 2104.09864, eq. 34); the others stay.
 *
 * @param <A> float[] or double[]
 */
final class Rotary<A> {

  private static final int CHUNK = 1 << 14; // values

  private final Reals<A> reals;
  private final double theta;
  private final int headSize;
  private final int turned;
  private int positions;
  private A cos;
  private A sin;

  Rotary(Reals<A> reals, double theta, int headSize, int turned) {
    this.reals = reals;
    this.theta = theta;
    this.headSize = headSize;
    this.turned = turned;
  }

  /**
   * Turns every head of every row, in place.
   *
   * @param rows [tokens, heads * headSize] in 'c' order without gaps
   * @param below all positions are below
   * @param position of a row
   */
  void turn(INDArray rows, int below, IntUnaryOperator position) {
    apply(rows, below, position, 1);
  }

  /** The inverse, and the backward, of {@link #turn}. */
  void turnBack(INDArray rows, int below, IntUnaryOperator position) {
    apply(rows, below, position, -1);
  }

  private void apply(INDArray rows, int below, IntUnaryOperator position, double sign) {
    prepare(below);
    int tokens = Math.toIntExact(rows.size(0));
    int width = Math.toIntExact(rows.size(1));
    int step = Math.max(1, CHUNK / width);
    Parallel.forEach(
        (tokens + step - 1) / step,
        chunk -> {
          int from = chunk * step;
          int count = Math.min(step, tokens - from);
          A x = reals.allocate(count * width);
          reals.read(rows, (long) from * width, x, count * width);
          for (int i = 0; i < count; i++) {
            turn(x, i * width, width, position.applyAsInt(from + i), sign);
          }
          reals.write(x, rows, (long) from * width, count * width);
        });
  }

  private void turn(A x, int at, int width, int position, double sign) {
    int half = turned / 2;
    for (int head = at; head < at + width; head += headSize) {
      reals.rotate(x, head, half, cos, sin, position * half, sign);
    }
  }

  private void prepare(int needed) {
    if (needed <= positions) {
      return;
    }
    int half = turned / 2;
    positions = Math.max(needed, 2 * positions);
    cos = reals.allocate(Math.multiplyExact(positions, half));
    sin = reals.allocate(positions * half);
    for (int i = 0; i < half; i++) {
      double frequency = Math.pow(theta, -2.0 * i / turned);
      for (int position = 0; position < positions; position++) {
        reals.set(cos, position * half + i, Math.cos(position * frequency));
        reals.set(sin, position * half + i, Math.sin(position * frequency));
      }
    }
  }
}
