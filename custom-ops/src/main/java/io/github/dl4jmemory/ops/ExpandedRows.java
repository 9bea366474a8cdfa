package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The backward pass of {@link UltraMemOps#expandedBag} to its table, as that of a weighted bag: of
 * a table whose rows are the slices of the rows, with a bag for each block and slice. So the
 * updates of weighted bags serve, and no gradient of the table is formed:
 *
 * <pre>
 * rows.group(values, slots, blocks, weights, expansion);
 * MemoryOps.bagAdam(rows.table(values), rows.table(m), rows.table(v), rows.weights(),
 *     rows.gradients(outGradients), rows.touched(), step);
 * </pre>
 *
 * An object is scratch to be used again at every step; its memory is that of {@link TouchedRows}
 * for bags * bagSize * cores accesses, and bags * expansion * cores * bagSize weights. It is not
 * safe for use by several threads at once.
 */
public final class ExpandedRows {
  private static final String GROUPED = "call group(..) first";

  private final TouchedRows touched = new TouchedRows();
  private INDArray buffer;
  private INDArray weights;
  private long slotCount;
  private long valueSize;
  private long cores;
  private long bags;
  private long expansion;

  /** No rows, until {@link #group} is called. */
  public ExpandedRows() {}

  /**
   * Groups the accesses of a batch by row and slice, in place of what was grouped before. Cost: a
   * few passes over bags * bagSize * cores accesses.
   *
   * @param values [slots, valueSize] FLOAT or DOUBLE, for its shape and dtype
   * @param slots [bags, bagSize]
   * @param blocks [bags, bagSize] LONG or INT
   * @param weights [bags, bagSize, cores], dtype of values
   * @param expansion blocks, 1 or more
   * @throws IllegalArgumentException as {@link UltraMemOps#expandedBag}
   */
  public void group(
      INDArray values, INDArray slots, INDArray blocks, INDArray weights, int expansion) {
    Require require = Require.op("expandedRows");
    group(
        values,
        ExpandedBag.requireBags(require, values, slots, blocks, weights, expansion),
        weights,
        expansion);
  }

  /**
   * {@link #group(INDArray, INDArray, INDArray, INDArray, int)} for a table that is no array, such
   * as one in a file.
   *
   * @param slotCount rows of the table
   * @param rowSize values of a row, a multiple of cores
   * @param slots [bags, bagSize]
   * @param blocks [bags, bagSize] LONG or INT
   * @param weights [bags, bagSize, cores] FLOAT or DOUBLE
   * @param expansion blocks, 1 or more
   * @throws IllegalArgumentException as {@link UltraMemOps#expandedBag}
   */
  public void group(
      long slotCount,
      long rowSize,
      INDArray slots,
      INDArray blocks,
      INDArray weights,
      int expansion) {
    Require require = Require.op("expandedRows");
    group(
        slotCount,
        rowSize,
        ExpandedBag.requireBags(require, slotCount, rowSize, slots, blocks, weights, expansion),
        weights,
        expansion);
  }

  void group(INDArray values, ExpandedBag.Places places, INDArray given, int blockCount) {
    group(values.size(0), values.size(1), places, given, blockCount);
  }

  private void group(
      long rowCount, long rowSize, ExpandedBag.Places places, INDArray given, int blockCount) {
    slotCount = rowCount;
    valueSize = rowSize;
    cores = given.size(2);
    bags = given.size(0);
    expansion = blockCount;
    int count = Math.toIntExact(given.length());
    long[] slices = new long[count];
    long[] positions = new long[count];
    places(places, given.size(1), slices, positions);
    INDArray rows = Nd4j.createUninitialized(DataType.INT64, count);
    if (count > 0) {
      Slab.longs(rows).write(0, slices, 0, count);
    }
    touched.group(Require.op("expandedRows"), rows, slotCount * cores);
    touched.accesses().regard(bags * expansion * cores, given.size(1));
    room(given.dataType(), bags * expansion * cores, given.size(1));
    if (count > 0) {
      order(positions);
      fill(Lanes.of(given), Dense.in(given), positions);
    }
  }

  /** Row of the table of slices, and position among the weights, of every weight. */
  private void places(ExpandedBag.Places places, long bagSize, long[] slices, long[] positions) {
    int accesses = (int) (slices.length / cores);
    if (accesses == 0) {
      return;
    }
    long[] slot = new long[accesses];
    long[] block = new long[accesses];
    Slab.longs(places.slots()).read(0, slot, 0, accesses);
    Slab.longs(places.blocks()).read(0, block, 0, accesses);
    for (int i = 0; i < accesses; i++) {
      long bag = (i / bagSize * expansion + block[i]) * cores;
      for (int c = 0; c < cores; c++) {
        slices[(int) (i * cores) + c] = slot[i] * cores + c;
        positions[(int) (i * cores) + c] = (bag + c) * bagSize + i % bagSize;
      }
    }
  }

  /** Only the weights that stand at positions are ever read. */
  private void room(DataType type, long allBags, long bagSize) {
    long length = allBags * bagSize;
    if (buffer == null || buffer.dataType() != type || buffer.length() < length) {
      buffer = Nd4j.createUninitializedDetached(type, Math.max(1, length));
    }
    weights =
        length == 0
            ? Nd4j.create(type, allBags, bagSize)
            : buffer
                .get(org.nd4j.linalg.indexing.NDArrayIndex.interval(0, length))
                .reshape(allBags, bagSize);
  }

  private void order(long[] positions) {
    Slab<long[]> slab = Slab.longs(touched.accesses().order());
    long[] order = new long[positions.length];
    slab.read(0, order, 0, order.length);
    for (int i = 0; i < order.length; i++) {
      order[i] = positions[(int) order[i]];
    }
    slab.write(0, order, 0, order.length);
  }

  private <A> void fill(Lanes<A> lanes, INDArray given, long[] positions) {
    A from = lanes.array(positions.length);
    lanes.slab(given).read(0, from, 0, positions.length);
    int length = Math.toIntExact(weights.length());
    A to = lanes.array(length);
    for (int i = 0; i < positions.length; i++) {
      lanes.set(to, (int) positions[i], lanes.get(from, i));
    }
    lanes.slab(weights).write(0, to, 0, length);
  }

  /**
   * The rows touched, of the table of slices [slots * cores, valueSize / cores], with their
   * accesses.
   *
   * @return the rows; the next {@link #group} changes them
   */
  public TouchedRows touched() {
    return touched;
  }

  /**
   * The weights of the weighted bags.
   *
   * @return [bags * expansion * cores, bagSize]; a view that the next {@link #group} overwrites,
   *     which only the updates and gradients of weighted bags should read
   * @throws IllegalArgumentException before the first group
   */
  public INDArray weights() {
    if (weights == null) {
      throw Require.op("expandedRows").error("weights", "grouped bags", "none", GROUPED);
    }
    return weights;
  }

  /**
   * A table, or an array shaped like one, as a table of slices.
   *
   * @param table [slots, valueSize], contiguous, 'c' order
   * @return a view [slots * cores, valueSize / cores]
   * @throws IllegalArgumentException if the table is of another shape than grouped, or not
   *     contiguous
   */
  public INDArray table(INDArray table) {
    weights();
    Require require = Require.op("expandedRows");
    require.shape("table", table, "[slots, valueSize]", slotCount, valueSize);
    return view(require, "table", table, slotCount * cores);
  }

  /**
   * The output gradients as those of the weighted bags.
   *
   * @param outGradients [bags, expansion, valueSize], contiguous, 'c' order
   * @return a view [bags * expansion * cores, valueSize / cores]
   * @throws IllegalArgumentException if the array is of another shape than grouped, or not
   *     contiguous
   */
  public INDArray gradients(INDArray outGradients) {
    weights();
    Require require = Require.op("expandedRows");
    String axes = "[bags, expansion, valueSize]";
    require.shape("outGradients", outGradients, axes, bags, expansion, valueSize);
    return view(require, "outGradients", outGradients, bags * expansion * cores);
  }

  /** A reshaped array that is not contiguous would be a copy. */
  private INDArray view(Require require, String parameter, INDArray array, long rows) {
    if (!Dense.contiguous(array)) {
      throw require.error(
          parameter, "a contiguous array in 'c' order", "another", array, "pass array.dup('c')");
    }
    return array.reshape('c', rows, valueSize / cores);
  }
}
