package io.github.dl4jmemory.ops;

import java.lang.ref.Reference;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The kernels of kernels.h through JNI. Each native method takes the arguments of the C function in
 * its order (addresses and sizes as long, without the last argument {@code where}) and returns 0,
 * or {@code (where << 8) | status}.
 */
final class NativeKernels implements Kernels {
  @Override
  public long productKeyTopK(INDArray query, INDArray subKeys, INDArray scores, INDArray slots) {
    long q = at(query);
    long keys = at(subKeys);
    long batch = query.size(0);
    long heads = query.size(1);
    long n = subKeys.size(2);
    long keySize = query.size(2);
    long topK = scores.size(2);
    long out = at(scores);
    long outSlots = at(slots);
    int threads = Parallel.threads();
    long status =
        isFloat(query)
            ? productKeyTopkF32(q, keys, batch, heads, n, keySize, topK, out, outSlots, threads)
            : productKeyTopkF64(q, keys, batch, heads, n, keySize, topK, out, outSlots, threads);
    keep(query, subKeys, scores, slots);
    return status;
  }

  @Override
  public long select(INDArray halfScores, INDArray scores, INDArray slots) {
    long half = at(halfScores);
    long queries = halfScores.size(0);
    long n = halfScores.size(2);
    long topK = scores.size(1);
    int threads = Parallel.threads();
    long status =
        isFloat(halfScores)
            ? productKeySelectF32(half, queries, n, topK, at(scores), at(slots), threads)
            : productKeySelectF64(half, queries, n, topK, at(scores), at(slots), threads);
    keep(halfScores, scores, slots);
    return status;
  }

  @Override
  public long productKeyTopKGradient(
      INDArray query,
      INDArray subKeys,
      INDArray slots,
      INDArray scoreGradients,
      INDArray queryGradients,
      INDArray subKeyGradients) {
    long q = at(query);
    long keys = at(subKeys);
    long s = at(slots);
    long g = at(scoreGradients);
    long batch = query.size(0);
    long heads = query.size(1);
    long n = subKeys.size(2);
    long keySize = query.size(2);
    long topK = slots.size(2);
    long dq = at(queryGradients);
    long dk = at(subKeyGradients);
    int threads = Parallel.threads();
    long status =
        isFloat(query)
            ? productKeyTopkBpF32(q, keys, s, g, batch, heads, n, keySize, topK, dq, dk, threads)
            : productKeyTopkBpF64(q, keys, s, g, batch, heads, n, keySize, topK, dq, dk, threads);
    keep(query, subKeys, slots, scoreGradients, queryGradients, subKeyGradients);
    return status;
  }

  @Override
  public long weightedBag(INDArray values, INDArray slots, INDArray weights, INDArray out) {
    long v = at(values);
    long s = at(slots);
    long w = at(weights);
    long bags = slots.size(0);
    long bagSize = slots.size(1);
    long slotCount = values.size(0);
    long valueSize = values.size(1);
    long o = at(out);
    int threads = Parallel.threads();
    long status =
        isFloat(values)
            ? weightedBagF32(v, s, w, bags, bagSize, slotCount, valueSize, o, threads)
            : weightedBagF64(v, s, w, bags, bagSize, slotCount, valueSize, o, threads);
    keep(values, slots, weights, out);
    return status;
  }

  @Override
  public long weightedBagGradient(
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      INDArray rowGradients,
      boolean byRow,
      INDArray weightGradients) {
    long v = at(values);
    long w = at(weights);
    long g = at(outGradients);
    long bagSize = weights.size(1);
    long valueSize = values.size(1);
    INDArray order = accesses.order();
    INDArray rows = accesses.rows();
    INDArray starts = accesses.starts();
    long o = at(order);
    long r = at(rows);
    long s = at(starts);
    long rowCount = rows.length();
    long dv = rowGradients == null ? 0 : at(rowGradients);
    int by = byRow ? 1 : 0;
    long dw = weightGradients == null ? 0 : at(weightGradients);
    int threads = Parallel.threads();
    long status =
        isFloat(values)
            ? weightedBagBpF32(v, w, g, bagSize, valueSize, o, r, s, rowCount, dv, by, dw, threads)
            : weightedBagBpF64(v, w, g, bagSize, valueSize, o, r, s, rowCount, dv, by, dw, threads);
    keep(values, weights, outGradients, order, rows, starts, rowGradients, weightGradients);
    return status;
  }

