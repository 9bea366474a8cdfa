package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The operations of an UltraMem layer on arrays, eagerly: Tucker-decomposed lookup, implicit value
 * expansion and pre-values. What {@link MemoryOps} says of kernels, dtypes, views, empty batches,
 * threads and errors holds here too; outputs are new arrays.
 *
 * <p>Axes: batch, heads, topK, rank, cores, subKeys (n, the keys of one side), keySize (of one side
 * and one rank), slots (rows of the table), expansion, valueSize, bags, bagSize.
 */
public final class UltraMemOps {
  private UltraMemOps() {}

  /**
   * The slots that a query finds.
   *
   * @param scores [batch, heads, topK, cores], a score for each core
   * @param slots [batch, heads, topK] LONG, by sum of scores descending
   */
  public record TuckerTopK(INDArray scores, INDArray slots) {}

  /**
   * Gradients of {@link #tuckerTopK}.
   *
   * @param query [batch, heads, 2, rank, keySize]
   * @param keys [heads, 2, rank, subKeys, keySize]
   * @param cores [heads, cores, rank, rank]
   */
  public record TuckerTopKGradient(INDArray query, INDArray keys, INDArray cores) {}

  /**
   * Where virtual slots are.
   *
   * @param slots LONG, rows of the table
   * @param blocks LONG, numbers of the projections, from 0 to expansion - 1
   */
  public record ExpandedSlots(INDArray slots, INDArray blocks) {}

  /**
   * Gradients of {@link #expandedBag}; those of the table for the rows read only.
   *
   * @param rows [rows] LONG, the distinct slots read, ascending
   * @param rowGradients [rows, valueSize]
   * @param weightGradients [bags, bagSize, cores]
   */
  public record ExpandedBagGradient(
      INDArray rows, INDArray rowGradients, INDArray weightGradients) {}

  /**
   * Gradients of {@link #rowDots}; those of the table for the rows read only.
   *
   * @param rows [rows] LONG, the distinct slots read, ascending
   * @param rowGradients [rows, valueSize]
   * @param inputGradients [bags, valueSize]
   */
  public record RowDotsGradient(INDArray rows, INDArray rowGradients, INDArray inputGradients) {}

  /**
   * The filters of {@link #tuckerTopK}: the leading singular vectors of the sum of the cores of
   * each head, which is their best approximation of rank 1.
   *
   * <pre>
   * C = sum over c of cores[h, c],   C = sum over i of lambda[i] * u[i] t[i]^T,  lambda descending
   * filters[h, 0] = u[0],  filters[h, 1] = t[0]
   * </pre>
   *
   * (u, t) and (-u, -t) are equally right, and let other keys pass: the one nearer to the previous
   * filters is taken, by the sum of absolute differences; where these do not decide, the one whose
   * elements sum to a positive number, then the one whose first element that is not zero is
   * positive. A core of zeros keeps the previous filters, or gets the first axes; of equal singular
   * values one pair is taken, always the same for the same numbers. Computed in double, by
   * rotations of Jacobi.
   *
   * <p>A layer computes filters once a training step and keeps them with its parameters; the
   * gradient of a lookup takes them as constants. Cost: about 30 * rank^3 operations a head.
   *
   * <p>Source: Huang et al. 2024 (arXiv 2411.12364), rank-1 approximation of the Tucker core; the
   * continuous sign as in the authors' program.
   *
   * @param cores [heads, cores, rank, rank] FLOAT or DOUBLE
   * @param previous [heads, 2, rank], dtype of cores: the filters of the step before; null at the
   *     first
   * @return [heads, 2, rank], dtype of cores
   * @throws IllegalArgumentException as the class says; if an element is not finite
   */
  public static INDArray tuckerFilters(INDArray cores, INDArray previous) {
    return TuckerLookup.filters(cores, previous);
  }

