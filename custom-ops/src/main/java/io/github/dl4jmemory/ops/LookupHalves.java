package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Checks the arguments of halfTopK and mergeHalves, and calls the kernels. */
final class LookupHalves {
  private static final String QUERY = "[batch, heads, keySize/2]";
  private static final String SUB_KEYS = "[heads, subKeys, keySize/2]";
  private static final String TOP = "[batch, heads, topK]";

  private LookupHalves() {}

  static MemoryOps.HalfTopK find(INDArray queryHalf, INDArray subKeysHalf, int topK) {
    Require require = Require.op("halfTopK");
    require.shape("queryHalf", queryHalf, QUERY, ANY, ANY, ANY);
    require.floating("queryHalf", queryHalf);
    require.positive("queryHalf", queryHalf, 1, "heads");
    require.positive("queryHalf", queryHalf, 2, "keySize/2");
    require.shape("subKeysHalf", subKeysHalf, SUB_KEYS, queryHalf.size(1), ANY, queryHalf.size(2));
    require.type("subKeysHalf", subKeysHalf, queryHalf.dataType());
    ProductKeyTopK.requireSubKeys(require, "subKeysHalf", subKeysHalf, subKeysHalf.size(1));
    ProductKeyTopK.requireTopK(require, topK, subKeysHalf, subKeysHalf.size(1));
    long[] shape = {queryHalf.size(0), queryHalf.size(1), topK};
    INDArray scores = Nd4j.createUninitialized(queryHalf.dataType(), shape, 'c');
    INDArray indices = Nd4j.createUninitialized(DataType.INT64, shape, 'c');
    if (!queryHalf.isEmpty()) {
      long status = KernelChoice.kernels().halfTopK(queryHalf, subKeysHalf, scores, indices);
      require.ok(status, "queryHalf", null, 0);
    }
    return new MemoryOps.HalfTopK(scores, indices);
  }

  static void merge(
      MemoryOps.HalfTopK first,
      MemoryOps.HalfTopK second,
      long subKeys,
      INDArray scoresOut,
      INDArray slotsOut) {
    Require require = Require.op("mergeHalves");
    Kernels.Half one = requireHalf(require, "first", first, scoresOut);
    Kernels.Half two = requireHalf(require, "second", second, scoresOut);
    ProductKeyTopK.requireSubKeys(require, "subKeys", scoresOut, subKeys);
    ProductKeyTopK.requireTopK(require, scoresOut.size(2), scoresOut, subKeys);
    require.shape("slotsOut", slotsOut, TOP, scoresOut.shape());
    require.type("slotsOut", slotsOut, DataType.INT64);
    requireApart(require, first, second, scoresOut, slotsOut);
    if (!scoresOut.isEmpty()) {
      run(require, one, two, subKeys, Dense.out(scoresOut), Dense.out(slotsOut));
    }
  }

  private static void requireApart(
      Require require,
      MemoryOps.HalfTopK first,
      MemoryOps.HalfTopK second,
      INDArray scoresOut,
      INDArray slotsOut) {
    require.apart("scoresOut", scoresOut, "first scores", first.scores());
    require.apart("scoresOut", scoresOut, "second scores", second.scores());
    require.apart("slotsOut", slotsOut, "first indices", first.indices());
    require.apart("slotsOut", slotsOut, "second indices", second.indices());
  }

  private static Kernels.Half requireHalf(
      Require require, String name, MemoryOps.HalfTopK half, INDArray scoresOut) {
    require.present(name, half);
    require.shape("scoresOut", scoresOut, TOP, ANY, ANY, ANY);
    require.floating("scoresOut", scoresOut);
    require.shape(name + " scores", half.scores(), TOP, scoresOut.shape());
    require.type(name + " scores", half.scores(), scoresOut.dataType());
    require.shape(name + " indices", half.indices(), TOP, scoresOut.shape());
    INDArray indices = require.longs(name + " indices", half.indices());
    return new Kernels.Half(rows(Dense.in(half.scores())), rows(Dense.in(indices)));
  }

  /** [batch, heads, topK] as [queries, topK]; empty arrays are not looked at. */
  private static INDArray rows(INDArray dense) {
    return dense.isEmpty()
        ? dense
        : dense.reshape('c', dense.length() / dense.size(2), dense.size(2));
  }

  private static void run(
      Require require,
      Kernels.Half first,
      Kernels.Half second,
      long subKeys,
      Dense scores,
      Dense slots) {
    long status =
        KernelChoice.kernels()
            .mergeHalves(first, second, subKeys, rows(scores.array()), rows(slots.array()));
    if ((status & 0xff) == Kernels.OUT_OF_RANGE) {
      throw wrongIndex(require, first, second, subKeys, status >>> 8);
    }
    require.ok(status, "scores", null, 0);
    scores.publish();
    slots.publish();
  }

  private static IllegalArgumentException wrongIndex(
      Require require, Kernels.Half first, Kernels.Half second, long subKeys, long where) {
    long count = first.indices().length();
    INDArray indices = where < count ? first.indices() : second.indices();
    return require.error(
        (where < count ? "first" : "second") + " indices",
        "distinct sub-keys in [0, " + subKeys + ") for every query",
        indices.getLong(where % count) + " at flat index " + where % count,
        indices,
        "pass what halfTopK gave for sub-keys of this size");
  }
}
