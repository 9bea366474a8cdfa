package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Checks the arguments of separatorAttention and of its gradient, and calls the kernels. */
final class SeparatorAttention {
  private static final String QUERY = "[batch, time, heads, headSize]";
  private static final String KEYS = "[batch, time, keyValueHeads, headSize]";
  private static final String LOG_SUMS = "[batch, heads, time]";

  private SeparatorAttention() {}

  static void forward(AttentionInput in, INDArray out, INDArray logSums) {
    Require require = Require.op("separatorAttention");
    requireInput(require, in);
    requireResults(require, in, out, logSums);
    apart(require, in, "out", out);
    apart(require, in, "logSums", logSums);
    require.apart("logSums", logSums, "out", out);
    if (in.query().isEmpty()) {
      return;
    }
    Dense outs = Dense.out(out);
    Dense sums = Dense.out(logSums);
    AttentionKernels kernels = KernelChoice.kernels().attention();
    require.ok(kernels.forward(dense(in), outs.array(), sums.array()), "query", in.query(), 0);
    outs.publish();
    sums.publish();
  }

  static void backward(
      AttentionInput in,
      INDArray out,
      INDArray logSums,
      INDArray outGradients,
      INDArray[] results) {
    Require require = Require.op("separatorAttentionGradient");
    requireInput(require, in);
    requireResults(require, in, out, logSums);
    like(require, "outGradients", QUERY, outGradients, in.query());
    String[] names = {"queryGradientsOut", "keyGradientsOut", "valueGradientsOut"};
    INDArray[] shapes = {in.query(), in.keys(), in.values()};
    for (int i = 0; i < names.length; i++) {
      like(require, names[i], i == 0 ? QUERY : KEYS, results[i], shapes[i]);
      apart(require, in, names[i], results[i]);
      require.apart(names[i], results[i], "out", out);
      require.apart(names[i], results[i], "logSums", logSums);
      require.apart(names[i], results[i], "outGradients", outGradients);
      for (int j = 0; j < i; j++) {
        require.apart(names[i], results[i], names[j], results[j]);
      }
    }
    if (in.query().isEmpty()) {
      return;
    }
    Dense query = Dense.out(results[0]);
    Dense keys = Dense.out(results[1]);
    Dense values = Dense.out(results[2]);
    long status =
        KernelChoice.kernels()
            .attention()
            .backward(
                dense(in),
                Dense.in(out),
                Dense.in(logSums),
                Dense.in(outGradients),
                query.array(),
                keys.array(),
                values.array());
    require.ok(status, "query", in.query(), 0);
    query.publish();
    keys.publish();
    values.publish();
  }

  private static AttentionInput dense(AttentionInput in) {
    return new AttentionInput(
        Dense.in(in.query()),
        Dense.in(in.keys()),
        Dense.in(in.values()),
        Dense.in(in.kinds()),
        in.initial(),
        in.window());
  }

  private static void requireInput(Require require, AttentionInput in) {
    INDArray query = in.query();
    require.shape("query", query, QUERY, ANY, ANY, ANY, ANY);
    require.floating("query", query);
    require.positive("query", query, 2, "heads");
    require.positive("query", query, 3, "headSize");
    require.shape("keys", in.keys(), KEYS, query.size(0), query.size(1), ANY, query.size(3));
    require.type("keys", in.keys(), query.dataType());
    long groups = in.keys().size(2);
    if (groups < 1 || query.size(2) % groups != 0) {
      throw require.error(
          "keys",
          "a number of keyValueHeads that divides the " + query.size(2) + " heads of the query",
          Long.toString(groups),
          in.keys(),
          "pass keys of as many heads, or of a part of them");
    }
    like(require, "values", KEYS, in.values(), in.keys());
    requireKinds(require, in);
    requireSizes(require, in.initial(), in.window());
  }

  static void requireSizes(Require require, long initial, long window) {
    if (initial < 0) {
      throw require.error(
          "initial", "a number >= 0", Long.toString(initial), "pass 3, or 0 for none");
    }
    if (window < 1) {
      throw require.error(
          "window",
          "a number >= 1, the token itself being one",
          Long.toString(window),
          "pass 64, or time for dense attention");
    }
  }

  private static void requireKinds(Require require, AttentionInput in) {
    INDArray kinds = in.kinds();
    require.shape("kinds", kinds, "[batch, time]", in.query().size(0), in.query().size(1));
    if (kinds.dataType() != DataType.INT8) {
      throw require.error(
          "kinds", "BYTE", kinds.dataType().toString(), kinds, "cast it with castTo(BYTE)");
    }
    if (kinds.isEmpty()) {
      return;
    }
    for (Number extreme : new Number[] {kinds.minNumber(), kinds.maxNumber()}) {
      if (extreme.intValue() < 0 || extreme.intValue() > AttentionInput.PADDING) {
        throw require.error(
            "kinds",
            "0 (a token), 1 (a separator) or 2 (padding)",
            Integer.toString(extreme.intValue()),
            kinds,
            "pass such numbers");
      }
    }
  }

  private static void requireResults(
      Require require, AttentionInput in, INDArray out, INDArray logSums) {
    INDArray query = in.query();
    like(require, "out", QUERY, out, query);
    require.shape("logSums", logSums, LOG_SUMS, query.size(0), query.size(2), query.size(1));
    require.type("logSums", logSums, query.dataType());
  }

  private static void like(
      Require require, String parameter, String axes, INDArray array, INDArray other) {
    require.shape(parameter, array, axes, other.shape());
    require.type(parameter, array, other.dataType());
  }

  private static void apart(Require require, AttentionInput in, String parameter, INDArray out) {
    require.apart(parameter, out, "query", in.query());
    require.apart(parameter, out, "keys", in.keys());
    require.apart(parameter, out, "values", in.values());
    require.apart(parameter, out, "kinds", in.kinds());
  }
}
