package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The distinct rows of a table that a batch reads, with the accesses of each. An object is scratch
 * to be used again at every step: its memory grows with the accesses of the largest batch (50 bytes
 * an access), never with the slots of the table. It is not safe for use by several threads at once.
 */
public final class TouchedRows {
  private final Accesses accesses;
  private INDArray rows;

  /** No rows, until {@link #group} is called. */
  public TouchedRows() {
    accesses = new Accesses();
  }

  private TouchedRows(Accesses accesses) {
    this.accesses = accesses;
    rows = accesses.rows();
  }

  /**
   * Groups the accesses of a batch by slot, in place of what was grouped before. Cost: a few passes
   * over the accesses.
   *
   * @param slots the slots read, LONG or INT, any shape; [bags, bagSize] for a weighted bag, where
   *     bags may be several axes
   * @param slotCount slots of the table
   * @throws IllegalArgumentException if slots is null, closed or of another dtype, slotCount is
   *     negative, or a slot is outside [0, slotCount)
   */
  public void group(INDArray slots, long slotCount) {
    group(Require.op("touchedRows"), slots, slotCount);
  }

  void group(Require require, INDArray slots, long slotCount) {
    rows = null;
    require.open("slots", slots, "[bags, bagSize]");
    if (slotCount < 0) {
      throw require.error(
          "slotCount", "a number >= 0", Long.toString(slotCount), "pass the slots of the table");
    }
    INDArray dense = Dense.in(require.longs("slots", slots));
    accesses.reserve(dense, slotCount);
    if (dense.isEmpty()) {
      rows = Nd4j.create(DataType.INT64, 0);
      return;
    }
    long status = KernelChoice.kernels().groupByRow(dense, slotCount, accesses);
    require.ok(status, "slots", dense, slotCount);
    accesses.grouped();
    rows = accesses.rows();
  }

  /**
   * The number of distinct rows.
   *
   * @return rows touched; 0 before the first {@link #group}
   */
  public long count() {
    return rows == null ? 0 : rows.length();
  }

  /**
   * The distinct rows.
   *
   * @return LONG [count], ascending; a view that the next {@link #group} overwrites
   */
  public INDArray rows() {
    return rows == null ? Nd4j.create(DataType.INT64, 0) : rows;
  }

  /**
   * Some of the touched rows, for the update of a table too large for memory in parts: copy rows
   * {@code rows()[from .. from + count)}, and their moments, into a small table, in this order;
   * give it to bagSgd or bagAdam with this part, and with the weights and output gradients of the
   * whole batch; copy the rows back. They have the bits, of stochastic rounding too, that an update
   * of the large table gives them.
   *
   * @param from first row of the part, counted among the touched rows
   * @param count its rows, at least 1
   * @return the part, whose {@link #rows} are 0 .. count - 1; valid until the next {@link #group}
   * @throws IllegalArgumentException if there are no such rows
   */
  public TouchedRows part(long from, long count) {
    if (from < 0 || count < 1 || count > count() - from) {
      throw Require.op("touchedRows")
          .error(
              "part",
              "at least one row, of rows 0 to " + (count() - 1),
              count + " rows from " + from,
              "take parts of the rows that were grouped");
    }
    return new TouchedRows(accesses.someRows(from, count));
  }

  Accesses accesses() {
    return accesses;
  }

  /** Checks that rows of this table were grouped. */
  static void requireGrouped(
      Require require, TouchedRows touched, String parameter, INDArray table) {
    require.present("touched", touched);
    if (touched.rows == null) {
      throw require.error(
          "touched", "grouped rows", "none", "call touched.group(slots, slotCount) first");
    }
    if (touched.accesses.slotCount() != table.size(0)) {
      throw require.error(
          parameter,
          touched.accesses.slotCount() + " slots, as grouped",
          table.size(0) + " slots",
          table,
          "call touched.group with the slots of this table");
    }
  }

  /** Checks that the weights [bags, bagSize] are those of the bags that were grouped. */
  void requireBags(Require require, String parameter, INDArray weights) {
    if (accesses.bags() != weights.size(0) || accesses.bagSize() != weights.size(1)) {
      throw require.error(
          parameter,
          accesses.bags() + " bags of " + accesses.bagSize() + ", as grouped",
          weights.size(0) + " bags of " + weights.size(1),
          weights,
          "call touched.group with the slots of these weights");
    }
  }
}
