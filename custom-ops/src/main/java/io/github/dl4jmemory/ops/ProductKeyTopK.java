package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Checks the arguments of productKeyTopK and of its gradient, and calls the kernels. */
final class ProductKeyTopK {
  /** So that a slot is found by 16 bits for each half. */
  private static final long MOST_SUB_KEYS = 65_536;

  private static final String QUERY = "[batch, heads, keySize]";
  private static final String SUB_KEYS = "[heads, 2, subKeys, keySize/2]";
  private static final String TOP = "[batch, heads, topK]";

  private ProductKeyTopK() {}

  static MemoryOps.TopK find(INDArray query, INDArray subKeys, int topK) {
    Require require = Require.op("productKeyTopK");
    requireKeys(require, query, subKeys);
    requireTopK(require, topK, subKeys);
    long[] shape = {query.size(0), query.size(1), topK};
    INDArray scores = Nd4j.create(query.dataType(), shape);
    INDArray slots = Nd4j.create(DataType.INT64, shape);
    find(query, subKeys, scores, slots);
    return new MemoryOps.TopK(scores, slots);
  }

  static void find(INDArray query, INDArray subKeys, INDArray scoresOut, INDArray slotsOut) {
    Require require = Require.op("productKeyTopK");
    requireKeys(require, query, subKeys);
    require.shape("scoresOut", scoresOut, TOP, query.size(0), query.size(1), ANY);
    require.type("scoresOut", scoresOut, query.dataType());
    requireTopK(require, scoresOut.size(2), subKeys);
    require.shape("slotsOut", slotsOut, TOP, scoresOut.shape());
    require.type("slotsOut", slotsOut, DataType.INT64);
    requireApart(require, query, subKeys, scoresOut, slotsOut);
    if (!query.isEmpty()) {
      run(require, Dense.in(query), Dense.in(subKeys), Dense.out(scoresOut), Dense.out(slotsOut));
    }
  }

  private static void requireApart(
      Require require, INDArray query, INDArray subKeys, INDArray scoresOut, INDArray slotsOut) {
    require.apart("scoresOut", scoresOut, "query", query);
    require.apart("scoresOut", scoresOut, "subKeys", subKeys);
    require.apart("slotsOut", slotsOut, "query", query);
    require.apart("slotsOut", slotsOut, "subKeys", subKeys);
    require.apart("slotsOut", slotsOut, "scoresOut", scoresOut);
  }

  private static void run(
      Require require, INDArray query, INDArray subKeys, Dense scores, Dense slots) {
    long status =
        KernelChoice.kernels().productKeyTopK(query, subKeys, scores.array(), slots.array());
    require.ok(status, "query", null, 0);
    scores.publish();
    slots.publish();
  }

  static MemoryOps.TopKGradient gradient(
      INDArray query, INDArray subKeys, INDArray slots, INDArray scoreGradients) {
    requireKeys(Require.op("productKeyTopKGradient"), query, subKeys);
    INDArray dq = Nd4j.create(query.dataType(), query.shape());
    INDArray dk = Nd4j.create(query.dataType(), subKeys.shape());
    gradient(query, subKeys, slots, scoreGradients, dq, dk);
    return new MemoryOps.TopKGradient(dq, dk);
  }

  static void gradient(
      INDArray query,
      INDArray subKeys,
      INDArray slots,
      INDArray scoreGradients,
      INDArray queryGradientsOut,
      INDArray subKeyGradientsOut) {
    Require require = Require.op("productKeyTopKGradient");
    requireKeys(require, query, subKeys);
    INDArray longSlots = requireFound(require, query, subKeys, slots, scoreGradients);
    require.shape("queryGradientsOut", queryGradientsOut, QUERY, query.shape());
    require.type("queryGradientsOut", queryGradientsOut, query.dataType());
    require.shape("subKeyGradientsOut", subKeyGradientsOut, SUB_KEYS, subKeys.shape());
    require.type("subKeyGradientsOut", subKeyGradientsOut, query.dataType());
    requireApart(
        require,
        new INDArray[] {query, subKeys, slots, scoreGradients},
        queryGradientsOut,
        subKeyGradientsOut);
    if (query.isEmpty()) {
      subKeyGradientsOut.assign(0);
      return;
    }
    INDArray[] in = {
      Dense.in(query), Dense.in(subKeys), Dense.in(longSlots), Dense.in(scoreGradients)
    };
    runGradient(require, in, Dense.out(queryGradientsOut), Dense.out(subKeyGradientsOut));
  }

  private static void requireApart(
      Require require, INDArray[] in, INDArray queryGradientsOut, INDArray subKeyGradientsOut) {
    String[] names = {"query", "subKeys", "slots", "scoreGradients"};
    for (int i = 0; i < in.length; i++) {
      require.apart("queryGradientsOut", queryGradientsOut, names[i], in[i]);
      require.apart("subKeyGradientsOut", subKeyGradientsOut, names[i], in[i]);
    }
    require.apart("subKeyGradientsOut", subKeyGradientsOut, "queryGradientsOut", queryGradientsOut);
  }

  /** Query, subKeys, slots, scoreGradients to their two gradients. */
  private static void runGradient(Require require, INDArray[] in, Dense dq, Dense dk) {
    long status =
        KernelChoice.kernels()
            .productKeyTopKGradient(in[0], in[1], in[2], in[3], dq.array(), dk.array());
    long n = in[1].size(2);
    require.ok(status, "slots", in[2], n * n);
    dq.publish();
    dk.publish();
  }

  private static void requireKeys(Require require, INDArray query, INDArray subKeys) {
    require.shape("query", query, QUERY, ANY, ANY, ANY);
    require.floating("query", query);
    require.positive("query", query, 1, "heads");
    require.positive("query", query, 2, "keySize");
    long keySize = query.size(2);
    if (keySize % 2 != 0) {
      throw require.error(
          "query", "an even keySize", "keySize " + keySize, query, "use two halves of equal size");
    }
    require.shape("subKeys", subKeys, SUB_KEYS, query.size(1), 2, ANY, keySize / 2);
    requireSubKeys(require, "subKeys", subKeys, subKeys.size(2));
    require.type("subKeys", subKeys, query.dataType());
  }

  static void requireSubKeys(Require require, String parameter, INDArray shown, long n) {
    if (n < 1 || n > MOST_SUB_KEYS) {
      throw require.error(
          parameter,
          "1 to " + MOST_SUB_KEYS,
          Long.toString(n),
          shown,
          "use between 1 and " + MOST_SUB_KEYS + " keys on a side");
    }
  }

  private static void requireTopK(Require require, long topK, INDArray subKeys) {
    requireTopK(require, topK, subKeys, subKeys.size(2));
  }

  static void requireTopK(Require require, long topK, INDArray shown, long n) {
    if (topK < 1 || topK > n) {
      throw require.error(
          "topK",
          "1 to subKeys = " + n,
          Long.toString(topK),
          shown,
          "use a smaller topK or more sub-keys");
    }
  }

  /** What a lookup found, and its gradients; the slots as LONG. */
  private static INDArray requireFound(
      Require require, INDArray query, INDArray subKeys, INDArray slots, INDArray scoreGradients) {
    require.shape("slots", slots, TOP, query.size(0), query.size(1), ANY);
    INDArray longSlots = require.longs("slots", slots);
    requireTopK(require, slots.size(2), subKeys);
    require.shape("scoreGradients", scoreGradients, TOP, slots.shape());
    require.type("scoreGradients", scoreGradients, query.dataType());
    return longSlots;
  }
}
