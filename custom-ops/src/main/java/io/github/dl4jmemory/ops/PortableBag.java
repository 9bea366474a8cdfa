package io.github.dl4jmemory.ops;

import java.util.concurrent.atomic.AtomicLong;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The weighted bag and its gradient in Java. */
final class PortableBag {
  private static final int ROWS_AT_ONCE = 8;
  private static final int BLOCK = 4096;

  private PortableBag() {}

  /** OK, or the first slot that is outside [0, slotCount). */
  static long range(Slab<long[]> slots, long slotCount) {
    long length = slots.length();
    AtomicLong first = new AtomicLong(Long.MAX_VALUE);
    Parallel.run(
        (length + BLOCK - 1) / BLOCK,
        () -> new long[(int) Math.min(BLOCK, length)],
        (task, block) -> {
          long from = task * BLOCK;
          int count = (int) Math.min(BLOCK, length - from);
          slots.read(from, block, 0, count);
          for (int i = 0; i < count; i++) {
            if (block[i] < 0 || block[i] >= slotCount) {
              first.accumulateAndGet(from + i, Math::min);
              return;
            }
          }
        });
    long where = first.get();
    return where == Long.MAX_VALUE ? Kernels.OK : where << 8 | Kernels.OUT_OF_RANGE;
  }

  static <A> long forward(
      Lanes<A> lanes, TableRows<A> table, INDArray slots, INDArray weights, INDArray out) {
    int bagSize = Math.toIntExact(slots.size(1));
    int valueSize = table.valueSize();
    Slab<long[]> at = Slab.longs(slots);
    long status = range(at, table.slots());
    if (status != Kernels.OK) {
      return status;
    }
    Slab<A> w = lanes.slab(weights);
    Slab<A> sums = lanes.slab(out);
    final class Scratch {
      final long[] slots = new long[bagSize];
      final A weights = lanes.array(bagSize);
      final A[] rows = lanes.arrays(Math.min(bagSize, ROWS_AT_ONCE), valueSize);
      final A sum = lanes.array(valueSize);
    }
    Parallel.run(
        slots.size(0),
        Scratch::new,
        (bag, mine) -> {
          at.read(bag * bagSize, mine.slots, 0, bagSize);
          w.read(bag * bagSize, mine.weights, 0, bagSize);
          lanes.zero(mine.sum, valueSize);
          for (int k = 0; k < bagSize; k += ROWS_AT_ONCE) {
            int count = Math.min(ROWS_AT_ONCE, bagSize - k);
            for (int r = 0; r < count; r++) {
              table.read(mine.slots[k + r], mine.rows[r]);
            }
            lanes.addRows(mine.sum, mine.weights, k, mine.rows, count, valueSize);
          }
          sums.write(bag * valueSize, mine.sum, 0, valueSize);
        });
    return Kernels.OK;
  }

  static <A> long gradient(
      Lanes<A> lanes,
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      INDArray rowGradients,
      boolean byRow,
      INDArray weightGradients) {
    long bagSize = weights.size(1);
    int valueSize = Math.toIntExact(values.size(1));
    Slab<A> table = lanes.slab(values);
    Slab<A> w = lanes.slab(weights);
    Slab<A> gradients = lanes.slab(outGradients);
    Slab<A> rowsOut = rowGradients == null ? null : lanes.slab(rowGradients);
    Slab<A> weightsOut = weightGradients == null ? null : lanes.slab(weightGradients);
    Slab<long[]> order = Slab.longs(accesses.order());
    Slab<long[]> rows = Slab.longs(accesses.rows());
    Slab<long[]> starts = Slab.longs(accesses.starts());
    final class Scratch {
      final long[] row = new long[1];
      final long[] bounds = new long[2];
      final long[] access = new long[1];
      final A one = lanes.array(1);
      final A value = lanes.array(valueSize);
      final A gradient = lanes.array(valueSize);
      final A sum = lanes.array(valueSize);
      final A products = lanes.array(valueSize);
    }
    Parallel.run(
        accesses.rows().length(),
        Scratch::new,
        (j, mine) -> {
          rows.read(j, mine.row, 0, 1);
          starts.read(j, mine.bounds, 0, 2);
          table.read(mine.row[0] * valueSize, mine.value, 0, valueSize);
          lanes.zero(mine.sum, valueSize);
          for (long a = mine.bounds[0]; a < mine.bounds[1]; a++) {
            order.read(a, mine.access, 0, 1);
            long access = mine.access[0];
            w.read(access, mine.one, 0, 1);
            gradients.read(access / bagSize * valueSize, mine.gradient, 0, valueSize);
            if (rowsOut != null) {
              lanes.addRow(mine.sum, lanes.get(mine.one, 0), mine.gradient, valueSize);
            }
            if (weightsOut != null) {
              double dot = lanes.dot(mine.gradient, mine.value, valueSize, mine.products);
              lanes.set(mine.one, 0, dot);
              weightsOut.write(access, mine.one, 0, 1);
            }
          }
          if (rowsOut != null) {
            rowsOut.write((byRow ? mine.row[0] : j) * valueSize, mine.sum, 0, valueSize);
          }
        });
    return Kernels.OK;
  }

  static <A> long weightGradient(
      Lanes<A> lanes,
      TableRows<A> table,
      INDArray slots,
      INDArray outGradients,
      INDArray weightGradients) {
    int bagSize = Math.toIntExact(slots.size(1));
    int valueSize = table.valueSize();
    Slab<long[]> at = Slab.longs(slots);
    long status = range(at, table.slots());
    if (status != Kernels.OK) {
      return status;
    }
    Slab<A> gradients = lanes.slab(outGradients);
    Slab<A> weightsOut = lanes.slab(weightGradients);
    final class Scratch {
      final long[] slots = new long[bagSize];
      final A dots = lanes.array(bagSize);
      final A value = lanes.array(valueSize);
      final A gradient = lanes.array(valueSize);
      final A products = lanes.array(valueSize);
    }
    Parallel.run(
        slots.size(0),
        Scratch::new,
        (bag, mine) -> {
          at.read(bag * bagSize, mine.slots, 0, bagSize);
          gradients.read(bag * valueSize, mine.gradient, 0, valueSize);
          for (int k = 0; k < bagSize; k++) {
            table.read(mine.slots[k], mine.value);
            lanes.set(mine.dots, k, lanes.dot(mine.gradient, mine.value, valueSize, mine.products));
          }
          weightsOut.write(bag * bagSize, mine.dots, 0, bagSize);
        });
    return Kernels.OK;
  }
}
