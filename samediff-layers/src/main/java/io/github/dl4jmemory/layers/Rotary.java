package io.github.dl4jmemory.layers;

/**
 * Rotary positions in the Llama pairing: element i of a head turns with element i + headSize/2 by
 * the angle {@code position * theta^(-2 i / headSize)} (Su et al. 2021, arXiv 2104.09864, eq. 34).
 *
 * @param <A> float[] or double[]
 */
final class Rotary<A> {

  private final Reals<A> reals;
  private final double theta;
  private final int headSize;
  private int positions;
  private A cos;
  private A sin;

  Rotary(Reals<A> reals, double theta, int headSize) {
    this.reals = reals;
    this.theta = theta;
    this.headSize = headSize;
  }

  /** Turns every head of rows [batch * time, heads * headSize]; time begins at {@code start}. */
  void turn(A x, int batch, int time, int heads, int start) {
    apply(x, batch, time, heads, start, 1);
  }

  /** The inverse, and the backward, of {@link #turn}. */
  void turnBack(A x, int batch, int time, int heads, int start) {
    apply(x, batch, time, heads, start, -1);
  }

  private void apply(A x, int batch, int time, int heads, int start, double sign) {
    prepare(start + time);
    int half = headSize / 2;
    Parallel.forEach(
        batch,
        b -> {
          for (int t = 0; t < time; t++) {
            for (int head = 0; head < heads; head++) {
              int at = ((b * time + t) * heads + head) * headSize;
              reals.rotate(x, at, half, cos, sin, (start + t) * half, sign);
            }
          }
        });
  }

  private void prepare(int needed) {
    if (needed <= positions) {
      return;
    }
    int half = headSize / 2;
    positions = Math.max(needed, 2 * positions);
    cos = reals.allocate(Math.multiplyExact(positions, half));
    sin = reals.allocate(positions * half);
    for (int i = 0; i < half; i++) {
      double frequency = Math.pow(theta, -2.0 * i / headSize);
      for (int position = 0; position < positions; position++) {
        reals.set(cos, position * half + i, Math.cos(position * frequency));
        reals.set(sin, position * half + i, Math.sin(position * frequency));
      }
    }
  }
}