  /**
   * Tucker-decomposed lookup: the best slots by a bilinear form of row and column scores, among the
   * candidates that a rank-1 filter lets pass.
   *
   * <pre>
   * r[a, i]  = query[b, h, 0, a] . keys[h, 0, a, i]       c[a, j] likewise, of side 1
   * rows     = topK best i by  sum over a of filters[h, 0, a] * r[a, i];   columns likewise
   * score[p] = sum over a, e of r[a, i] * cores[h, p, a, e] * c[e, j]      for each core p
   * slots    = topK best i * subKeys + j of rows x columns by the sum of the cores' scores
   * </pre>
   *
   * Rows and columns are ordered by filtered score descending, then index ascending; the result by
   * the score of the summed core descending, then slot ascending. Every product and sum of the
   * selection is rounded to the dtype, sums run from rank 0 up: from the same key scores all
   * kernels select the same. It is not the exact top-k of all subKeys * subKeys: pairs of a
   * negative row and a negative column can score high and are not searched.
   *
   * <p>Cost: batch * heads * (2 * rank * subKeys * (keySize + 1) + rank * topK^2) multiply-adds;
   * heads * 2 * rank * subKeys * keySize elements of keys are read.
   *
   * <p>Source: Huang et al. 2024 (arXiv 2411.12364), Tucker decomposed query-key retrieval and
   * multi-core scoring; a query and keys for each rank as in 2025 (arXiv 2508.18756), section 3.
   * The earlier paper's queries and keys, split between the ranks, are these with a smaller
   * keySize.
   *
   * @param query [batch, heads, 2, rank, keySize] FLOAT or DOUBLE; sides are row and column
   * @param keys [heads, 2, rank, subKeys, keySize], dtype of query
   * @param cores [heads, cores, rank, rank], dtype of query; its rows belong to side 0
   * @param filters [heads, 2, rank], dtype of query, see {@link #tuckerFilters}
   * @param topK slots to find, 1 to subKeys
   * @return scores and slots
   * @throws IllegalArgumentException as the class says; if topK is below 1 or above subKeys, or a
   *     score is NaN
   */
  public static TuckerTopK tuckerTopK(
      INDArray query, INDArray keys, INDArray cores, INDArray filters, int topK) {
    return TuckerLookup.find(query, keys, cores, filters, topK, 0);
  }

  /**
   * {@link #tuckerTopK} of keys that are divided by their root mean squares on the way: {@code r[a,
   * i] = query[b, h, 0, a] . keys[h, 0, a, i] / sqrt(mean(keys[h, 0, a, i]²) + epsilon)}, {@code
   * c[a, j]} likewise. The normalised keys are never written; for the gradient, make them and pass
   * them to {@link #tuckerTopKGradient}.
   *
   * <p>Cost: that of tuckerTopK, and heads * 2 * rank * subKeys * keySize multiply-adds.
   *
   * @param query [batch, heads, 2, rank, keySize] FLOAT or DOUBLE; sides are row and column
   * @param keys [heads, 2, rank, subKeys, keySize], dtype of query
   * @param cores [heads, cores, rank, rank], dtype of query; its rows belong to side 0
   * @param filters [heads, 2, rank], dtype of query, see {@link #tuckerFilters}
   * @param topK slots to find, 1 to subKeys
   * @param epsilon above 0, added to the mean square
   * @return scores and slots
   * @throws IllegalArgumentException as {@link #tuckerTopK}; if epsilon is not above 0
   */
  public static TuckerTopK tuckerTopKOfNormalisedKeys(
      INDArray query, INDArray keys, INDArray cores, INDArray filters, int topK, double epsilon) {
    return TuckerLookup.findNormalised(query, keys, cores, filters, topK, epsilon);
  }

