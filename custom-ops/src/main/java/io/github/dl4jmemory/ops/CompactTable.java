package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A table of value rows in the storage that its owner chose: float32, bfloat16, or int8 with one
 * float32 scale a row. Arithmetic is in float32 whatever the storage; what the arrays hold is
 * changed by the operations of {@link MemoryOps} that take a table.
 *
 * <pre>
 * float32   row[c] = values[r, c]                4 bytes a value
 * bfloat16  row[c] = values[r, c]                2 bytes: sign, 8 bits of exponent, 7 of mantissa
 * int8      row[c] = scales[r] * values[r, c]    1 byte, and 4 a row; values in -127 .. 127
 * </pre>
 *
 * <p>A bfloat16 or int8 row is written with stochastic rounding: to one of the two nearest numbers
 * of the storage, each with the probability that makes the expectation exact. So updates smaller
 * than half a step of the storage count on average, where rounding to the nearest would lose every
 * one of them. The random bits are a hash of a seed, the row and the column: the result depends
 * neither on threads nor on kernels, and another seed must be given at every step.
 *
 * <ul>
 *   <li>bfloat16: 16 random bits are added below the mantissa, and the sum is cut. A number beyond
 *       the largest finite one becomes that; infinities and NaN stay what they are.
 *   <li>int8: {@code scale = max |row| / 127}, {@code value = floor(row / scale + u)} with u
 *       uniform in [0, 1). A row of zeros, and one of numbers below 127 times the least positive
 *       float32, has scale 0. A row that holds NaN or an infinity gets the scale NaN: all of it
 *       reads as NaN.
 * </ul>
 *
 * <p>Arrays may have more than 2^31 elements, and may lie in memory that is not Java's, such as a
 * mapped file. They must be contiguous in 'c' order, because such a table is never copied. The
 * table refers to them and owns nothing; they must stay open while it is used.
 *
 * <p>Source: stochastic rounding as in Gupta et al. 2015 (arXiv 1502.02551), section 3.
 */
public final class CompactTable {
  /** How rows are stored; the ordinals are those of kernels.h. */
  enum Storage {
    FLOAT32,
    BFLOAT16,
    INT8
  }

  private static final String OP = "CompactTable";
  private static final String TABLE = "[slots, valueSize]";

  private final Storage storage;
  private final INDArray values;
  private final INDArray scales;

  private CompactTable(Storage storage, INDArray values, INDArray scales) {
    this.storage = storage;
    this.values = values;
    this.scales = scales;
  }

  /**
   * A table of float32 rows.
   *
   * @param values [slots, valueSize] FLOAT, contiguous in 'c' order
   * @return the table
   * @throws IllegalArgumentException if values is null, closed, empty, or not as stated
   */
  public static CompactTable float32(INDArray values) {
    return new CompactTable(Storage.FLOAT32, checked(values, DataType.FLOAT), null);
  }

  /**
   * A table of bfloat16 rows.
   *
   * @param values [slots, valueSize] BFLOAT16, contiguous in 'c' order
   * @return the table
   * @throws IllegalArgumentException if values is null, closed, empty, or not as stated
   */
  public static CompactTable bfloat16(INDArray values) {
    return new CompactTable(Storage.BFLOAT16, checked(values, DataType.BFLOAT16), null);
  }

  /**
   * A table of int8 rows with a scale each.
   *
   * @param values [slots, valueSize] BYTE, contiguous in 'c' order
   * @param scales [slots] FLOAT, contiguous
   * @return the table
   * @throws IllegalArgumentException if an array is null, closed, empty, or not as stated, or both
   *     share memory
   */
  public static CompactTable int8(INDArray values, INDArray scales) {
    checked(values, DataType.INT8);
    Require require = Require.op(OP);
    require.shape("scales", scales, "[slots]", values.size(0));
    require.stored("scales", scales, DataType.FLOAT);
    require.contiguous("scales", scales);
    require.apart("scales", scales, "values", values);
    return new CompactTable(Storage.INT8, values, scales);
  }

  private static INDArray checked(INDArray values, DataType type) {
    Require require = Require.op(OP);
    require.shape("values", values, TABLE, ANY, ANY);
    require.stored("values", values, type);
    require.positive("values", values, 0, "slots");
    require.positive("values", values, 1, "valueSize");
    require.contiguous("values", values);
    return values;
  }

  /** The table is there, and its arrays are still open. */
  static void require(Require require, CompactTable table) {
    require.present("table", table);
    require.open("table.values", table.values, TABLE);
    if (table.scales != null) {
      require.open("table.scales", table.scales, "[slots]");
    }
  }

  /** An array that is written shares no memory with the table. */
  void requireApart(Require require, String parameter, INDArray written) {
    require.apart(parameter, written, "table.values", values);
    require.apart(parameter, written, "table.scales", scales);
  }

  Storage storage() {
    return storage;
  }

  /**
   * The stored values.
   *
   * @return [slots, valueSize], the array that was given
   */
  public INDArray values() {
    return values;
  }

  /**
   * The scales of an int8 table.
   *
   * @return [slots], the array that was given; null where the storage has no scales
   */
  public INDArray scales() {
    return scales;
  }

  /**
   * The number of rows.
   *
   * @return slots
   */
  public long slots() {
    return values.size(0);
  }

  /**
   * The number of values in a row.
   *
   * @return valueSize
   */
  public long valueSize() {
    return values.size(1);
  }
}
