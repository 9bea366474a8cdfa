package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Checks the arguments of groupedMatmul, and calls the kernels. */
final class GroupedMatmul {
  private GroupedMatmul() {}

  static void run(INDArray rows, INDArray weights, INDArray starts, INDArray out) {
    Require require = Require.op("groupedMatmul");
    require.shape("weights", weights, "[groups, nIn, nOut]", ANY, ANY, ANY);
    require.floating("weights", weights);
    for (int axis = 0; axis < 3; axis++) {
      require.positive("weights", weights, axis, List.of("groups", "nIn", "nOut").get(axis));
    }
    require.shape("rows", rows, "[rows, nIn]", ANY, weights.size(1));
    require.type("rows", rows, weights.dataType());
    require.shape("starts", starts, "[groups + 1]", weights.size(0) + 1);
    INDArray from = Dense.in(require.longs("starts", starts));
    requireAscending(require, from, rows.size(0));
    require.shape("out", out, "[rows, nOut]", rows.size(0), weights.size(2));
    require.type("out", out, weights.dataType());
    require.apart(List.of("out", "rows"), out, rows);
    require.apart(List.of("out", "weights"), out, weights);
    if (rows.isEmpty()) {
      return;
    }
    Dense result = Dense.out(out);
    long status =
        KernelChoice.kernels()
            .groupedMatmul(Dense.in(rows), Dense.in(weights), from, result.array());
    require.ok(status, "rows", from, weights.size(0));
    result.publish();
  }

  private static void requireAscending(Require require, INDArray starts, long rows) {
    long[] all = new long[Math.toIntExact(starts.length())];
    Slab.longs(starts).read(0, all, 0, all.length);
    boolean right = all[0] == 0 && all[all.length - 1] == rows;
    for (int i = 1; i < all.length; i++) {
      right &= all[i - 1] <= all[i];
    }
    if (!right) {
      throw require.error(
          "starts",
          "numbers that ascend from 0 to the " + rows + " rows",
          "others",
          starts,
          "sort the rows by group, and count them");
    }
  }
}
