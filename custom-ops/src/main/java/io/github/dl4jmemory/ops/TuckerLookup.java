package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Checks the arguments of the Tucker lookup and of its gradient, and calls the kernels. */
final class TuckerLookup {
  /** So that a slot is found by 16 bits for each side. */
  private static final long MOST_SUB_KEYS = 65_536;

  private static final String QUERY = "[batch, heads, 2, rank, keySize]";
  private static final String KEYS = "[heads, 2, rank, subKeys, keySize]";
  private static final String CORES = "[heads, cores, rank, rank]";
  private static final String FILTERS = "[heads, 2, rank]";
  private static final String TOP = "[batch, heads, topK]";

  private TuckerLookup() {}

  static INDArray filters(INDArray cores, INDArray previous) {
    Require require = Require.op("tuckerFilters");
    require.shape("cores", cores, CORES, ANY, ANY, ANY, ANY);
    require.shape("cores", cores, CORES, ANY, ANY, ANY, cores.size(2));
    require.floating("cores", cores);
    for (int axis = 0; axis < 3; axis++) {
      require.positive("cores", cores, axis, new String[] {"heads", "cores", "rank"}[axis]);
    }
    requireFinite(require, "cores", cores);
    if (previous != null) {
      require.shape("previous", previous, FILTERS, cores.size(0), 2, cores.size(2));
      require.type("previous", previous, cores.dataType());
      requireFinite(require, "previous", previous);
    }
    return TuckerFilters.of(cores, previous);
  }

  private static void requireFinite(Require require, String parameter, INDArray array) {
    for (double element : array.dup('c').data().asDouble()) {
      if (!Double.isFinite(element)) {
        throw require.error(
            parameter,
            "finite elements",
            Double.toString(element),
            array,
            "lower the learning rate");
      }
    }
  }

  static UltraMemOps.TuckerTopK find(
      INDArray query,
      INDArray keys,
      INDArray cores,
      INDArray filters,
      long topK,
      double keyEpsilon) {
    Require require = Require.op("tuckerTopK");
    requireKeys(require, query, keys, cores);
    require.shape("filters", filters, FILTERS, query.size(1), 2, query.size(3));
    require.type("filters", filters, query.dataType());
    requireTopK(require, topK, keys);
    long batch = query.size(0);
    long heads = query.size(1);
    INDArray scores = Nd4j.create(query.dataType(), batch, heads, topK, cores.size(1));
    INDArray slots = Nd4j.create(DataType.INT64, batch, heads, topK);
    if (batch > 0) {
      long status =
          KernelChoice.kernels()
              .ultraMem()
              .tuckerTopK(
                  Dense.in(query),
                  Dense.in(keys),
                  Dense.in(cores),
                  Dense.in(filters),
                  keyEpsilon,
                  scores,
                  slots);
      require.ok(status, "query", null, 0);
    }
    return new UltraMemOps.TuckerTopK(scores, slots);
  }

  static UltraMemOps.TuckerTopK findNormalised(
      INDArray query, INDArray keys, INDArray cores, INDArray filters, long topK, double epsilon) {
    if (!(epsilon > 0 && epsilon < Double.POSITIVE_INFINITY)) {
      throw Require.op("tuckerTopKOfNormalisedKeys")
          .error("epsilon", "a number > 0", Double.toString(epsilon), "use 1e-6");
    }
    return find(query, keys, cores, filters, topK, epsilon);
  }

  static UltraMemOps.TuckerTopKGradient gradient(
      INDArray query, INDArray keys, INDArray cores, INDArray slots, INDArray scoreGradients) {
    Require require = Require.op("tuckerTopKGradient");
    requireKeys(require, query, keys, cores);
    require.shape("slots", slots, TOP, query.size(0), query.size(1), ANY);
    INDArray longSlots = require.longs("slots", slots);
    requireTopK(require, slots.size(2), keys);
    String axes = "[batch, heads, topK, cores]";
    long[] shape = {query.size(0), query.size(1), slots.size(2), cores.size(1)};
    require.shape("scoreGradients", scoreGradients, axes, shape);
    require.type("scoreGradients", scoreGradients, query.dataType());
    INDArray dQuery = Nd4j.create(query.dataType(), query.shape());
    INDArray dKeys = Nd4j.create(query.dataType(), keys.shape());
    INDArray dCores = Nd4j.create(query.dataType(), cores.shape());
    if (!query.isEmpty()) {
      INDArray[] in = {query, keys, cores, longSlots, scoreGradients};
      for (int i = 0; i < in.length; i++) {
        in[i] = Dense.in(in[i]);
      }
      long status = KernelChoice.kernels().ultraMem().tuckerTopKGradient(in, dQuery, dKeys, dCores);
      long all = keys.size(3) * keys.size(3);
      String fix = "pass the slots that tuckerTopK found with these keys";
      ExpandedBag.requireInside(require, "slots", in[3], status, all, fix);
      require.ok(status, "slots", in[3], all);
    }
    return new UltraMemOps.TuckerTopKGradient(dQuery, dKeys, dCores);
  }

  private static void requireKeys(Require require, INDArray query, INDArray keys, INDArray cores) {
    require.shape("query", query, QUERY, ANY, ANY, 2, ANY, ANY);
    require.floating("query", query);
    require.positive("query", query, 1, "heads");
    require.positive("query", query, 3, "rank");
    require.positive("query", query, 4, "keySize");
    long rank = query.size(3);
    require.shape("keys", keys, KEYS, query.size(1), 2, rank, ANY, query.size(4));
    require.type("keys", keys, query.dataType());
    if (keys.size(3) < 1 || keys.size(3) > MOST_SUB_KEYS) {
      throw require.error(
          "keys",
          "1 to " + MOST_SUB_KEYS + " subKeys",
          Long.toString(keys.size(3)),
          keys,
          "use between 1 and " + MOST_SUB_KEYS + " keys on a side");
    }
    require.shape("cores", cores, CORES, query.size(1), ANY, rank, rank);
    require.positive("cores", cores, 1, "cores");
    require.type("cores", cores, query.dataType());
  }

  private static void requireTopK(Require require, long topK, INDArray keys) {
    if (topK < 1 || topK > keys.size(3)) {
      throw require.error(
          "topK",
          "1 to subKeys = " + keys.size(3),
          Long.toString(topK),
          keys,
          "use a smaller topK or more keys");
    }
  }
}
