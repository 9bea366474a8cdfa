package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Products of sorted rows with the matrices of their groups, in Java. */
final class PortableGroupedMatmul {
  private static final int INNER = 8; // rows of a matrix at a time
  private static final int COLUMNS = 512; // of a task

  private PortableGroupedMatmul() {}

  static <A> long run(
      Lanes<A> lanes, INDArray rows, INDArray weights, INDArray starts, INDArray out) {
    int nIn = Math.toIntExact(weights.size(1));
    long nOut = weights.size(2);
    long parts = (nOut + COLUMNS - 1) / COLUMNS;
    Slab<A> x = lanes.slab(rows);
    Slab<A> w = lanes.slab(weights);
    Slab<A> y = lanes.slab(out);
    Slab<long[]> first = Slab.longs(starts);
    final class Scratch {
      final long[] bounds = new long[2];
      final A[] weights = lanes.arrays(INNER, COLUMNS);
    }
    Parallel.run(
        weights.size(0) * parts,
        Scratch::new,
        (task, mine) -> {
          long group = task / parts;
          long column = task % parts * COLUMNS;
          int columns = (int) Math.min(COLUMNS, nOut - column);
          first.read(group, mine.bounds, 0, 2);
          int count = Math.toIntExact(mine.bounds[1] - mine.bounds[0]);
          if (count == 0) {
            return;
          }
          A[] in = lanes.arrays(count, nIn);
          A[] sums = lanes.arrays(count, columns);
          for (int r = 0; r < count; r++) {
            x.read((mine.bounds[0] + r) * nIn, in[r], 0, nIn);
          }
          for (int k = 0; k < nIn; k += INNER) {
            int inner = Math.min(INNER, nIn - k);
            for (int i = 0; i < inner; i++) {
              w.read((group * nIn + k + i) * nOut + column, mine.weights[i], 0, columns);
            }
            for (int r = 0; r < count; r++) {
              lanes.addRows(sums[r], in[r], k, mine.weights, inner, columns);
            }
          }
          for (int r = 0; r < count; r++) {
            y.write((mine.bounds[0] + r) * nOut + column, sums[r], 0, columns);
          }
        });
    return Kernels.OK;
  }
}
