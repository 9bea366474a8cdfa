package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Gradient of a weighted bag with respect to its table and the update of the table in Java, a row a
 * task: the gradient of a row stands in an array of the thread only.
 */
final class PortableBagUpdate<A> {
  private final Lanes<A> lanes;
  private final int valueSize;
  private final long bagSize;
  private final long rowCount;
  private final TableRows<A> table;
  private final Slab<A> weights;
  private final Slab<A> outGradients;
  private final Slab<long[]> order;
  private final Slab<long[]> rows;
  private final Slab<long[]> numbers;
  private final Slab<long[]> starts;

  PortableBagUpdate(
      Lanes<A> lanes,
      TableRows<A> table,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses) {
    this.lanes = lanes;
    this.valueSize = table.valueSize();
    this.bagSize = weights.size(1);
    this.rowCount = accesses.rows().length();
    this.table = table;
    this.weights = lanes.slab(weights);
    this.outGradients = lanes.slab(outGradients);
    this.order = Slab.longs(accesses.order());
    this.rows = Slab.longs(accesses.rows());
    this.numbers = Slab.longs(accesses.numbers());
    this.starts = Slab.longs(accesses.starts());
  }

  /** The row in hand of one thread. */
  private final class Row {
    final long[] position = new long[1];
    final long[] number = new long[1];
    final long[] bounds = new long[2];
    final long[] access = new long[1];
    final A weight = lanes.array(1);
    final A out = lanes.array(valueSize);
    final A update = lanes.array(valueSize);
    final A m = lanes.array(valueSize);
    final A v = lanes.array(valueSize);
    long at;

    /** The gradient of the row, in the order of its accesses. */
    void sum(long j) {
      rows.read(j, position, 0, 1);
      numbers.read(j, number, 0, 1);
      starts.read(j, bounds, 0, 2);
      at = position[0] * valueSize;
      lanes.zero(update, valueSize);
      for (long a = bounds[0]; a < bounds[1]; a++) {
        order.read(a, access, 0, 1);
        weights.read(access[0], weight, 0, 1);
        outGradients.read(access[0] / bagSize * valueSize, out, 0, valueSize);
        lanes.addRow(update, lanes.get(weight, 0), out, valueSize);
      }
    }

    void subtract() {
      table.read(position[0], out);
      lanes.subtract(out, update, valueSize);
      table.write(position[0], number[0], out);
    }
  }

  long adam(INDArray m, INDArray v, AdamStep step) {
    Slab<A> first = lanes.slab(m);
    Slab<A> second = lanes.slab(v);
    Parallel.run(
        rowCount,
        Row::new,
        (j, row) -> {
          row.sum(j);
          first.read(row.at, row.m, 0, valueSize);
          second.read(row.at, row.v, 0, valueSize);
          lanes.adam(row.update, row.m, row.v, valueSize, step);
          first.write(row.at, row.m, 0, valueSize);
          second.write(row.at, row.v, 0, valueSize);
          row.subtract();
        });
    return Kernels.OK;
  }

  long sgd(double stepSize) {
    Parallel.run(
        rowCount,
        Row::new,
        (j, row) -> {
          row.sum(j);
          lanes.scale(row.update, valueSize, stepSize);
          row.subtract();
        });
    return Kernels.OK;
  }
}
