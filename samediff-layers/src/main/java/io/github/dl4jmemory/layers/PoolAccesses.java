package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * What the readers of a pool have read in a step, one below the other: copies that outlive DL4J's
 * workspaces, in room that grows with the largest step and is used again.
 *
 * <p>All bags are as wide as the widest reader's. A narrower reader's are filled up with the first
 * slot of the bag and a weight of zero, which touches no other row and adds nothing to its
 * gradient.
 */
final class PoolAccesses {

  private final Rows slots = new Rows();
  private final Rows weights = new Rows();
  private final Rows readGradients = new Rows();
  private long width;

  /** Makes room for bags of this size. */
  void widen(long bagSize) {
    width = Math.max(width, bagSize);
  }

  /** Accesses of the widest bag. */
  long width() {
    return width;
  }

  boolean isEmpty() {
    return slots.count == 0;
  }

  /**
   * Adds the accesses of a reader.
   *
   * @param slots LONG [bags, bagSize], bagSize at most {@link #width}
   * @param weights [bags, bagSize]
   * @param readGradients [bags, valueSize]
   */
  void add(INDArray slots, INDArray weights, INDArray readGradients) {
    long bags = slots.size(0);
    long bagSize = slots.size(1);
    INDArray slotRows = this.slots.add(DataType.INT64, bags, width);
    INDArray weightRows = this.weights.add(weights.dataType(), bags, width);
    columns(slotRows, 0, bagSize).assign(slots);
    columns(weightRows, 0, bagSize).assign(weights);
    if (bagSize < width) {
      INDArray first = columns(slots, 0, 1);
      for (long k = bagSize; k < width; k++) {
        columns(slotRows, k, k + 1).assign(first);
      }
      columns(weightRows, bagSize, width).assign(0);
    }
    long valueSize = readGradients.size(1);
    this.readGradients.add(readGradients.dataType(), bags, valueSize).assign(readGradients);
  }

  private static INDArray columns(INDArray rows, long from, long to) {
    return rows.get(NDArrayIndex.all(), NDArrayIndex.interval(from, to));
  }

  /** LONG [bags, width]. */
  INDArray slots() {
    return slots.all();
  }

  /** [bags, width]. */
  INDArray weights() {
    return weights.all();
  }

  /** [bags, valueSize]. */
  INDArray readGradients() {
    return readGradients.all();
  }

  void clear() {
    slots.count = 0;
    weights.count = 0;
    readGradients.count = 0;
  }

  /** Rows of one matrix, in room that may be larger. */
  private static final class Rows {

    private INDArray room;
    private long width;
    private long count;

    /** So many more rows, to be assigned. */
    INDArray add(DataType type, long rows, long rowWidth) {
      width = rowWidth;
      long needed = (count + rows) * width;
      if (room == null || room.length() < needed) {
        INDArray larger = Nd4j.createUninitializedDetached(type, needed + needed / 4);
        if (count > 0) {
          larger.get(NDArrayIndex.interval(0, count * width)).assign(flat(0));
        }
        room = larger;
      }
      long before = count;
      count += rows;
      return flat(before).reshape('c', rows, width);
    }

    private INDArray flat(long from) {
      return room.get(NDArrayIndex.interval(from * width, count * width));
    }

    INDArray all() {
      return flat(0).reshape('c', count, width);
    }
  }
}
