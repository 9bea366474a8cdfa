package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Updates of the touched rows of a table in Java, a row a task. */
final class PortableUpdate<A> {
  private final Lanes<A> lanes;
  private final int valueSize;
  private final boolean byRow;
  private final Slab<long[]> rows;
  private final Slab<A> gradients;

  /** Null: the update replaces the gradient. */
  private final Slab<A> target;

  PortableUpdate(
      Lanes<A> lanes, INDArray rows, INDArray gradients, boolean byRow, INDArray target) {
    this.lanes = lanes;
    this.valueSize = Math.toIntExact(gradients.size(1));
    this.byRow = byRow;
    this.rows = Slab.longs(rows);
    this.gradients = lanes.slab(gradients);
    this.target = target == null ? null : lanes.slab(target);
  }

  /** The rows in hand of one thread. */
  private final class Row {
    final long[] number = new long[1];
    final A update = lanes.array(valueSize);
    final A m = lanes.array(valueSize);
    final A v = lanes.array(valueSize);
    long at;
    long gradientAt;

    void load(long j) {
      rows.read(j, number, 0, 1);
      at = number[0] * valueSize;
      gradientAt = byRow ? at : j * valueSize;
      gradients.read(gradientAt, update, 0, valueSize);
    }

    void store() {
      if (target == null) {
        gradients.write(gradientAt, update, 0, valueSize);
      } else {
        target.read(at, m, 0, valueSize);
        lanes.subtract(m, update, valueSize);
        target.write(at, m, 0, valueSize);
      }
    }
  }

  long adam(INDArray m, INDArray v, AdamStep step) {
    Slab<A> first = lanes.slab(m);
    Slab<A> second = lanes.slab(v);
    Parallel.run(
        rows.length(),
        Row::new,
        (j, row) -> {
          row.load(j);
          first.read(row.at, row.m, 0, valueSize);
          second.read(row.at, row.v, 0, valueSize);
          lanes.adam(row.update, row.m, row.v, valueSize, step);
          first.write(row.at, row.m, 0, valueSize);
          second.write(row.at, row.v, 0, valueSize);
          row.store();
        });
    return Kernels.OK;
  }

  long sgd(double stepSize) {
    Parallel.run(
        rows.length(),
        Row::new,
        (j, row) -> {
          row.load(j);
          lanes.scale(row.update, valueSize, stepSize);
          row.store();
        });
    return Kernels.OK;
  }

  static <A> long zero(Lanes<A> lanes, INDArray table, INDArray rows) {
    int valueSize = Math.toIntExact(table.size(1));
    Slab<A> out = lanes.slab(table);
    Slab<long[]> numbers = Slab.longs(rows);
    A zeros = lanes.array(valueSize);
    Parallel.run(
        rows.length(),
        () -> new long[1],
        (j, row) -> {
          numbers.read(j, row, 0, 1);
          out.write(row[0] * valueSize, zeros, 0, valueSize);
        });
    return Kernels.OK;
  }
}
