package io.github.dl4jmemory.ops;

import java.util.stream.LongStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The accesses of a batch, grouped by slot: {@code order} [accesses] holds the flat positions
 * grouped by slot, ascending inside a slot; {@code rows} [rowCount] the distinct slots ascending;
 * the accesses of rows[j] are order[starts[j] .. starts[j + 1]). A part has some of the rows, for a
 * table that holds these alone.
 */
final class Accesses {
  /** One buffer: order, rows, starts, scratch of two, and the row count. */
  private INDArray buffer;

  private long capacity;
  private long count;
  private long bags;
  private long bagSize;
  private long slotCount;
  private INDArray rows;
  private Accesses whole;
  private long from;

  /** Makes room for the accesses of these slots, outside any workspace. */
  void reserve(INDArray slots, long slotsOfTable) {
    count = slots.length();
    bags = 1;
    bagSize = slots.rank() == 0 ? 1 : slots.size(-1);
    for (int axis = 0; axis < slots.rank() - 1; axis++) {
      bags *= slots.size(axis);
    }
    slotCount = slotsOfTable;
    rows = null;
    whole = null;
    if (count > capacity || buffer == null) {
      long room = Math.max(64, count + count / 4);
      buffer = Nd4j.createUninitializedDetached(DataType.INT64, 5 * room + 2);
      capacity = room;
    }
  }

  /** The positions in the order are those of an array [bags, bagSize] from now on. */
  void regard(long otherBags, long otherBagSize) {
    bags = otherBags;
    bagSize = otherBagSize;
  }

  /** The bags of the accesses: all axes of the slots but the last. */
  long bags() {
    return bags;
  }

  /** The accesses of a bag: the last axis of the slots. */
  long bagSize() {
    return bagSize;
  }

  long slotCount() {
    return slotCount;
  }

  INDArray order() {
    return whole == null ? part(0, count) : whole.order();
  }

  /** Room for the distinct slots, before their number is known. */
  INDArray rowsRoom() {
    return part(capacity, count);
  }

  INDArray starts() {
    return whole == null
        ? part(2 * capacity, count + 1)
        : whole.starts().get(NDArrayIndex.interval(from, from + slotCount + 1));
  }

  INDArray scratch() {
    return part(3 * capacity + 1, 2 * count);
  }

  INDArray rowCount() {
    return part(5 * capacity + 1, 1);
  }

  /** Called when order, rows, starts and rowCount are filled. */
  void grouped() {
    long touched = rowCount().getLong(0);
    rows = touched == 0 ? Nd4j.create(DataType.INT64, 0) : part(capacity, touched);
  }

  /** Where the touched rows stand in the table, ascending; null until grouped. */
  INDArray rows() {
    return rows;
  }

  /** The rows that stand there: the distinct slots of all accesses, also in a part. */
  INDArray numbers() {
    return whole == null
        ? rows
        : whole.numbers().get(NDArrayIndex.interval(from, from + slotCount));
  }

  /** Some rows, for a table that holds them one after the other, and nothing else. */
  Accesses someRows(long first, long length) {
    Accesses part = new Accesses();
    part.bags = bags;
    part.bagSize = bagSize;
    part.slotCount = length;
    part.rows = Nd4j.createFromArray(LongStream.range(0, length).toArray());
    part.whole = this;
    part.from = first;
    return part;
  }

  private INDArray part(long from, long length) {
    return buffer.get(NDArrayIndex.interval(from, from + length));
  }
}
