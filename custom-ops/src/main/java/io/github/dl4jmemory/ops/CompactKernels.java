package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * One implementation of the kernels on a {@link CompactTable}; arrays and statuses as those of
 * {@link Kernels}. What is written has the same bits in every implementation, except where the
 * storage is float32 and the contrary is said.
 */
interface CompactKernels {
  /** Not for float32 tables, which have {@link Kernels#weightedBag}. */
  long weightedBag(CompactTable table, INDArray slots, INDArray weights, INDArray out);

  /** Not for float32 tables, which have {@link Kernels#weightedBagWeightGradient}. */
  long weightedBagWeightGradient(
      CompactTable table, INDArray slots, INDArray outGradients, INDArray weightGradients);

  /** Not for float32 tables, which have {@link Kernels#bagAdam}. */
  long bagAdam(
      CompactTable table,
      INDArray m,
      INDArray v,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      AdamStep step,
      long seed);

  /** Not for float32 tables, which have {@link Kernels#bagSgd}. */
  long bagSgd(
      CompactTable table,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      double stepSize,
      long seed);

  /** out [rows, valueSize]; rows in any order. */
  long readRows(CompactTable table, INDArray rows, INDArray out);

  /** source [rows, valueSize]; rows distinct, and inside the table. */
  void writeRows(CompactTable table, INDArray rows, INDArray source, long seed);

  long initialiseNormal(CompactTable table, double deviation, long seed);
}
