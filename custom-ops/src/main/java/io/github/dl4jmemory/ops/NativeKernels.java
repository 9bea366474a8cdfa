package io.github.dl4jmemory.ops;

import java.lang.ref.Reference;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The kernels of libdl4jmemory.so: arrays become addresses and sizes. */
final class NativeKernels implements Kernels {
  @Override
  public long productKeyTopK(INDArray query, INDArray subKeys, INDArray scores, INDArray slots) {
    long status =
        NativeFunctions.productKeyTopk(
            isDouble(query),
            at(query),
            at(subKeys),
            query.size(0),
            query.size(1),
            subKeys.size(2),
            query.size(2),
            scores.size(2),
            at(scores),
            at(slots),
            Parallel.threads());
    keep(query, subKeys, scores, slots);
    return status;
  }

  @Override
  public long select(INDArray halfScores, INDArray scores, INDArray slots) {
    long status =
        NativeFunctions.productKeySelect(
            isDouble(halfScores),
            at(halfScores),
            halfScores.size(0),
            halfScores.size(2),
            scores.size(1),
            at(scores),
            at(slots),
            Parallel.threads());
    keep(halfScores, scores, slots);
    return status;
  }

  @Override
  public long halfTopK(INDArray query, INDArray subKeys, INDArray scores, INDArray indices) {
    INDArray queries = Dense.innermost(query, 1);
    INDArray keys = Dense.innermost(subKeys, 2);
    long status =
        NativeFunctions.halfTopk(
            isDouble(queries),
            at(queries),
            queries.stride(0),
            queries.stride(1),
            at(keys),
            keys.stride(0),
            queries.size(0),
            queries.size(1),
            keys.size(1),
            queries.size(2),
            scores.size(2),
            at(scores),
            at(indices),
            Parallel.threads());
    keep(queries, keys, scores, indices);
    return status;
  }

  @Override
  public long mergeHalves(Half first, Half second, long subKeys, INDArray scores, INDArray slots) {
    long status =
        NativeFunctions.mergeHalves(
            isDouble(scores),
            at(first.scores()),
            at(first.indices()),
            at(second.scores()),
            at(second.indices()),
            scores.size(0),
            subKeys,
            scores.size(1),
            at(scores),
            at(slots),
            Parallel.threads());
    keep(first.scores(), first.indices(), second.scores(), second.indices(), scores, slots);
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
    long status =
        NativeFunctions.productKeyTopkBp(
            isDouble(query),
            at(query),
            at(subKeys),
            at(slots),
            at(scoreGradients),
            query.size(0),
            query.size(1),
            subKeys.size(2),
            query.size(2),
            slots.size(2),
            at(queryGradients),
            at(subKeyGradients),
            Parallel.threads());
    keep(query, subKeys, slots, scoreGradients, queryGradients, subKeyGradients);
    return status;
  }

  @Override
  public long weightedBag(INDArray values, INDArray slots, INDArray weights, INDArray out) {
    long status =
        NativeFunctions.weightedBag(
            isDouble(values),
            at(values),
            at(slots),
            at(weights),
            slots.size(0),
            slots.size(1),
            values.size(0),
            values.size(1),
            at(out),
            Parallel.threads());
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
    INDArray order = accesses.order();
    INDArray rows = accesses.rows();
    INDArray starts = accesses.starts();
    long status =
        NativeFunctions.weightedBagBp(
            isDouble(values),
            at(values),
            at(weights),
            at(outGradients),
            weights.size(1),
            values.size(1),
            at(order),
            at(rows),
            at(starts),
            rows.length(),
            atOrNull(rowGradients),
            flag(byRow),
            atOrNull(weightGradients),
            Parallel.threads());
    keep(values, weights, outGradients, order, rows, starts, rowGradients, weightGradients);
    return status;
  }

