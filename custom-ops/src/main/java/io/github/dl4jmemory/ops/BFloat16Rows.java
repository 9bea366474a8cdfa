package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Rows of bfloat16: the upper half of a float32. Written with stochastic rounding. */
final class BFloat16Rows implements TableRows<float[]> {
  private static final int MAGNITUDE = 0x7FFFFFFF;
  private static final int INFINITY = 0x7F800000;
  private static final int LARGEST = 0x7F7F;
  private static final int NAN = 0x7FC0;

  private final long slots;
  private final int valueSize;
  private final Slab<short[]> values;
  private final long seed;

  BFloat16Rows(INDArray values, long seed) {
    this.slots = values.size(0);
    this.valueSize = Math.toIntExact(values.size(1));
    this.values = Slab.shorts(values);
    this.seed = seed;
  }

  @Override
  public long slots() {
    return slots;
  }

  @Override
  public int valueSize() {
    return valueSize;
  }

  @Override
  public void read(long row, float[] into) {
    short[] halves = new short[valueSize];
    values.read(row * valueSize, halves, 0, valueSize);
    for (int c = 0; c < valueSize; c++) {
      into[c] = Float.intBitsToFloat(halves[c] << 16);
    }
  }

  @Override
  public void write(long row, long number, float[] source) {
    short[] halves = new short[valueSize];
    RowBits bits = new RowBits(seed);
    bits.row(number);
    for (int c = 0; c < valueSize; c++) {
      halves[c] = (short) rounded(Float.floatToRawIntBits(source[c]), bits.at(c) >>> 16);
    }
    values.write(row * valueSize, halves, 0, valueSize);
  }

  /** The upper half of a float after 16 random bits were added to the lower. */
  static int rounded(int bits, int random) {
    int magnitude = bits & MAGNITUDE;
    int sign = bits >>> 16 & 0x8000;
    if (magnitude >= INFINITY) {
      return magnitude == INFINITY ? bits >>> 16 : NAN;
    }
    return sign | Math.min(magnitude + random >>> 16, LARGEST);
  }
}
