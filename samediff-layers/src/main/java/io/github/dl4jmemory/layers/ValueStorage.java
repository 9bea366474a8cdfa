package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.buffer.DataType;

/** How the file of a {@link MemoryPool} stores its value rows. */
public enum ValueStorage {
  /** Four bytes a value; training gives the same bits as a pool without a file. */
  FLOAT32(1, DataType.FLOAT),
  /** Two bytes a value, with stochastic rounding when a row is updated. */
  BFLOAT16(2, DataType.BFLOAT16),
  /**
   * One byte a value and a float scale a row, the row's largest magnitude / 127; with stochastic
   * rounding when a row is updated.
   */
  INT8(3, DataType.INT8);

  private final int code;
  private final DataType type;

  ValueStorage(int code, DataType type) {
    this.code = code;
    this.type = type;
  }

  /** As it stands in the file. */
  int code() {
    return code;
  }

  DataType type() {
    return type;
  }

  /** Bytes of one value. */
  int width() {
    return type.width();
  }

  /** Whether a row has a scale beside its values. */
  boolean scaled() {
    return this == INT8;
  }
}