  @Override
  public long rowAdam(
      INDArray rows,
      INDArray gradients,
      boolean byRow,
      INDArray m,
      INDArray v,
      INDArray target,
      AdamStep step) {
    long r = at(rows);
    long count = rows.length();
    long size = gradients.size(1);
    long g = at(gradients);
    int by = byRow ? 1 : 0;
    int subtract = target == null ? 0 : 1;
    long t = target == null ? 0 : at(target);
    double u = step.stepSize();
    double b1 = step.beta1();
    double b2 = step.beta2();
    double e = step.epsilon();
    double scale = step.gradientScale();
    int threads = Parallel.threads();
    long pm = at(m);
    long pv = at(v);
    long status =
        isFloat(gradients)
            ? rowAdamF32(r, count, size, g, by, pm, pv, t, subtract, u, b1, b2, e, scale, threads)
            : rowAdamF64(r, count, size, g, by, pm, pv, t, subtract, u, b1, b2, e, scale, threads);
    keep(rows, gradients, m, v, target);
    return status;
  }

  @Override
  public long rowSgd(
      INDArray rows, INDArray gradients, boolean byRow, INDArray target, double stepSize) {
    long r = at(rows);
    long count = rows.length();
    long size = gradients.size(1);
    long g = at(gradients);
    int by = byRow ? 1 : 0;
    int subtract = target == null ? 0 : 1;
    long t = target == null ? 0 : at(target);
    int threads = Parallel.threads();
    long status =
        isFloat(gradients)
            ? rowSgdF32(r, count, size, g, by, t, subtract, stepSize, threads)
            : rowSgdF64(r, count, size, g, by, t, subtract, stepSize, threads);
    keep(rows, gradients, target);
    return status;
  }

  @Override
  public long bagAdam(
      INDArray values,
      INDArray m,
      INDArray v,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      AdamStep step) {
    long table = at(values);
    long pm = at(m);
    long pv = at(v);
    long w = at(weights);
    long g = at(outGradients);
    long bag = weights.size(1);
    long size = values.size(1);
    INDArray order = accesses.order();
    INDArray rows = accesses.rows();
    INDArray starts = accesses.starts();
    long o = at(order);
    long r = at(rows);
    long s = at(starts);
    long count = rows.length();
    double u = step.stepSize();
    double b1 = step.beta1();
    double b2 = step.beta2();
    double e = step.epsilon();
    double scale = step.gradientScale();
    int threads = Parallel.threads();
    long status =
        isFloat(values)
            ? bagAdamF32(
                table, pm, pv, w, g, bag, size, o, r, s, count, u, b1, b2, e, scale, threads)
            : bagAdamF64(
                table, pm, pv, w, g, bag, size, o, r, s, count, u, b1, b2, e, scale, threads);
    keep(values, m, v, weights, outGradients, order, rows, starts);
    return status;
  }

  @Override
  public long bagSgd(
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      double stepSize) {
    long table = at(values);
    long w = at(weights);
    long g = at(outGradients);
    long bag = weights.size(1);
    long size = values.size(1);
    INDArray order = accesses.order();
    INDArray rows = accesses.rows();
    INDArray starts = accesses.starts();
    long o = at(order);
    long r = at(rows);
    long s = at(starts);
    long count = rows.length();
    int threads = Parallel.threads();
    long status =
        isFloat(values)
            ? bagSgdF32(table, w, g, bag, size, o, r, s, count, stepSize, threads)
            : bagSgdF64(table, w, g, bag, size, o, r, s, count, stepSize, threads);
    keep(values, weights, outGradients, order, rows, starts);
    return status;
  }

  @Override
  public long groupByRow(INDArray slots, long slotCount, Accesses accesses) {
    INDArray order = accesses.order();
    INDArray rows = accesses.rowsRoom();
    INDArray starts = accesses.starts();
    INDArray scratch = accesses.scratch();
    INDArray rowCount = accesses.rowCount();
    long status =
        groupByRow(
            at(slots),
            slots.length(),
            slotCount,
            at(order),
            at(rows),
            at(starts),
            at(scratch),
            at(rowCount),
            Parallel.threads());
    keep(slots, order, rows, starts, scratch, rowCount);
    return status;
  }

  @Override
  public long zeroRows(INDArray table, INDArray rows) {
    long rowBytes = table.size(1) * table.dataType().width();
    long status = zeroRows(at(table), at(rows), rows.length(), rowBytes, Parallel.threads());
    keep(table, rows);
    return status;
  }

  @Override
  public long adviseHugePages(INDArray table) {
    long bytes = adviseHugePages(at(table), Dense.bytes(table));
    keep(table);
    return bytes;
  }

  private static boolean isFloat(INDArray array) {
    return array.dataType() == DataType.FLOAT;
  }

