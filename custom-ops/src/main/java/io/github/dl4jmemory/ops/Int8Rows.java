package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Rows of int8 with one float32 scale each. Written with a new scale and stochastic rounding. */
final class Int8Rows implements TableRows<float[]> {
  private static final int MAGNITUDE = 0x7FFFFFFF;
  private static final int INFINITY = 0x7F800000;
  private static final int LARGEST = 127;

  private final int valueSize;
  private final Slab<byte[]> values;
  private final Slab<float[]> scales;
  private final long seed;

  Int8Rows(INDArray values, INDArray scales, long seed) {
    this.valueSize = Math.toIntExact(values.size(1));
    this.values = Slab.bytes(values);
    this.scales = Slab.floats(scales);
    this.seed = seed;
  }

  @Override
  public long slots() {
    return scales.length();
  }

  @Override
  public int valueSize() {
    return valueSize;
  }

  @Override
  public void read(long row, float[] into) {
    byte[] whole = new byte[valueSize];
    float[] scale = new float[1];
    values.read(row * valueSize, whole, 0, valueSize);
    scales.read(row, scale, 0, 1);
    for (int c = 0; c < valueSize; c++) {
      into[c] = scale[0] * whole[c];
    }
  }

  @Override
  public void write(long row, long number, float[] source) {
    byte[] whole = new byte[valueSize];
    float scale = scale(source);
    if (scale > 0) {
      RowBits bits = new RowBits(seed);
      bits.row(number);
      for (int c = 0; c < valueSize; c++) {
        whole[c] = (byte) rounded(source[c] / scale, bits.at(c));
      }
    }
    values.write(row * valueSize, whole, 0, valueSize);
    scales.write(row, new float[] {scale}, 0, 1);
  }

  /** The largest magnitude is 127; NaN for a row that is not finite. */
  private float scale(float[] source) {
    int largest = 0;
    for (int c = 0; c < valueSize; c++) {
      largest = Math.max(largest, Float.floatToRawIntBits(source[c]) & MAGNITUDE);
    }
    return largest >= INFINITY ? Float.NaN : Float.intBitsToFloat(largest) / LARGEST;
  }

  /**
   * floor(x + u), u = the upper 24 bits / 2^24, as exact as the fraction of x is. Both comparisons
   * are signs of differences: a branch on them would be guessed wrong every other time.
   */
  static int rounded(float x, int random) {
    int whole = (int) x;
    whole -= sign(x - whole);
    float u = (random >>> 8) * 0x1p-24f;
    whole += sign(u - (x - whole));
    return Math.max(-LARGEST, Math.min(LARGEST, whole));
  }

  private static int sign(float x) {
    return Float.floatToRawIntBits(x) >>> 31;
  }
}
