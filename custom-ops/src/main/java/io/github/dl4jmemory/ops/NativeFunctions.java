package io.github.dl4jmemory.ops;

/**
 * The functions of kernels.h through JNI. Each takes the arguments of the C function in its order
 * (addresses and sizes as long, without the last argument {@code where}), after the dtype where
 * there are two, and returns 0, or {@code (where << 8) | status}.
 */
final class NativeFunctions {
  private NativeFunctions() {}

  static native long productKeyTopk(
      boolean isDouble,
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

  static native long productKeySelect(
      boolean isDouble,
      long halfScores,
      long queries,
      long n,
      long topK,
      long scores,
      long slots,
      int threads);

  static native long halfTopk(
      boolean isDouble,
      long query,
      long queryStride,
      long queryHeadStride,
      long keys,
      long keysHeadStride,
      long batch,
      long heads,
      long n,
      long length,
      long topK,
      long scores,
      long indices,
      int threads);

  static native long mergeHalves(
      boolean isDouble,
      long scores1,
      long indices1,
      long scores2,
      long indices2,
      long queries,
      long n,
      long topK,
      long scores,
      long slots,
      int threads);

  static native long productKeyTopkBp(
      boolean isDouble,
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

  static native long weightedBag(
      boolean isDouble,
      long values,
      long slots,
      long weights,
      long bags,
      long bagSize,
      long slotCount,
      long valueSize,
      long out,
      int threads);

  static native long weightedBagBp(
      boolean isDouble,
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

  static native long weightedBagWeightsBp(
      boolean isDouble,
      long values,
      long slots,
      long outGradients,
      long bags,
      long bagSize,
      long slotCount,
      long valueSize,
      long weightGradients,
      int threads);

  static native long groupedMatmul(
      boolean isDouble,
      long rows,
      long weights,
      long starts,
      long groups,
      long nIn,
      long nOut,
      long out,
      int threads);

  static native long rowAdam(
      boolean isDouble,
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

  static native long rowSgd(
      boolean isDouble,
      long rows,
      long rowCount,
      long valueSize,
      long gradients,
      int byRow,
      long target,
      int subtract,
      double stepSize,
      int threads);

  static native long bagAdam(
      boolean isDouble,
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

  static native long bagSgd(
      boolean isDouble,
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

  static native long separatorAttention(
      boolean isDouble,
      long query,
      long keys,
      long values,
      long kinds,
      long batch,
      long time,
      long heads,
      long keyValueHeads,
      long headSize,
      long initial,
      long window,
      long out,
      long logSums,
      int threads);

  static native long separatorAttentionBp(
      boolean isDouble,
      long query,
      long keys,
      long values,
      long kinds,
      long out,
      long logSums,
      long outGradients,
      long batch,
      long time,
      long heads,
      long keyValueHeads,
      long headSize,
      long initial,
      long window,
      long queryGradients,
      long keyGradients,
      long valueGradients,
      int threads);

  /** {@code rowCount} is where the number of distinct rows is stored, as one long. */
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

  /** Returns the bytes now advised. */
  static native long adviseHugePages(long address, long bytes);

  /** {@code storage}: the ordinal of a storage, here and below. */
  static native long compactBag(
      int storage,
      long values,
      long scales,
      long slots,
      long weights,
      long bags,
      long bagSize,
      long slotCount,
      long valueSize,
      long out,
      int threads);

  static native long compactBagWeightsBp(
      int storage,
      long values,
      long scales,
      long slots,
      long outGradients,
      long bags,
      long bagSize,
      long slotCount,
      long valueSize,
      long weightGradients,
      int threads);

  static native long compactBagAdam(
      int storage,
      long values,
      long scales,
      long m,
      long v,
      long weights,
      long outGradients,
      long bagSize,
      long valueSize,
      long order,
      long rows,
      long numbers,
      long starts,
      long rowCount,
      double stepSize,
      double beta1,
      double beta2,
      double epsilon,
      double gradientScale,
      long seed,
      int threads);

  static native long compactBagSgd(
      int storage,
      long values,
      long scales,
      long weights,
      long outGradients,
      long bagSize,
      long valueSize,
      long order,
      long rows,
      long numbers,
      long starts,
      long rowCount,
      double stepSize,
      long seed,
      int threads);

  static native long readRows(
      int storage,
      long values,
      long scales,
      long slotCount,
      long valueSize,
      long rows,
      long rowCount,
      long out,
      int threads);

  static native long writeRows(
      int storage,
      long values,
      long scales,
      long valueSize,
      long rows,
      long rowCount,
      long source,
      long seed,
      int threads);

  static native long initialiseNormal(
      int storage,
      long values,
      long scales,
      long slotCount,
      long valueSize,
      double deviation,
      long seed,
      int threads);

  static native long tuckerTopk(
      boolean isDouble,
      long query,
      long keys,
      long cores,
      long filters,
      double keyEpsilon,
      long batch,
      long heads,
      long rank,
      long coreCount,
      long n,
      long keySize,
      long topK,
      long scores,
      long slots,
      int threads);

  static native long tuckerSelect(
      boolean isDouble,
      long keyScores,
      long cores,
      long filters,
      long batch,
      long heads,
      long rank,
      long coreCount,
      long n,
      long topK,
      long scores,
      long slots,
      int threads);

  static native long tuckerTopkBp(
      boolean isDouble,
      long query,
      long keys,
      long cores,
      long slots,
      long scoreGradients,
      long batch,
      long heads,
      long rank,
      long coreCount,
      long n,
      long keySize,
      long topK,
      long queryGradients,
      long keyGradients,
      long coreGradients,
      int threads);

  static native long expandedBag(
      boolean isDouble,
      long values,
      long slots,
      long blocks,
      long weights,
      long bags,
      long bagSize,
      long coreCount,
      long expansion,
      long valueSize,
      long out,
      int threads);

  static native long expandedBagWeightsBp(
      boolean isDouble,
      long values,
      long slots,
      long blocks,
      long outGradients,
      long bags,
      long bagSize,
      long coreCount,
      long expansion,
      long valueSize,
      long weightGradients,
      int threads);

  static native long decodeAttention(
      boolean isDouble,
      long query,
      long keys,
      long values,
      long counts,
      long cosines,
      long sines,
      long batch,
      long heads,
      long keyValueHeads,
      long capacity,
      long headSize,
      long rotary,
      long weights,
      long out,
      int threads);

  static native String instructionSet();
}
