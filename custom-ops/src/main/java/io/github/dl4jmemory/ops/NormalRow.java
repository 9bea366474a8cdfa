package io.github.dl4jmemory.ops;

/**
 * Normal numbers of (seed, row, column), without state, bit for bit those of cpu/normal_row.h.
 *
 * <p>Box and Muller 1958: {@code sqrt(-2 ln u) cos(2 pi t)} and {@code sqrt(-2 ln u) sin(2 pi t)}
 * of two uniform numbers u, t are two independent normal numbers. Columns c and c + 8 of a block of
 * 16 are such a pair. u has 31 bits, so no number is beyond 6.7 deviations. Logarithm, sine and
 * cosine are short power series in float32 (error below 1e-6), because those of Java and of C
 * libraries differ in their last bits.
 */
final class NormalRow {
  private static final int BLOCK = 16;
  private static final int HALF = BLOCK / 2;

  /** Bits of the root of a half: mantissas are taken from there to its double. */
  private static final int ROOT_HALF = 0x3F3504F3;

  private static final float LN2 = (float) 0.6931471805599453;
  private static final float EIGHTH_TURN = (float) (Math.PI / 4 * 0x1p-31);

  private final RowBits bits;
  private final float deviation;

  NormalRow(long seed, double deviation) {
    this.bits = new RowBits(seed);
    this.deviation = (float) deviation;
  }

  void fill(long row, float[] into, int length) {
    bits.row(row);
    for (int block = 0; block < length; block += BLOCK) {
      for (int j = 0; j < HALF && block + j < length; j++) {
        pair(block + j, into, length);
      }
    }
  }

  private void pair(int column, float[] into, int length) {
    int a = bits.at(column);
    int b = bits.at(column + HALF);
    float radius = (float) Math.sqrt(-2f * log(((a >>> 1) + 0.5f) * 0x1p-31f));
    float x = (b << 2) * EIGHTH_TURN;
    float z = x * x;
    float sine = sine(x, z);
    float cosine = cosine(z);
    int quadrant = b >>> 30;
    int swap = -(quadrant & 1);
    into[column] = deviation * (radius * picked(cosine, sine, swap, quadrant + 1));
    if (column + HALF < length) {
      into[column + HALF] = deviation * (radius * picked(sine, cosine, swap, quadrant));
    }
  }

  /** x, or y where pick is all ones; its sign changed by bit 1 of a quadrant. Without a branch. */
  private static float picked(float x, float y, int pick, int quadrant) {
    int bits = Float.floatToRawIntBits(x) & ~pick | Float.floatToRawIntBits(y) & pick;
    return Float.intBitsToFloat(bits ^ quadrant >> 1 << 31);
  }

  /** Of a number in (0, 1]: exponent and mantissa, the latter by the series of artanh. */
  static float log(float u) {
    int shifted = Float.floatToRawIntBits(u) - ROOT_HALF;
    float mantissa = Float.intBitsToFloat((shifted & 0x7FFFFF) + ROOT_HALF);
    float s = (mantissa - 1) / (mantissa + 1);
    float z = s * s;
    float series = 2 + z * (2f / 3 + z * (2f / 5 + z * (2f / 7 + z * (2f / 9))));
    return (shifted >> 23) * LN2 + s * series;
  }

  /** Of x in [-pi/4, pi/4], z = x * x. */
  static float sine(float x, float z) {
    return x * (1 + z * (-1f / 6 + z * (1f / 120 + z * (-1f / 5040 + z * (1f / 362880)))));
  }

  static float cosine(float z) {
    return 1 + z * (-1f / 2 + z * (1f / 24 + z * (-1f / 720 + z * (1f / 40320))));
  }
}
