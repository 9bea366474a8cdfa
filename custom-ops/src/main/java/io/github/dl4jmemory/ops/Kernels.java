package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * One implementation of all kernels. Every array is contiguous, 'c' order, checked for shape and
 * dtype, and not empty. The kernels check what only the data can tell, before a caller can see any
 * result, and return {@link #OK}, or {@code (where << 8) | status}.
 */
interface Kernels {
  long OK = 0;

  /** A score is NaN; where = batch * heads + head. */
  int NAN = 1;

  /** A slot is negative, or not below the slots of the table; where = its flat index. */
  int OUT_OF_RANGE = 2;

  int NO_MEMORY = 3;

  /** Scores and slots [batch, heads, topK] of query [batch, heads, keySize]. */
  long productKeyTopK(INDArray query, INDArray subKeys, INDArray scores, INDArray slots);

  /** The selection alone: half scores [queries, 2, subKeys] to scores, slots [queries, topK]. */
  long select(INDArray halfScores, INDArray scores, INDArray slots);

  /**
   * Scores and indices [batch, heads, topK] of one half: query [batch, heads, keySize/2], subKeys
   * [heads, subKeys, keySize/2]. These two may be views with any strides.
   */
  long halfTopK(INDArray query, INDArray subKeys, INDArray scores, INDArray indices);

  /**
   * Scores and slots from both halves, all [queries, topK]. {@link #OUT_OF_RANGE} also where an
   * index stands twice in a list; where = its flat index, counted on from the first half to the
   * second.
   */
  long mergeHalves(Half first, Half second, long subKeys, INDArray scores, INDArray slots);

  /** The ranked best of one half. */
  record Half(INDArray scores, INDArray indices) {}

  long productKeyTopKGradient(
      INDArray query,
      INDArray subKeys,
      INDArray slots,
      INDArray scoreGradients,
      INDArray queryGradients,
      INDArray subKeyGradients);

  long weightedBag(INDArray values, INDArray slots, INDArray weights, INDArray out);

  /**
   * The gradient of rows[j] goes to row rows[j] (byRow) or to row j of rowGradients. Either result
   * may be null: it is then not formed.
   */
  long weightedBagGradient(
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      INDArray rowGradients,
      boolean byRow,
      INDArray weightGradients);

  /** The weight gradients of {@link #weightedBagGradient} for bags that were not grouped. */
  long weightedBagWeightGradient(
      INDArray values, INDArray slots, INDArray outGradients, INDArray weightGradients);

  /** out[r] = rows[r] weights[g] for starts[g] &lt;= r &lt; starts[g + 1]; starts are valid. */
  long groupedMatmul(INDArray rows, INDArray weights, INDArray starts, INDArray out);

  /** With a target, target[rows[j]] -= u; without one (null), u replaces the gradient. */
  long rowAdam(
      INDArray rows,
      INDArray gradients,
      boolean byRow,
      INDArray m,
      INDArray v,
      INDArray target,
      AdamStep step);

  long rowSgd(INDArray rows, INDArray gradients, boolean byRow, INDArray target, double stepSize);

  /** The gradient of the table and {@link #rowAdam} on it, in one pass over the touched rows. */
  long bagAdam(
      INDArray values,
      INDArray m,
      INDArray v,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      AdamStep step);

  long bagSgd(
      INDArray values, INDArray weights, INDArray outGradients, Accesses accesses, double stepSize);

  /** Fills order, rows and starts of the accesses, and the number of rows. */
  long groupByRow(INDArray slots, long slotCount, Accesses accesses);

  long zeroRows(INDArray table, INDArray rows);

  AttentionKernels attention();

  /** Bytes of the table now advised. */
  long adviseHugePages(INDArray table);

  /** The kernels of tables whose rows are stored compactly. */
  CompactKernels compact();

  /** The kernels of UltraMem. */
  UltraMemKernels ultraMem();

  /** The kernel of decoding from a cache. */
  DecodeKernels decode();
}