  /**
   * Gradient of {@link #tuckerTopK} with respect to query, keys and cores. The choice of slots is
   * not differentiated, and the filters are constants: gradients flow through the scores of the
   * slots that were found, only.
   *
   * <pre>
   * for each found slot = i * subKeys + j with score gradients g[p], and M = sum over p of g[p] * cores[h, p]:
   *   dr[a]  = sum over e of M[a, e] * c[e, j]        dc[e] = sum over a of M[a, e] * r[a, i]
   *   dQuery[0, a] += dr[a] * keys[h, 0, a, i]        dKeys[h, 0, a, i] += dr[a] * query[0, a]
   *   dQuery[1, e] += dc[e] * keys[h, 1, e, j]        dKeys[h, 1, e, j] += dc[e] * query[1, e]
   *   dCores[h, p, a, e] += g[p] * r[a, i] * c[e, j]
   * </pre>
   *
   * <p>Cost: 6 * batch * heads * topK * rank * keySize multiply-adds.
   *
   * @param query [batch, heads, 2, rank, keySize] FLOAT or DOUBLE
   * @param keys [heads, 2, rank, subKeys, keySize], dtype of query
   * @param cores [heads, cores, rank, rank], dtype of query
   * @param slots [batch, heads, topK], as found
   * @param scoreGradients [batch, heads, topK, cores], dtype of query
   * @return the gradients
   * @throws IllegalArgumentException as the class says; if a slot is outside [0, subKeys * subKeys)
   */
  public static TuckerTopKGradient tuckerTopKGradient(
      INDArray query, INDArray keys, INDArray cores, INDArray slots, INDArray scoreGradients) {
    return TuckerLookup.gradient(query, keys, cores, slots, scoreGradients);
  }

  /**
   * Where virtual slots are in a table that is expanded without being larger: {@code v =
   * permutation(slot); row = v mod slotCount; block = v / slotCount}. The permutation of [0,
   * slotCount * expansion) is pseudo-random, fixed by the seed, and computed by a formula: it takes
   * no memory, and a saved model needs the seed only. Cost: some ten multiplications a slot.
   *
   * <p>Source: Huang et al. 2024 (arXiv 2411.12364), implicit value expansion with a random shuffle
   * of virtual slots, and 2025 (arXiv 2508.18756), equation (8). The formula is ours.
   *
   * @param virtualSlots LONG or INT, any shape
   * @param slotCount rows of the table
   * @param expansion virtual slots of one row, 1 or more; slotCount * expansion at most 2^62
   * @param seed chooses the permutation
   * @return rows and blocks, of the shape of virtualSlots
   * @throws IllegalArgumentException as the class says; if a number is below 1, or a virtual slot
   *     outside [0, slotCount * expansion)
   */
  public static ExpandedSlots expandSlots(
      INDArray virtualSlots, long slotCount, int expansion, int seed) {
    return SlotExpansion.expand(virtualSlots, slotCount, expansion, seed);
  }

  /**
   * Weighted sums of table rows, one for each bag and block, with a weight for each slice of a row:
   *
   * <pre>
   * width = valueSize / cores;  slice p of a row: elements p * width to (p + 1) * width - 1
   * out[b, e, slice p] = sum over k with blocks[b, k] = e of weights[b, k, p] * values[slots[b, k], slice p]
   * </pre>
   *
   * Projected by one matrix [expansion * valueSize, model], the sums are what a table of slots *
   * expansion rows would give whose block e is the values projected by rows e * valueSize and on of
   * that matrix. A bag is one token; the axes heads and topK are its bagSize.
   *
   * <p>Cost: bags * bagSize * valueSize multiply-adds, and as many elements read: those of {@link
   * MemoryOps#weightedBag(INDArray, INDArray, INDArray)}, whatever the expansion.
   *
   * <p>Source: Huang et al. 2024 (arXiv 2411.12364), implicit value expansion (pooled per block
   * before projection) and multi-core scoring (a score a slice).
   *
   * @param values [slots, valueSize] FLOAT or DOUBLE
   * @param slots [bags, bagSize]
   * @param blocks [bags, bagSize] LONG or INT
   * @param weights [bags, bagSize, cores], dtype of values; cores divides valueSize
   * @param expansion blocks, 1 or more
   * @return [bags, expansion, valueSize]
   * @throws IllegalArgumentException as the class says; if a slot is outside [0, slots), a block
   *     outside [0, expansion), or cores does not divide valueSize
   */
  public static INDArray expandedBag(
      INDArray values, INDArray slots, INDArray blocks, INDArray weights, int expansion) {
    return ExpandedBag.sum(values, slots, blocks, weights, expansion);
  }

