package io.github.dl4jmemory.ops;

import java.util.Arrays;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Checks the arguments of one operation. Every message reads {@code [op] parameter: expected ...,
 * got ... (shape ...). Fix: ...}.
 */
final class Require {
  /** A size that a shape does not fix. */
  static final long ANY = -1;

  private final String op;

  private Require(String op) {
    this.op = op;
  }

  static Require op(String op) {
    return new Require(op);
  }

  IllegalArgumentException error(String parameter, String expected, String got, String fix) {
    return new IllegalArgumentException(
        "[" + op + "] " + parameter + ": expected " + expected + ", got " + got + ". Fix: " + fix);
  }

  IllegalArgumentException error(
      String parameter, String expected, String got, INDArray array, String fix) {
    return error(parameter, expected, got + " (shape " + Arrays.toString(array.shape()) + ")", fix);
  }

  /** The array exists, is open, and has the named axes with the given sizes. */
  void shape(String parameter, INDArray array, String axes, long... sizes) {
    open(parameter, array, axes);
    boolean same = array.rank() == sizes.length;
    for (int axis = 0; same && axis < sizes.length; axis++) {
      same = sizes[axis] == ANY || sizes[axis] == array.size(axis);
    }
    if (!same) {
      throw error(
          parameter,
          axes + " of shape " + shapeText(sizes),
          "rank " + array.rank(),
          array,
          "reshape the array, or pass the arrays that belong together");
    }
  }

  void open(String parameter, INDArray array, String axes) {
    if (array == null) {
      throw error(parameter, ("an array " + axes).trim(), "null", "pass an array");
    }
    if (array.wasClosed()) {
      throw error(
          parameter,
          ("an open array " + axes).trim(),
          "a closed array",
          "keep the array open until the call returns");
    }
  }

  private static String shapeText(long[] sizes) {
    StringBuilder text = new StringBuilder("[");
    for (long size : sizes) {
      text.append(text.length() == 1 ? "" : ", ").append(size == ANY ? "any" : Long.toString(size));
    }
    return text.append(']').toString();
  }

  /** FLOAT or DOUBLE. */
  void floating(String parameter, INDArray array) {
    DataType type = array.dataType();
    if (type != DataType.FLOAT && type != DataType.DOUBLE) {
      throw error(
          parameter, "FLOAT or DOUBLE", type.toString(), array, "cast it with castTo(FLOAT)");
    }
  }

  /** The dtype of the leading array. */
  void type(String parameter, INDArray array, DataType type) {
    if (array.dataType() != type) {
      throw error(
          parameter,
          type.toString(),
          array.dataType().toString(),
          array,
          "cast it with castTo(" + type + ")");
    }
  }

  /** The dtype in which a table is stored: it cannot be cast, because a table is never copied. */
  void stored(String parameter, INDArray array, DataType type) {
    if (array.dataType() != type) {
      throw error(
          parameter,
          type.toString(),
          array.dataType().toString(),
          array,
          "create it with dtype " + type + " and fill it with MemoryOps.writeRows");
    }
  }

  /** Contiguous in 'c' order, because arrays of this size are never copied. */
  void contiguous(String parameter, INDArray array) {
    if (!Dense.contiguous(array)) {
      throw error(
          parameter,
          "a contiguous array in 'c' order",
          "strides " + Arrays.toString(array.stride()),
          array,
          "keep tables in 'c' order");
    }
  }

  /** LONG, as slots and rows are; INT is cast. */
  INDArray longs(String parameter, INDArray array) {
    if (array.dataType() == DataType.INT64) {
      return array;
    }
    if (array.dataType() == DataType.INT32) {
      return array.castTo(DataType.INT64);
    }
    throw error(
        parameter,
        "LONG or INT",
        array.dataType().toString(),
        array,
        "pass slots as LONG (a FLOAT is exact only to 2^24)");
  }

  void positive(String parameter, INDArray array, int axis, String axisName) {
    if (array.size(axis) < 1) {
      throw error(
          parameter,
          axisName + " >= 1",
          Long.toString(array.size(axis)),
          array,
          "give the axis at least one entry");
    }
  }

  /** The rows ascend, without repeats, and lie in [0, slots). */
  void ascending(String parameter, INDArray rows, long slots, String fix) {
    if (rows.isEmpty()) {
      return;
    }
    Slab<long[]> slab = Slab.longs(rows);
    long[] block = new long[(int) Math.min(1024, rows.length())];
    long previous = -1;
    for (long from = 0; from < rows.length(); from += block.length) {
      int length = (int) Math.min(block.length, rows.length() - from);
      slab.read(from, block, 0, length);
      for (int i = 0; i < length; i++) {
        if (block[i] <= previous || block[i] >= slots) {
          throw error(
              parameter,
              "distinct rows in [0, " + slots + "), ascending",
              block[i] + " after " + (previous < 0 ? "the start" : previous),
              rows,
              fix);
        }
        previous = block[i];
      }
    }
  }

  void present(String parameter, Object value) {
    if (value == null) {
      throw error(parameter, "a value", "null", "pass one");
    }
  }

  void finite(String parameter, double value) {
    if (!Double.isFinite(value)) {
      throw error(parameter, "a finite number", Double.toString(value), "check the configuration");
    }
  }

  /** Finite in the dtype that the kernels compute in. */
  void finite(String parameter, double value, DataType type) {
    finite(parameter, value);
    if (type == DataType.FLOAT && Float.isInfinite((float) value)) {
      throw error(
          parameter,
          "a finite number as FLOAT",
          Double.toString(value),
          "use a smaller number, or DOUBLE arrays");
    }
  }

  /**
   * Two arrays of which one is written must not share memory. Of the caller's arrays, before {@link
   * Dense} copies any: copies share nothing. Null and empty arrays share nothing either.
   */
  void apart(String parameter, INDArray written, String otherName, INDArray other) {
    if (SharedMemory.between(written, other)) {
      throw error(
          parameter,
          "memory of its own",
          "memory shared with " + otherName,
          written,
          "pass a separate array");
    }
  }

  /** No two of the arrays share memory. */
  void apart(List<String> names, INDArray... arrays) {
    for (int i = 0; i < arrays.length; i++) {
      for (int j = i + 1; j < arrays.length; j++) {
        apart(names.get(i), arrays[i], names.get(j), arrays[j]);
      }
    }
  }

  /** Turns the status of a kernel into an exception; 0 is success. */
  void ok(long status, String parameter, INDArray slots, long slotCount) {
    if (status == Kernels.OK) {
      return;
    }
    long where = status >>> 8;
    switch ((int) (status & 0xff)) {
      case Kernels.NAN:
        throw error(
            parameter,
            "scores without NaN",
            "NaN in the scores of query " + where + " (batch * heads + head)",
            "look for NaN or opposite infinities in the query and the sub-keys; lower the learning"
                + " rate");
      case Kernels.OUT_OF_RANGE:
        throw error(
            parameter,
            "slots in [0, " + slotCount + ")",
            slots.getLong(where) + " at flat index " + where,
            slots,
            "pass the slots that productKeyTopK gave for a table of this size");
      case Kernels.NO_MEMORY:
        throw new OutOfMemoryError(
            "[" + op + "] native scratch memory could not be allocated. Fix: use smaller batches");
      default:
        throw new IllegalStateException("[" + op + "] unknown status of a kernel: " + status);
    }
  }
}
