package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Checks the arguments of decodeAttention, and calls the kernels. */
final class DecodeAttention {
  private static final String QUERY = "[batch, heads, headSize]";
  private static final String KEYS = "[batch, keyValueHeads, capacity, headSize]";
  private static final String TABLE = "[positions, rotary / 2]";

  private final Require require = Require.op("decodeAttention");
  private final DecodeInput in;
  private final INDArray weights;
  private final INDArray out;

  private DecodeAttention(DecodeInput in, INDArray weights, INDArray out) {
    this.in = in;
    this.weights = weights;
    this.out = out;
  }

  static void attend(DecodeInput in, INDArray weights, INDArray out) {
    new DecodeAttention(in, weights, out).run();
  }

  private void run() {
    requireCache();
    INDArray counts = Dense.in(requireCounts());
    requireRotation();
    requireResults();
    if (in.query().isEmpty()) {
      return;
    }
    Dense result = Dense.out(out);
    boolean turns = in.cosines() != null;
    DecodeInput dense =
        new DecodeInput(
            Dense.in(in.query()),
            in.keys(),
            in.values(),
            counts,
            turns ? Dense.in(in.cosines()) : null,
            turns ? Dense.in(in.sines()) : null);
    long status = KernelChoice.kernels().decode().attend(dense, weights, result.array());
    require.ok(status, "query", in.query(), 0);
    result.publish();
  }

  private void requireCache() {
    INDArray query = in.query();
    require.shape("query", query, QUERY, ANY, ANY, ANY);
    require.floating("query", query);
    require.positive("query", query, 1, "heads");
    require.positive("query", query, 2, "headSize");
    require.shape("keys", in.keys(), KEYS, query.size(0), ANY, ANY, query.size(2));
    require.type("keys", in.keys(), query.dataType());
    long groups = in.keys().size(1);
    if (groups < 1 || query.size(1) % groups != 0) {
      throw require.error(
          "keys",
          "a number of keyValueHeads that divides the " + query.size(1) + " heads of the query",
          Long.toString(groups),
          in.keys(),
          "pass keys of as many heads, or of a part of them");
    }
    require.positive("keys", in.keys(), 2, "capacity");
    require.shape("values", in.values(), KEYS, in.keys().shape());
    require.type("values", in.values(), query.dataType());
    requireInPlace("keys", in.keys());
    requireInPlace("values", in.values());
  }

  /** Arrays of this size are never copied. */
  private void requireInPlace(String parameter, INDArray array) {
    if (!Dense.contiguous(array)) {
      throw require.error(
          parameter,
          "a contiguous array in 'c' order",
          "strides " + Arrays.toString(array.stride()),
          array,
          "keep the cache in 'c' order");
    }
  }

  private INDArray requireCounts() {
    require.shape("counts", in.counts(), "[batch]", in.query().size(0));
    INDArray counts = require.longs("counts", in.counts());
    for (long row = 0; row < counts.length(); row++) {
      long count = counts.getLong(row);
      if (count < 0 || count > in.capacity()) {
        throw require.error(
            "counts",
            "numbers of keys in [0, capacity " + in.capacity() + "]",
            count + " in row " + row,
            in.counts(),
            "pass the number of keys that each row holds");
      }
    }
    return counts;
  }

  private void requireRotation() {
    INDArray cosines = in.cosines();
    if (cosines == null && in.sines() == null) {
      return;
    }
    require.shape("cosines", cosines, TABLE, ANY, ANY);
    require.type("cosines", cosines, in.query().dataType());
    if (cosines.size(0) < in.capacity()
        || cosines.size(1) < 1
        || 2 * cosines.size(1) > in.headSize()) {
      throw require.error(
          "cosines",
          "a position for each of the "
              + in.capacity()
              + " places of the cache, and 1 to "
              + in.headSize() / 2
              + " angles, half of headSize at most",
          "others",
          cosines,
          "make the table as long as the cache");
    }
    require.shape("sines", in.sines(), TABLE, cosines.shape());
    require.type("sines", in.sines(), in.query().dataType());
  }

  private void requireResults() {
    INDArray query = in.query();
    require.shape(
        "weightsOut",
        weights,
        "[batch, heads, capacity]",
        query.size(0),
        query.size(1),
        in.capacity());
    require.type("weightsOut", weights, query.dataType());
    requireInPlace("weightsOut", weights);
    require.shape("out", out, QUERY, query.shape());
    require.type("out", out, query.dataType());
    apart("weightsOut", weights);
    apart("out", out);
    require.apart("out", out, "weightsOut", weights);
  }

  private void apart(String parameter, INDArray written) {
    require.apart(parameter, written, "query", in.query());
    require.apart(parameter, written, "keys", in.keys());
    require.apart(parameter, written, "values", in.values());
    require.apart(parameter, written, "counts", in.counts());
    require.apart(parameter, written, "cosines", in.cosines());
    require.apart(parameter, written, "sines", in.sines());
  }
}