  /**
   * Gradient of {@link #expandedBag} with respect to its weights: {@code dWeights[b, k, p] =
   * outGradients[b, blocks[b, k], slice p] . values[slots[b, k], slice p]}. Cost: bags * bagSize *
   * valueSize multiply-adds, and as many elements read.
   *
   * @param values [slots, valueSize] FLOAT or DOUBLE
   * @param slots [bags, bagSize]
   * @param blocks [bags, bagSize] LONG or INT
   * @param outGradients [bags, expansion, valueSize], dtype of values
   * @param cores slices of a row, each with a weight; divides valueSize
   * @return [bags, bagSize, cores]
   * @throws IllegalArgumentException as the class says; as {@link #expandedBag}
   */
  public static INDArray expandedBagWeightGradient(
      INDArray values, INDArray slots, INDArray blocks, INDArray outGradients, int cores) {
    return ExpandedBag.weightGradient(values, slots, blocks, outGradients, cores);
  }

  /**
   * Gradient of {@link #expandedBag} with respect to the rows that were read, and to the weights.
   * No array of the size of the table is made. To update a table, see {@link ExpandedRows}, which
   * forms no gradient.
   *
   * <pre>
   * dValues[r, slice p] = sum over (b, k) with slots[b, k] = r of
   *     weights[b, k, p] * outGradients[b, blocks[b, k], slice p]
   * </pre>
   *
   * <p>Cost: 2 * bags * bagSize * valueSize multiply-adds.
   *
   * @param values [slots, valueSize] FLOAT or DOUBLE
   * @param slots [bags, bagSize]
   * @param blocks [bags, bagSize] LONG or INT
   * @param weights [bags, bagSize, cores], dtype of values
   * @param outGradients [bags, expansion, valueSize], dtype of values
   * @return the rows touched, their gradients, and the gradients of the weights
   * @throws IllegalArgumentException as the class says; as {@link #expandedBag}
   */
  public static ExpandedBagGradient expandedBagGradient(
      INDArray values, INDArray slots, INDArray blocks, INDArray weights, INDArray outGradients) {
    return ExpandedBag.gradient(values, slots, blocks, weights, outGradients);
  }

  /**
   * Dot products of table rows with an input, the pre-values of UltraMemV2: {@code out[b, k] =
   * preValues[slots[b, k]] . inputs[b]}. Multiplied by the scores they are the weights of a bag of
   * the same slots, which so reads a feed-forward network of inner width 1 from each slot, without
   * an activation. Cost: bags * bagSize * valueSize multiply-adds, and as many elements read.
   *
   * <p>Source: Huang et al. 2025 (arXiv 2508.18756), equation (15): {@code P x'}.
   *
   * @param preValues [slots, valueSize] FLOAT or DOUBLE
   * @param slots [bags, bagSize]
   * @param inputs [bags, valueSize], dtype of preValues
   * @return [bags, bagSize]
   * @throws IllegalArgumentException as the class says; if a slot is outside [0, slots)
   */
  public static INDArray rowDots(INDArray preValues, INDArray slots, INDArray inputs) {
    return RowDots.of(preValues, slots, inputs);
  }

  /**
   * Gradient of {@link #rowDots} with respect to the rows that were read, and to the inputs. To
   * update the rows at once, pass outGradients as the weights and inputs as the output gradients of
   * {@link MemoryOps#bagAdam}: the gradient of the rows is that of a bag.
   *
   * <pre>
   * dPreValues[r] = sum over (b, k) with slots[b, k] = r of outGradients[b, k] * inputs[b]
   * dInputs[b]    = sum over k of outGradients[b, k] * preValues[slots[b, k]]
   * </pre>
   *
   * <p>Cost: 2 * bags * bagSize * valueSize multiply-adds.
   *
   * @param preValues [slots, valueSize] FLOAT or DOUBLE
   * @param slots [bags, bagSize]
   * @param inputs [bags, valueSize], dtype of preValues
   * @param outGradients [bags, bagSize], dtype of preValues
   * @return the rows touched, their gradients, and the gradients of the inputs
   * @throws IllegalArgumentException as the class says; if a slot is outside [0, slots)
   */
  public static RowDotsGradient rowDotsGradient(
      INDArray preValues, INDArray slots, INDArray inputs, INDArray outGradients) {
    return RowDots.gradient(preValues, slots, inputs, outGradients);
  }
}
