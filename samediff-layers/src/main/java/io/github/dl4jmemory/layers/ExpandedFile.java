package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.CompactTable;
import io.github.dl4jmemory.ops.ExpandedRows;
import io.github.dl4jmemory.ops.MemoryOps;
import io.github.dl4jmemory.ops.UltraMemOps;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.INDArrayIndex;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * A value table in a file, whose rows are the slices of the values: the slices of one value row
 * stand side by side. Rows are decoded to float32 in memory, as many at a time as the window holds.
 */
final class ExpandedFile implements ExpandedValues {

  private static final INDArrayIndex ALL = NDArrayIndex.all();

  private final FileTable slices;
  private final int cores;
  private final ExpandedRows rows = new ExpandedRows();

  /** A table whose rows are slices of 1/cores of the values. */
  ExpandedFile(FileTable slices, int cores) {
    this.slices = slices;
    this.cores = cores;
  }

  private long slots() {
    return slices.layout().slots() / cores;
  }

  private long valueSize() {
    return slices.layout().valueSize() * cores;
  }

  /** Bags whose rows are in memory: positions [bags, bagSize] say where in the values. */
  private interface Part {
    void use(INDArray values, INDArray positions, INDArrayIndex bags);
  }

  private void inParts(INDArray slots, Part part) {
    long bagSize = slots.size(1);
    slices.inParts(
        slicesOf(slots),
        Math.toIntExact(bagSize * cores),
        slices.window().mostDecoded(),
        (table, bags) -> {
          long count = table.slots() / cores;
          INDArray values = decoded(table).reshape('c', count, valueSize());
          part.use(values, FileTable.places(count).reshape(count / bagSize, bagSize), bags);
        });
  }

  /** The rows of the file, access by access. */
  private long[] slicesOf(INDArray slots) {
    long[] all = slots.dup('c').data().asLong();
    long[] each = new long[Math.multiplyExact(all.length, cores)];
    for (int i = 0; i < each.length; i++) {
      each[i] = all[i / cores] * cores + i % cores;
    }
    return each;
  }

  private static INDArray decoded(CompactTable table) {
    return table.values().dataType() == DataType.FLOAT
        ? table.values()
        : MemoryOps.readRows(table, FileTable.places(table.slots()));
  }

  @Override
  public INDArray read(INDArray slots, INDArray blocks, INDArray weights, int expansion) {
    INDArray out = Nd4j.createUninitialized(DataType.FLOAT, slots.size(0), expansion, valueSize());
    inParts(
        slots,
        (values, positions, bags) ->
            out.get(bags, ALL, ALL)
                .assign(
                    UltraMemOps.expandedBag(
                        values,
                        positions,
                        blocks.get(bags, ALL),
                        weights.get(bags, ALL, ALL),
                        expansion)));
    return out;
  }

  @Override
  public INDArray backward(
      INDArray slots, INDArray blocks, INDArray weights, INDArray outGradients) {
    int expansion = Math.toIntExact(outGradients.size(1));
    rows.group(slots(), valueSize(), slots, blocks, weights, expansion);
    slices.backward(rows.touched(), rows.weights(), rows.gradients(outGradients));
    INDArray weightGradient = Nd4j.createUninitialized(DataType.FLOAT, weights.shape());
    inParts(
        slots,
        (values, positions, bags) ->
            weightGradient
                .get(bags, ALL, ALL)
                .assign(
                    UltraMemOps.expandedBagWeightGradient(
                        values,
                        positions,
                        blocks.get(bags, ALL),
                        outGradients.get(bags, ALL, ALL),
                        cores)));
    return weightGradient;
  }

  @Override
  public void backwardOfNothing() {
    slices.backwardOfNothing();
  }
}