  @Override
  public long weightedBagWeightGradient(
      INDArray values, INDArray slots, INDArray outGradients, INDArray weightGradients) {
    long status =
        NativeFunctions.weightedBagWeightsBp(
            isDouble(values),
            at(values),
            at(slots),
            at(outGradients),
            slots.size(0),
            slots.size(1),
            values.size(0),
            values.size(1),
            at(weightGradients),
            Parallel.threads());
    keep(values, slots, outGradients, weightGradients);
    return status;
  }

  @Override
  public long groupedMatmul(INDArray rows, INDArray weights, INDArray starts, INDArray out) {
    long status =
        NativeFunctions.groupedMatmul(
            isDouble(rows),
            at(rows),
            at(weights),
            at(starts),
            weights.size(0),
            weights.size(1),
            weights.size(2),
            at(out),
            Parallel.threads());
    keep(rows, weights, starts, out);
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
    long status =
        NativeFunctions.rowAdam(
            isDouble(gradients),
            at(rows),
            rows.length(),
            gradients.size(1),
            at(gradients),
            flag(byRow),
            at(m),
            at(v),
            atOrNull(target),
            flag(target != null),
            step.stepSize(),
            step.beta1(),
            step.beta2(),
            step.epsilon(),
            step.gradientScale(),
            Parallel.threads());
    keep(rows, gradients, m, v, target);
    return status;
  }

  @Override
  public long rowSgd(
      INDArray rows, INDArray gradients, boolean byRow, INDArray target, double stepSize) {
    long status =
        NativeFunctions.rowSgd(
            isDouble(gradients),
            at(rows),
            rows.length(),
            gradients.size(1),
            at(gradients),
            flag(byRow),
            atOrNull(target),
            flag(target != null),
            stepSize,
            Parallel.threads());
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
    INDArray order = accesses.order();
    INDArray rows = accesses.rows();
    INDArray starts = accesses.starts();
    long status =
        NativeFunctions.bagAdam(
            isDouble(values),
            at(values),
            at(m),
            at(v),
            at(weights),
            at(outGradients),
            weights.size(1),
            values.size(1),
            at(order),
            at(rows),
            at(starts),
            rows.length(),
            step.stepSize(),
            step.beta1(),
            step.beta2(),
            step.epsilon(),
            step.gradientScale(),
            Parallel.threads());
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
    INDArray order = accesses.order();
    INDArray rows = accesses.rows();
    INDArray starts = accesses.starts();
    long status =
        NativeFunctions.bagSgd(
            isDouble(values),
            at(values),
            at(weights),
            at(outGradients),
            weights.size(1),
            values.size(1),
            at(order),
            at(rows),
            at(starts),
            rows.length(),
            stepSize,
            Parallel.threads());
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
        NativeFunctions.groupByRow(
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
    long status =
        NativeFunctions.zeroRows(at(table), at(rows), rows.length(), rowBytes, Parallel.threads());
    keep(table, rows);
    return status;
  }

  @Override
  public AttentionKernels attention() {
    return new NativeAttentionKernels();
  }

  @Override
  public long adviseHugePages(INDArray table) {
    long bytes = NativeFunctions.adviseHugePages(at(table), Dense.bytes(table));
    keep(table);
    return bytes;
  }

  @Override
  public CompactKernels compact() {
    return new NativeCompactKernels();
  }

  @Override
  public UltraMemKernels ultraMem() {
    return new NativeUltraMemKernels();
  }

  @Override
  public DecodeKernels decode() {
    return new NativeDecodeKernels();
  }

  static boolean isDouble(INDArray array) {
    return array.dataType() == DataType.DOUBLE;
  }

  static long at(INDArray array) {
    return Dense.address(array);
  }

  private static long atOrNull(INDArray array) {
    return array == null ? 0 : at(array);
  }

  private static int flag(boolean value) {
    return value ? 1 : 0;
  }

  /** The arrays must not be collected while native code uses their memory. */
  static void keep(INDArray... arrays) {
    Reference.reachabilityFence(arrays);
  }
}