  private static long at(INDArray array) {
    return Dense.address(array);
  }

  /** The arrays must not be collected while native code uses their memory. */
  private static void keep(INDArray... arrays) {
    Reference.reachabilityFence(arrays);
  }

  static native long productKeyTopkF32(
      long query,
      long subKeys,
      long batch,
      long heads,
      long n,
      long keySize,
      long topK,
      long scores,
      long slots,
      int threads);

  static native long productKeyTopkF64(
      long query,
      long subKeys,
      long batch,
      long heads,
      long n,
      long keySize,
      long topK,
      long scores,
      long slots,
      int threads);

  static native long productKeySelectF32(
      long halfScores, long queries, long n, long topK, long scores, long slots, int threads);

  static native long productKeySelectF64(
      long halfScores, long queries, long n, long topK, long scores, long slots, int threads);

  static native long productKeyTopkBpF32(
      long query,
      long subKeys,
      long slots,
      long scoreGradients,
      long batch,
      long heads,
      long n,
      long keySize,
      long topK,
      long queryGradients,
      long subKeyGradients,
      int threads);

  static native long productKeyTopkBpF64(
      long query,
      long subKeys,
      long slots,
      long scoreGradients,
      long batch,
      long heads,
      long n,
      long keySize,
      long topK,
      long queryGradients,
      long subKeyGradients,
      int threads);

  static native long weightedBagF32(
      long values,
      long slots,
      long weights,
      long bags,
      long bagSize,
      long slotCount,
      long valueSize,
      long out,
      int threads);

  static native long weightedBagF64(
      long values,
      long slots,
      long weights,
      long bags,
      long bagSize,
      long slotCount,
      long valueSize,
      long out,
      int threads);

  static native long weightedBagBpF32(
      long values,
      long weights,
      long outGradients,
      long bagSize,
      long valueSize,
      long order,
      long rows,
      long starts,
      long rowCount,
      long rowGradients,
      int byRow,
      long weightGradients,
      int threads);

  static native long weightedBagBpF64(
      long values,
      long weights,
      long outGradients,
      long bagSize,
      long valueSize,
      long order,
      long rows,
      long starts,
      long rowCount,
      long rowGradients,
      int byRow,
      long weightGradients,
      int threads);

  static native long rowAdamF32(
      long rows,
      long rowCount,
      long valueSize,
      long gradients,
      int byRow,
      long m,
      long v,
      long target,
      int subtract,
      double stepSize,
      double beta1,
      double beta2,
      double epsilon,
      double gradientScale,
      int threads);

  static native long rowAdamF64(
      long rows,
      long rowCount,
      long valueSize,
      long gradients,
      int byRow,
      long m,
      long v,
      long target,
      int subtract,
      double stepSize,
      double beta1,
      double beta2,
      double epsilon,
      double gradientScale,
      int threads);

  static native long rowSgdF32(
      long rows,
      long rowCount,
      long valueSize,
      long gradients,
      int byRow,
      long target,
      int subtract,
      double stepSize,
      int threads);

  static native long rowSgdF64(
      long rows,
      long rowCount,
      long valueSize,
      long gradients,
      int byRow,
      long target,
      int subtract,
      double stepSize,
      int threads);

  static native long bagAdamF32(
      long values,
      long m,
      long v,
      long weights,
      long outGradients,
      long bagSize,
      long valueSize,
      long order,
      long rows,
      long starts,
      long rowCount,
      double stepSize,
      double beta1,
      double beta2,
      double epsilon,
      double gradientScale,
      int threads);

  static native long bagAdamF64(
      long values,
      long m,
      long v,
      long weights,
      long outGradients,
      long bagSize,
      long valueSize,
      long order,
      long rows,
      long starts,
      long rowCount,
      double stepSize,
      double beta1,
      double beta2,
      double epsilon,
      double gradientScale,
      int threads);

  static native long bagSgdF32(
      long values,
      long weights,
      long outGradients,
      long bagSize,
      long valueSize,
      long order,
      long rows,
      long starts,
      long rowCount,
      double stepSize,
      int threads);

  static native long bagSgdF64(
      long values,
      long weights,
      long outGradients,
      long bagSize,
      long valueSize,
      long order,
      long rows,
      long starts,
      long rowCount,
      double stepSize,
      int threads);

  static native long groupByRow(
      long slots,
      long accesses,
      long slotCount,
      long order,
      long rows,
      long starts,
      long scratch,
      long rowCount,
      int threads);

  static native long zeroRows(long table, long rows, long rowCount, long rowBytes, int threads);

  static native long adviseHugePages(long address, long bytes);

  static native String instructionSet();
}
