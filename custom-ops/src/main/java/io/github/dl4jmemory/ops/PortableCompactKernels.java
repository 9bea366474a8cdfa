package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** The kernels of compact tables in Java: rows are decoded, and the arithmetic is that of float. */
final class PortableCompactKernels implements CompactKernels {
  private static final FloatLanes LANES = new FloatLanes();

  @Override
  public long weightedBag(CompactTable table, INDArray slots, INDArray weights, INDArray out) {
    return PortableBag.forward(LANES, TableRows.of(table, 0), slots, weights, out);
  }

  @Override
  public long weightedBagWeightGradient(
      CompactTable table, INDArray slots, INDArray outGradients, INDArray weightGradients) {
    return PortableBag.weightGradient(
        LANES, TableRows.of(table, 0), slots, outGradients, weightGradients);
  }

  @Override
  public long bagAdam(
      CompactTable table,
      INDArray m,
      INDArray v,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      AdamStep step,
      long seed) {
    return new PortableBagUpdate<>(
            LANES, TableRows.of(table, seed), weights, outGradients, accesses)
        .adam(m, v, step);
  }

  @Override
  public long bagSgd(
      CompactTable table,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      double stepSize,
      long seed) {
    return new PortableBagUpdate<>(
            LANES, TableRows.of(table, seed), weights, outGradients, accesses)
        .sgd(stepSize);
  }

  @Override
  public long readRows(CompactTable table, INDArray rows, INDArray out) {
    Slab<long[]> numbers = Slab.longs(rows);
    long status = PortableBag.range(numbers, table.slots());
    if (status == Kernels.OK) {
      copy(numbers, TableRows.of(table, 0), true, TableRows.of(LANES, out));
    }
    return status;
  }

  @Override
  public void writeRows(CompactTable table, INDArray rows, INDArray source, long seed) {
    copy(Slab.longs(rows), TableRows.of(table, seed), false, TableRows.of(LANES, source));
  }

  /** Rows of the table to the rows of an array in their order, or the other way. */
  private static void copy(
      Slab<long[]> numbers, TableRows<float[]> table, boolean read, TableRows<float[]> array) {
    final class Scratch {
      final long[] number = new long[1];
      final float[] row = new float[table.valueSize()];
    }
    Parallel.run(
        numbers.length(),
        Scratch::new,
        (j, mine) -> {
          numbers.read(j, mine.number, 0, 1);
          if (read) {
            table.read(mine.number[0], mine.row);
            array.write(j, mine.row);
          } else {
            array.read(j, mine.row);
            table.write(mine.number[0], mine.row);
          }
        });
  }

  @Override
  public long initialiseNormal(CompactTable table, double deviation, long seed) {
    TableRows<float[]> rows = TableRows.of(table, ~seed);
    final class Scratch {
      final NormalRow normal = new NormalRow(seed, deviation);
      final float[] row = new float[rows.valueSize()];
    }
    Parallel.run(
        rows.slots(),
        Scratch::new,
        (row, mine) -> {
          mine.normal.fill(row, mine.row, rows.valueSize());
          rows.write(row, mine.row);
        });
    return Kernels.OK;
  }
}
