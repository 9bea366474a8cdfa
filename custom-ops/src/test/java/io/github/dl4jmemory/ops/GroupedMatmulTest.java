package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

@ExtendWith(Seeded.class)
class GroupedMatmulTest {
  private static final long[] STARTS = {0, 0, 1, 3, 6, 6, 10, 15, 26, 26};
  private static final int ROWS = 26;
  private static final int GROUPS = 9;

  /** Double loops. */
  private static double[] oracle(INDArray rows, INDArray weights, long[] starts) {
    int nIn = (int) weights.size(1);
    int nOut = (int) weights.size(2);
    double[] out = new double[(int) rows.size(0) * nOut];
    for (int group = 0; group + 1 < starts.length; group++) {
      for (int row = (int) starts[group]; row < starts[group + 1]; row++) {
        for (int column = 0; column < nOut; column++) {
          for (int k = 0; k < nIn; k++) {
            out[row * nOut + column] +=
                rows.getDouble(row, k) * weights.getDouble(group, k, column);
          }
        }
      }
    }
    return out;
  }

  /** 0 to 11 rows a group; sizes around the widths at which vector code changes its path. */
  @Test
  void productsAreThoseOfTheOracle(Random random) {
    INDArray starts = Nd4j.createFromArray(STARTS);
    Tiers.each(
        (kernels, type) -> {
          for (int[] size : new int[][] {{1, 1}, {7, 5}, {8, 16}, {17, 31}, {23, 67}, {3, 1031}}) {
            INDArray rows = Elements.uniform(random, type, ROWS, size[0]);
            INDArray weights = Elements.uniform(random, type, GROUPS, size[0], size[1]);
            weights.tensorAlongDimension(4, 1, 2).assign(Double.NaN); // no rows: not read
            INDArray out = Elements.uniform(random, type, ROWS, size[1]);
            assertEquals(Kernels.OK, kernels.groupedMatmul(rows, weights, starts, out));
            double tolerance = AssertClose.tolerance(type, size[0], 1);
            AssertClose.close("out", oracle(rows, weights, STARTS), out, tolerance);
          }
        });
  }

  /** The bits of a row do not depend on the other rows. */
  @Test
  void aRowIsTheSameAloneAndAmongOthers(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray rows = Elements.uniform(random, type, 5, 23);
          INDArray weights = Elements.uniform(random, type, 1, 23, 37);
          INDArray together = Nd4j.create(type, 5, 37);
          INDArray alone = Nd4j.create(type, 1, 37);
          kernels.groupedMatmul(rows, weights, Nd4j.createFromArray(0L, 5L), together);
          for (int row = 0; row < 5; row++) {
            INDArray one = rows.getRow(row, true).dup('c');
            kernels.groupedMatmul(one, weights, Nd4j.createFromArray(0L, 1L), alone);
            AssertClose.same("row " + row, Elements.doubles(together.getRow(row)), alone);
          }
        });
  }

  /** Arrays of other orders, and starts as INT. */
  @Test
  void argumentsOfAnyOrder(Random random) {
    INDArray rows = Elements.uniform(random, DataType.FLOAT, 7, 3).transpose();
    INDArray weights = Elements.uniform(random, DataType.FLOAT, 5, 7, 2).permute(2, 1, 0);
    INDArray out = Nd4j.create(DataType.FLOAT, 5, 3).transpose();
    MemoryOps.groupedMatmul(rows, weights, Nd4j.createFromArray(0, 2, 3), out);
    AssertClose.close("out", oracle(rows, weights, new long[] {0, 2, 3}), out, 1e-5);
  }

  private static void refused(String message, Runnable action) {
    IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class, action::run);
    assertEquals("[groupedMatmul] " + message, refusal.getMessage());
  }

  private static INDArray floats(long... shape) {
    return Nd4j.create(DataType.FLOAT, shape);
  }

  @Test
  void refusals() {
    INDArray starts = Nd4j.createFromArray(0L, 2L, 3L);
    INDArray w = floats(2, 5, 7);
    refused(
        "weights: expected an array [groups, nIn, nOut], got null. Fix: pass an array",
        () -> MemoryOps.groupedMatmul(floats(3, 5), null, starts, floats(3, 7)));
    refused(
        "weights: expected FLOAT or DOUBLE, got INT (shape [2, 5, 7]). Fix: cast it with"
            + " castTo(FLOAT)",
        () ->
            MemoryOps.groupedMatmul(floats(3, 5), w.castTo(DataType.INT32), starts, floats(3, 7)));
    refused(
        "rows: expected [rows, nIn] of shape [any, 5], got rank 2 (shape [3, 4]). Fix: reshape the"
            + " array, or pass the arrays that belong together",
        () -> MemoryOps.groupedMatmul(floats(3, 4), w, starts, floats(3, 7)));
    refused(
        "rows: expected FLOAT, got DOUBLE (shape [3, 5]). Fix: cast it with castTo(FLOAT)",
        () ->
            MemoryOps.groupedMatmul(floats(3, 5).castTo(DataType.DOUBLE), w, starts, floats(3, 7)));
    refused(
        "out: expected [rows, nOut] of shape [3, 7], got rank 2 (shape [3, 6]). Fix: reshape the"
            + " array, or pass the arrays that belong together",
        () -> MemoryOps.groupedMatmul(floats(3, 5), w, starts, floats(3, 6)));
    for (long[] wrong : new long[][] {{1, 2, 3}, {0, 2, 2}, {0, 4, 3}, {0, -1, 3}}) {
      refused(
          "starts: expected numbers that ascend from 0 to the 3 rows, got others (shape [3]). Fix:"
              + " sort the rows by group, and count them",
          () ->
              MemoryOps.groupedMatmul(floats(3, 5), w, Nd4j.createFromArray(wrong), floats(3, 7)));
    }
    INDArray square = floats(3, 7);
    refused(
        "out: expected memory of its own, got memory shared with rows (shape [3, 7]). Fix: pass a"
            + " separate array",
        () -> MemoryOps.groupedMatmul(square, floats(2, 7, 7), starts, square));
  }
}
