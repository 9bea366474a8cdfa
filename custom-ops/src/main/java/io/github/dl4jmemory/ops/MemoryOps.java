package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The operations of a memory layer on arrays, eagerly: look up slots by product keys, read a
 * weighted bag of rows, and update the rows that were read. Each runs on native kernels where they
 * are available and on portable Java kernels elsewhere ({@link KernelChoice}).
 *
 * <p>Axes: batch, heads, topK, subKeys (n, the keys of one side), slots (n * n), keySize (both
 * halves together), valueSize, bags, bagSize. All floating arrays of a call are FLOAT or all are
 * DOUBLE; slots are LONG (INT is cast). Arrays may be views in any order and with any strides; an
 * array that is not contiguous in 'c' order is copied first, whole, so keep tables in 'c' order. An
 * output must not share memory with another argument. An empty batch gives an empty result. Results
 * do not depend on the number of threads.
 *
 * <p>Every method throws IllegalArgumentException, before it writes to any array, if an argument is
 * null, closed, or of another shape or dtype than stated, if a number (or a product of two) is not
 * finite in the dtype of the arrays, or if data is out of range as stated.
 */
public final class MemoryOps {
  private MemoryOps() {}

  /**
   * The slots that a query finds.
   *
   * @param scores [batch, heads, topK], descending
   * @param slots [batch, heads, topK] LONG
   */
  public record TopK(INDArray scores, INDArray slots) {}

  /**
   * The best sub-keys of one half.
   *
   * @param scores [batch, heads, topK], descending
   * @param indices [batch, heads, topK] LONG
   */
  public record HalfTopK(INDArray scores, INDArray indices) {}

  /**
   * Gradients of {@link #productKeyTopK(INDArray, INDArray, int)}.
   *
   * @param query [batch, heads, keySize]
   * @param subKeys [heads, 2, subKeys, keySize/2]
   */
  public record TopKGradient(INDArray query, INDArray subKeys) {}

  /**
   * Gradients of {@link #weightedBag(INDArray, INDArray, INDArray)}; those of the table for the
   * rows read only.
   *
   * @param rows [rows] LONG, the distinct slots read, ascending
   * @param rowGradients [rows, valueSize]
   * @param weightGradients [bags, bagSize]
   */
  public record BagGradient(INDArray rows, INDArray rowGradients, INDArray weightGradients) {}

  /**
   * Exact product-key top-k: the best topK of n * n slots, by the scores of 2 * n half keys.
   *
   * <pre>
   * q1, q2   = halves of query[b, h]
   * u1[i]    = q1 . subKeys[h, 0, i]
   * u2[j]    = q2 . subKeys[h, 1, j]
   * score    = u1[i] + u2[j],  slot = i * n + j
   * </pre>
   *
   * The halves are ordered by score descending, then index ascending; the result, among the pairs
   * of ranks (p, q) from 1 with p * q at most topK, by rounded sum descending, then slot ascending.
   * These pairs hold the topK best sums of all n * n.
   *
   * <p>Cost: batch * heads * n * keySize multiply-adds; heads * n * keySize elements of sub-keys
   * are read.
   *
   * <p>Source: Lample et al. 2019 (arXiv 1907.05242), section 3.2; used by Berges et al. 2024
   * (arXiv 2412.09764), section 3.1. The pairs with p * q at most topK are ours.
   *
   * @param query [batch, heads, keySize] FLOAT or DOUBLE, keySize even
   * @param subKeys [heads, 2, subKeys, keySize/2], dtype of query
   * @param topK slots to find, 1 to subKeys
   * @return scores and slots
   * @throws IllegalArgumentException as the class says; if keySize is odd, topK is below 1 or above
   *     subKeys, or a score is NaN
   */
  public static TopK productKeyTopK(INDArray query, INDArray subKeys, int topK) {
    return ProductKeyTopK.find(query, subKeys, topK);
  }

  /**
   * {@link #productKeyTopK(INDArray, INDArray, int)} into given arrays; topK is their last size.
   *
   * @param query [batch, heads, keySize] FLOAT or DOUBLE, keySize even
   * @param subKeys [heads, 2, subKeys, keySize/2], dtype of query
   * @param scoresOut [batch, heads, topK], dtype of query: assigned
   * @param slotsOut [batch, heads, topK] LONG: assigned
   * @throws IllegalArgumentException as the class says; if keySize is odd, topK is below 1 or above
   *     subKeys, or a score is NaN
   */
  public static void productKeyTopK(
      INDArray query, INDArray subKeys, INDArray scoresOut, INDArray slotsOut) {
    ProductKeyTopK.find(query, subKeys, scoresOut, slotsOut);
  }

  /**
   * One half of {@link #productKeyTopK(INDArray, INDArray, int)}, for a worker that has one half of
   * the sub-keys: the topK best of {@code u[i] = queryHalf[b, h] . subKeysHalf[h, i]}, by score
   * descending, then index ascending. {@link #mergeHalves} makes slots of two of them; together
   * they give the bits of productKeyTopK.
   *
   * <p>Cost: batch * heads * n * keySize/2 multiply-adds; heads * n * keySize/2 elements of
   * sub-keys are read, in place where the rows of a head are contiguous: {@code query.get(all(),
   * all(), interval(0, keySize/2))} and {@code subKeys.get(all(), point(0), all(), all())} are not
   * copied.
   *
   * <p>Source: as {@link #productKeyTopK(INDArray, INDArray, int)}.
   *
   * @param queryHalf [batch, heads, keySize/2] FLOAT or DOUBLE
   * @param subKeysHalf [heads, subKeys, keySize/2], dtype of queryHalf
   * @param topK sub-keys to find, 1 to subKeys
   * @return scores and indices
   * @throws IllegalArgumentException as the class says; if topK is below 1 or above subKeys, or a
   *     score is NaN
   */
  public static HalfTopK halfTopK(INDArray queryHalf, INDArray subKeysHalf, int topK) {
    return LookupHalves.find(queryHalf, subKeysHalf, topK);
  }

  /**
   * The slots that two halves stand for: among the pairs of ranks (p, q) from 1 with p * q at most
   * topK, the topK best by rounded sum of scores descending, then {@code slot = indices1[p] *
   * subKeys + indices2[q]} ascending. The lists must be in the order that {@link #halfTopK} gives
   * them; that is not checked.
   *
   * <p>Cost: batch * heads * topK * ln(topK) sums; no key is read.
   *
   * @param first best of the first half, [batch, heads, topK]
   * @param second best of the second half, same shape
   * @param subKeys sub-keys of a half
   * @param scoresOut [batch, heads, topK] FLOAT or DOUBLE: assigned
   * @param slotsOut [batch, heads, topK] LONG: assigned
   * @throws IllegalArgumentException as the class says; if an index is outside [0, subKeys) or
   *     stands in a list twice, or a sum is NaN
   */
  public static void mergeHalves(
      HalfTopK first, HalfTopK second, long subKeys, INDArray scoresOut, INDArray slotsOut) {
    LookupHalves.merge(first, second, subKeys, scoresOut, slotsOut);
  }

  /**
   * Gradient of {@link #productKeyTopK(INDArray, INDArray, int)} with respect to the query and the
   * sub-keys. The choice of slots is not differentiated; a key that was not chosen gets zero.
   *
   * <pre>
   * for each found slot = i * n + j with score gradient g:
   *   dq1 += g * subKeys[h, 0, i]      dSubKeys[h, 0, i] += g * q1
   *   dq2 += g * subKeys[h, 1, j]      dSubKeys[h, 1, j] += g * q2
   * </pre>
   *
   * <p>Cost: 2 * batch * heads * topK * keySize multiply-adds.
   *
   * @param query [batch, heads, keySize] FLOAT or DOUBLE, keySize even
   * @param subKeys [heads, 2, subKeys, keySize/2], dtype of query
   * @param slots [batch, heads, topK], as found
   * @param scoreGradients [batch, heads, topK], dtype of query
   * @return the gradients
   * @throws IllegalArgumentException as the class says; if keySize is odd, or a slot is outside [0,
   *     subKeys * subKeys)
   */
  public static TopKGradient productKeyTopKGradient(
      INDArray query, INDArray subKeys, INDArray slots, INDArray scoreGradients) {
    return ProductKeyTopK.gradient(query, subKeys, slots, scoreGradients);
  }

  /**
   * {@link #productKeyTopKGradient(INDArray, INDArray, INDArray, INDArray)} into given arrays.
   *
   * @param query [batch, heads, keySize] FLOAT or DOUBLE, keySize even
   * @param subKeys [heads, 2, subKeys, keySize/2], dtype of query
   * @param slots [batch, heads, topK], as found
   * @param scoreGradients [batch, heads, topK], dtype of query
   * @param queryGradientsOut shape and dtype of query: assigned
   * @param subKeyGradientsOut shape of subKeys, dtype of query: assigned
   * @throws IllegalArgumentException as the class says; if keySize is odd, or a slot is outside [0,
   *     subKeys * subKeys)
   */
  public static void productKeyTopKGradient(
      INDArray query,
      INDArray subKeys,
      INDArray slots,
      INDArray scoreGradients,
      INDArray queryGradientsOut,
      INDArray subKeyGradientsOut) {
    ProductKeyTopK.gradient(
        query, subKeys, slots, scoreGradients, queryGradientsOut, subKeyGradientsOut);
  }

  /**
   * Weighted sums of table rows, one a bag: {@code out[b] = sum over k of weights[b, k] *
   * values[slots[b, k]]}. A slot may stand in a bag more than once.
   *
   * <p>Cost: bags * bagSize * valueSize multiply-adds, and as many elements read.
   *
   * <p>Source: Berges et al. 2024 (arXiv 2412.09764), section 3.1, equation (1): {@code y = s V_I}.
   *
   * @param values [slots, valueSize] FLOAT or DOUBLE
   * @param slots [bags, bagSize]
   * @param weights [bags, bagSize], dtype of values
   * @return [bags, valueSize]
   * @throws IllegalArgumentException as the class says; if a slot is outside [0, slots)
   */
  public static INDArray weightedBag(INDArray values, INDArray slots, INDArray weights) {
    return WeightedBag.sum(values, slots, weights);
  }

  /**
   * {@link #weightedBag(INDArray, INDArray, INDArray)} into a given array.
   *
   * @param values [slots, valueSize] FLOAT or DOUBLE
   * @param slots [bags, bagSize]
   * @param weights [bags, bagSize], dtype of values
   * @param out [bags, valueSize], dtype of values: assigned
   * @throws IllegalArgumentException as the class says; if a slot is outside [0, slots)
   */
  public static void weightedBag(INDArray values, INDArray slots, INDArray weights, INDArray out) {
    WeightedBag.sum(values, slots, weights, out);
  }

  /**
   * Gradient of {@link #weightedBag(INDArray, INDArray, INDArray)} with respect to the rows that
   * were read, and to the weights. No array of the size of the table is made.
   *
   * <pre>
   * dValues[r]  = sum over (b, k) with slots[b, k] = r of weights[b, k] * outGradients[b]
   * dWeights[b, k] = outGradients[b] . values[slots[b, k]]
   * </pre>
   *
   * <p>Cost: 2 * bags * bagSize * valueSize multiply-adds; bags * bagSize * valueSize elements of
   * output gradients and every touched row are read.
   *
   * @param values [slots, valueSize] FLOAT or DOUBLE
   * @param slots [bags, bagSize]
   * @param weights [bags, bagSize], dtype of values
   * @param outGradients [bags, valueSize], dtype of values
   * @return the rows touched, their gradients, and the gradients of the weights
   * @throws IllegalArgumentException as the class says; if a slot is outside [0, slots)
   */
  public static BagGradient weightedBagGradient(
      INDArray values, INDArray slots, INDArray weights, INDArray outGradients) {
    return WeightedBag.gradient(values, slots, weights, outGradients);
  }

  /**
   * {@link #weightedBagGradient(INDArray, INDArray, INDArray, INDArray)} into given arrays: the
   * gradient of a touched row goes to its row of a table-shaped array, whose other rows are not
   * touched.
   *
   * @param values [slots, valueSize] FLOAT or DOUBLE
   * @param weights [bags, bagSize], dtype of values
   * @param outGradients [bags, valueSize], dtype of values
   * @param touched the slots [bags, bagSize] of the bags, grouped for this table
   * @param valueGradientsOut [slots, valueSize], dtype of values: touched rows are assigned; null
   *     where {@link #bagAdam} or {@link #bagSgd} form them
   * @param weightGradientsOut [bags, bagSize], dtype of values: assigned; null where weights are
   *     constants
   * @throws IllegalArgumentException as the class says; if touched was grouped for a table or for
   *     bags of another size, or both results are null
   */
  public static void weightedBagGradient(
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched,
      INDArray valueGradientsOut,
      INDArray weightGradientsOut) {
    WeightedBag.gradient(
        values, weights, outGradients, touched, valueGradientsOut, weightGradientsOut);
  }

  /**
   * Gradient of {@link #weightedBag(INDArray, INDArray, INDArray)} with respect to the weights
   * alone: {@code weightGradientsOut[b, k] = outGradients[b] . values[slots[b, k]]}. The accesses
   * need not be grouped; the bits are those of {@link #weightedBagGradient(INDArray, INDArray,
   * INDArray, INDArray)}.
   *
   * <p>Cost: bags * bagSize * valueSize multiply-adds, and as many elements read.
   *
   * @param values [slots, valueSize] FLOAT or DOUBLE
   * @param slots [bags, bagSize]
   * @param outGradients [bags, valueSize], dtype of values
   * @param weightGradientsOut [bags, bagSize], dtype of values: assigned
   * @throws IllegalArgumentException as the class says; if a slot is outside [0, slots)
   */
  public static void weightedBagWeightGradient(
      INDArray values, INDArray slots, INDArray outGradients, INDArray weightGradientsOut) {
    WeightedBag.weightGradient(values, slots, outGradients, weightGradientsOut);
  }

  /**
   * Causal attention of each token to the first tokens, to separators, and to its last tokens.
   *
   * <pre>
   * out[b, i, h] = sum over visible j of p[j] * values[b, j, g],   g = h * keyValueHeads / heads
   * p            = softmax over visible j of query[b, i, h] . keys[b, j, g] / sqrt(headSize)
   * visible      = j &lt;= i, j no padding, and one of: j among the first {@code initial} tokens that
   *                are no padding; j a separator; i - j &lt; window
   * </pre>
   *
   * Every visible key counts once. With window = time this is dense causal attention. Positions
   * (rotary) are the caller's. A token of padding is no key, and its output is zero.
   *
   * <p>Cost: 2 * headSize multiply-adds for every visible pair and head. No array of time * time is
   * made; memory beside the arguments is that of the keys and values of one head a thread.
   *
   * <p>Source: Chen et al. 2025 (arXiv 2412.12094), section 3.2, equations (1) and (2).
   *
   * @param query [batch, time, heads, headSize] FLOAT or DOUBLE
   * @param keys [batch, time, keyValueHeads, headSize], dtype of query; keyValueHeads divides heads
   * @param values shape and dtype of keys
   * @param kinds BYTE [batch, time]: 0 a token, 1 a separator, 2 padding
   * @param initial first tokens that stay visible, at least 0
   * @param window last tokens that are visible, the token itself among them, at least 1
   * @param out shape and dtype of query: assigned
   * @param logSums [batch, heads, time], dtype of query: assigned the logarithms of the sums that
   *     divide the softmax, which the gradient needs; infinity for padding
   * @throws IllegalArgumentException as the class says; if keyValueHeads does not divide heads, a
   *     kind is none of these, or a size is out of range
   */
  public static void separatorAttention(
      INDArray query,
      INDArray keys,
      INDArray values,
      INDArray kinds,
      long initial,
      long window,
      INDArray out,
      INDArray logSums) {
    AttentionInput in = new AttentionInput(query, keys, values, kinds, initial, window);
    SeparatorAttention.forward(in, out, logSums);
  }

  /**
   * Gradient of {@link #separatorAttention} with respect to query, keys and values.
   *
   * <pre>
   * d[j]     = p[j] * (outGradients[b, i, h] . values[j] - outGradients[b, i, h] . out[b, i, h])
   * dQuery   = sum over visible j of d[j] * keys[j] / sqrt(headSize)
   * dKeys[j] = sum over the queries that see j of d[j] * query / sqrt(headSize)
   * dValues[j] = sum over the queries that see j of p[j] * outGradients
   * </pre>
   *
   * <p>Cost: 5 * headSize multiply-adds for every visible pair and head; on native kernels, at most
   * batch * keyValueHeads threads.
   *
   * @param query as forward had it, as are keys, values, kinds, initial and window
   * @param keys [batch, time, keyValueHeads, headSize]
   * @param values shape of keys
   * @param kinds BYTE [batch, time]
   * @param initial first tokens that stay visible
   * @param window last tokens that are visible
   * @param out what forward assigned
   * @param logSums what forward assigned
   * @param outGradients shape and dtype of out
   * @param queryGradientsOut shape and dtype of query: assigned
   * @param keyGradientsOut shape and dtype of keys: assigned
   * @param valueGradientsOut shape and dtype of values: assigned
   * @throws IllegalArgumentException as {@link #separatorAttention} does
   */
  public static void separatorAttentionGradient(
      INDArray query,
      INDArray keys,
      INDArray values,
      INDArray kinds,
      long initial,
      long window,
      INDArray out,
      INDArray logSums,
      INDArray outGradients,
      INDArray queryGradientsOut,
      INDArray keyGradientsOut,
      INDArray valueGradientsOut) {
    AttentionInput in = new AttentionInput(query, keys, values, kinds, initial, window);
    INDArray[] results = {queryGradientsOut, keyGradientsOut, valueGradientsOut};
    SeparatorAttention.backward(in, out, logSums, outGradients, results);
  }

  /**
   * Attention of one token to a cache of keys and values, for each row of a batch to as many as the
   * row holds:
   *
   * <pre>
   * out[b, h] = sum over j &lt; counts[b] of p[j] * values[b, g, j],   g = h * keyValueHeads / heads
   * p         = softmax over j &lt; counts[b] of query[b, h] . keys[b, g, j] / sqrt(headSize)
   * </pre>
   *
   * Positions are the caller's. A row that holds no keys gives zeros.
   *
   * <p>Cost: the first counts[b] keys and values of each row are read once, with 2 * headSize
   * multiply-adds for each of them and head; nothing is allocated that grows with the cache.
   * Several threads are used only where each has a megabyte to read.
   *
   * <p>Source: Vaswani et al. 2017 (arXiv 1706.03762), equation (1); grouped heads: Ainslie et al.
   * 2023 (arXiv 2305.13245).
   *
   * @param query [batch, heads, headSize] FLOAT or DOUBLE
   * @param keys [batch, keyValueHeads, capacity, headSize], dtype of query, contiguous;
   *     keyValueHeads divides heads
   * @param values shape and dtype of keys, contiguous
   * @param counts [batch] LONG: keys of each row, 0 to capacity
   * @param weightsOut [batch, heads, capacity], dtype of query, contiguous: the first counts[b] of
   *     a row are assigned p, the others stay as they are
   * @param out [batch, heads, headSize], dtype of query: assigned
   * @throws IllegalArgumentException as the class says; if keyValueHeads does not divide heads, a
   *     count is out of range, or the cache or weightsOut is not contiguous
   */
  public static void decodeAttention(
      INDArray query,
      INDArray keys,
      INDArray values,
      INDArray counts,
      INDArray weightsOut,
      INDArray out) {
    DecodeAttention.attend(
        new DecodeInput(query, keys, values, counts, null, null), weightsOut, out);
  }

  /**
   * {@link #decodeAttention(INDArray, INDArray, INDArray, INDArray, INDArray, INDArray)} with
   * rotary positions within the cache: key j, which is kept as it was projected, is turned to
   * position j as it is read, and the query to position counts[b] - 1, its own place. So keys may
   * be moved within the cache without a change to them.
   *
   * <pre>
   * turned[i]        = x[i] * cosines[j, i] - x[i + half] * sines[j, i]        i &lt; half = rotary / 2
   * turned[i + half] = x[i + half] * cosines[j, i] + x[i] * sines[j, i]
   * turned[i]        = x[i]                                                    i &gt;= rotary
   * </pre>
   *
   * <p>Cost: as there, and 2 * rotary multiply-adds for each key; the table is read from a cache of
   * the processor, where it stays.
   *
   * <p>Sources: Su et al. 2021 (arXiv 2104.09864), equation (34); positions within the cache: Xiao
   * et al. 2023 (arXiv 2309.17453), section 3.2, and Chen et al. 2025 (arXiv 2412.12094), section
   * 3.3.
   *
   * @param query [batch, heads, headSize] FLOAT or DOUBLE, not turned
   * @param keys [batch, keyValueHeads, capacity, headSize], dtype of query, contiguous, not turned
   * @param values shape and dtype of keys, contiguous
   * @param counts [batch] LONG: keys of each row, 0 to capacity
   * @param cosines [positions, rotary / 2], dtype of query; positions at least capacity, rotary at
   *     most headSize
   * @param sines shape and dtype of cosines
   * @param weightsOut [batch, heads, capacity], dtype of query, contiguous: the first counts[b] of
   *     a row are assigned p, the others stay as they are
   * @param out [batch, heads, headSize], dtype of query: assigned
   * @throws IllegalArgumentException as there; if the table is too short or has too many angles
   */
  public static void decodeAttention(
      INDArray query,
      INDArray keys,
      INDArray values,
      INDArray counts,
      INDArray cosines,
      INDArray sines,
      INDArray weightsOut,
      INDArray out) {
    DecodeAttention.attend(
        new DecodeInput(query, keys, values, counts, cosines, sines), weightsOut, out);
  }

  /**
   * Rows that are sorted by group, times the matrix of their group: {@code out[r] = rows[r]
   * weights[g]} for {@code starts[g] <= r < starts[g + 1]}. Matrices of groups without rows are not
   * read. Made for few rows a group (a mixture of experts at decoding): each matrix is read once,
   * as it lies. For many rows a group, as in training, take one BLAS product a group.
   *
   * <p>Cost: rows * nIn * nOut multiply-adds; nIn * nOut elements read for every group with rows.
   *
   * @param rows [rows, nIn] FLOAT or DOUBLE
   * @param weights [groups, nIn, nOut], dtype of rows
   * @param starts [groups + 1] LONG: the first row of each group, and at the end the number of rows
   * @param out [rows, nOut], dtype of rows: assigned
   * @throws IllegalArgumentException as the class says; if starts do not ascend from 0 to the
   *     number of rows
   */
  public static void groupedMatmul(INDArray rows, INDArray weights, INDArray starts, INDArray out) {
    GroupedMatmul.run(rows, weights, starts, out);
  }

  /**
   * Lazy Adam on the rows of a table, in place: moments and values of rows that are not named stay
   * as they are, bit for bit; the formula is that of {@link AdamStep}, then {@code values -= u}.
   *
   * <p>Cost: about 10 operations for each of rows * valueSize elements; four arrays of that size
   * are read and three are written.
   *
   * <p>Source: Kingma and Ba 2015 (arXiv 1412.6980), algorithm 1, row by row with the global step;
   * sparse value updates as in Berges et al. 2024 (arXiv 2412.09764), section 3.1.
   *
   * @param values [slots, valueSize] FLOAT or DOUBLE: changed
   * @param m [slots, valueSize], dtype of values, first moments: changed
   * @param v [slots, valueSize], dtype of values, second moments: changed
   * @param rows [rows] distinct, ascending
   * @param rowGradients [rows, valueSize], dtype of values
   * @param step the numbers of the step
   * @throws IllegalArgumentException as the class says; if a row is outside [0, slots), or rows do
   *     not ascend
   */
  public static void rowAdam(
      INDArray values,
      INDArray m,
      INDArray v,
      INDArray rows,
      INDArray rowGradients,
      AdamStep step) {
    RowUpdate.adam(values, m, v, rows, rowGradients, step);
  }

  /**
   * Lazy Adam for a caller that subtracts later: the gradient rows of touched become the update
   * rows u of {@link AdamStep}, and the moments of these rows change.
   *
   * @param touched rows grouped for this table
   * @param gradientsInUpdatesOut [slots, valueSize] FLOAT or DOUBLE: touched rows are changed
   * @param m [slots, valueSize], same dtype, first moments: touched rows are changed
   * @param v [slots, valueSize], same dtype, second moments: touched rows are changed
   * @param step the numbers of the step
   * @throws IllegalArgumentException as the class says; if touched was grouped for another size
   */
  public static void rowAdam(
      TouchedRows touched, INDArray gradientsInUpdatesOut, INDArray m, INDArray v, AdamStep step) {
    RowUpdate.adam(touched, gradientsInUpdatesOut, m, v, step);
  }

  /**
   * Gradient descent on the rows of a table, in place: {@code values[rows[j]] -= learningRate *
   * rowGradients[j]}. Cost: rows * valueSize multiply-adds; two arrays of that size are read and
   * one is written.
   *
   * @param values [slots, valueSize] FLOAT or DOUBLE: changed
   * @param rows [rows] distinct, ascending
   * @param rowGradients [rows, valueSize], dtype of values
   * @param learningRate the learning rate
   * @throws IllegalArgumentException as the class says; if a row is outside [0, slots), rows do not
   *     ascend, or the learning rate is not finite
   */
  public static void rowSgd(
      INDArray values, INDArray rows, INDArray rowGradients, double learningRate) {
    RowUpdate.sgd(values, rows, rowGradients, learningRate);
  }

  /**
   * Gradient descent for a caller that subtracts later: the gradient rows of touched become {@code
   * learningRate * gradientScale * gradient}.
   *
   * @param touched rows grouped for this table
   * @param gradientsInUpdatesOut [slots, valueSize] FLOAT or DOUBLE: touched rows are changed
   * @param learningRate the learning rate
   * @param gradientScale factor on every gradient, such as 1 / batch
   * @throws IllegalArgumentException as the class says; if touched was grouped for another size, or
   *     a number is not finite
   */
  public static void rowSgd(
      TouchedRows touched,
      INDArray gradientsInUpdatesOut,
      double learningRate,
      double gradientScale) {
    RowUpdate.sgd(touched, gradientsInUpdatesOut, learningRate, gradientScale);
  }

  /**
   * Backward and update of a weighted bag's table in one pass: the gradient of {@link
   * #weightedBag(INDArray, INDArray, INDArray)} with respect to the rows that were read, and lazy
   * Adam ({@link AdamStep}) on these rows at once. The gradient is nowhere stored. Rows and moments
   * that were not read stay as they are, bit for bit.
   *
   * <pre>
   * gradient[r] = sum over (b, k) with slots[b, k] = r of weights[b, k] * outGradients[b]
   * values[r]  -= u(gradient[r], m[r], v[r])
   * </pre>
   *
   * <p>The gradients of the weights need the values as they were: take them first. Cost: bags *
   * bagSize * valueSize multiply-adds; every touched row of values, m and v is read and written
   * once.
   *
   * <p>Source: as {@link #rowAdam(INDArray, INDArray, INDArray, INDArray, INDArray, AdamStep)}.
   *
   * @param values [slots, valueSize] FLOAT or DOUBLE: touched rows are changed
   * @param m [slots, valueSize], dtype of values, first moments: touched rows are changed
   * @param v [slots, valueSize], dtype of values, second moments: touched rows are changed
   * @param weights [bags, bagSize], dtype of values
   * @param outGradients [bags, valueSize], dtype of values
   * @param touched the slots [bags, bagSize] of the bags, grouped for this table
   * @param step the numbers of the step
   * @throws IllegalArgumentException as the class says; if touched was grouped for a table or for
   *     bags of another size
   */
  public static void bagAdam(
      INDArray values,
      INDArray m,
      INDArray v,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched,
      AdamStep step) {
    BagUpdate.adam(values, m, v, weights, outGradients, touched, step);
  }

  /**
   * {@link #bagAdam} with gradient descent: {@code values[r] -= learningRate * gradientScale *
   * gradient[r]} for every row that was read.
   *
   * @param values [slots, valueSize] FLOAT or DOUBLE: touched rows are changed
   * @param weights [bags, bagSize], dtype of values
   * @param outGradients [bags, valueSize], dtype of values
   * @param touched the slots [bags, bagSize] of the bags, grouped for this table
   * @param learningRate the learning rate
   * @param gradientScale factor on every gradient, such as 1 / batch
   * @throws IllegalArgumentException as the class says; if touched was grouped for a table or for
   *     bags of another size, or a number is not finite
   */
  public static void bagSgd(
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched,
      double learningRate,
      double gradientScale) {
    BagUpdate.sgd(values, weights, outGradients, touched, learningRate, gradientScale);
  }

  /**
   * Zeroes the touched rows of a table.
   *
   * @param touched rows grouped for this table
   * @param table [slots, valueSize] FLOAT or DOUBLE: touched rows become zero
   * @throws IllegalArgumentException as the class says; if touched was grouped for another size
   */
  public static void zeroRows(TouchedRows touched, INDArray table) {
    RowUpdate.zero(touched, table);
  }

  /**
   * Asks the system to back a table with huge pages, which makes reads of scattered rows cheaper.
   *
   * @param table any contiguous 'c' array
   * @return the bytes now advised; 0 where the system or the kernels in use cannot
   * @throws IllegalArgumentException if the table is null or closed
   */
  public static long adviseHugePages(INDArray table) {
    return Table.adviseHugePages(table);
  }

  /**
   * {@link #weightedBag(INDArray, INDArray, INDArray)} of a table in any storage: {@code out[b] =
   * sum over k of weights[b, k] * row(slots[b, k])}, in float32.
   *
   * <p>Cost: bags * bagSize * valueSize multiply-adds, and as many stored values read: of 4, 2 or 1
   * bytes.
   *
   * @param table the table
   * @param slots [bags, bagSize]
   * @param weights [bags, bagSize] FLOAT
   * @param out [bags, valueSize] FLOAT: assigned
   * @throws IllegalArgumentException as the class says; if a slot is outside [0, slots)
   */
  public static void weightedBag(
      CompactTable table, INDArray slots, INDArray weights, INDArray out) {
    CompactBag.sum(table, slots, weights, out);
  }

  /**
   * Gradient of {@link #weightedBag(CompactTable, INDArray, INDArray, INDArray)} with respect to
   * the weights: {@code weightGradientsOut[b, k] = outGradients[b] . row(slots[b, k])}. The
   * accesses need not be grouped. Cost: as forward.
   *
   * @param table the table
   * @param slots [bags, bagSize]
   * @param outGradients [bags, valueSize] FLOAT
   * @param weightGradientsOut [bags, bagSize] FLOAT: assigned
   * @throws IllegalArgumentException as the class says; if a slot is outside [0, slots)
   */
  public static void weightedBagWeightGradient(
      CompactTable table, INDArray slots, INDArray outGradients, INDArray weightGradientsOut) {
    CompactBag.weightGradient(table, slots, outGradients, weightGradientsOut);
  }

  /**
   * {@link #bagAdam(INDArray, INDArray, INDArray, INDArray, INDArray, TouchedRows, AdamStep)} on a
   * table in any storage: a touched row is decoded, takes the step in float32, and is written with
   * stochastic rounding ({@link CompactTable}). The moments stay float32.
   *
   * <p>Numbers that are not finite are not looked for, here as in the operations on arrays: they
   * pass from the gradients into the rows they touch. The results on bfloat16 and int8 tables are
   * the same on every kernel, bit for bit.
   *
   * <p>Cost: bags * bagSize * valueSize multiply-adds; every touched row of the table, m and v is
   * read and written once.
   *
   * @param table the table: touched rows are changed
   * @param m [slots, valueSize] FLOAT, contiguous, first moments: touched rows are changed
   * @param v [slots, valueSize] FLOAT, contiguous, second moments: touched rows are changed
   * @param weights [bags, bagSize] FLOAT
   * @param outGradients [bags, valueSize] FLOAT
   * @param touched the slots [bags, bagSize] of the bags, grouped for this table
   * @param step the numbers of the step
   * @param seed of the rounding; another one at every step, such as its number. Not used by a
   *     float32 table
   * @throws IllegalArgumentException as the class says; if touched was grouped for a table or for
   *     bags of another size, or m or v is not contiguous
   */
  public static void bagAdam(
      CompactTable table,
      INDArray m,
      INDArray v,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched,
      AdamStep step,
      long seed) {
    CompactBag.adam(table, m, v, weights, outGradients, touched, step, seed);
  }

  /**
   * {@link #bagAdam(CompactTable, INDArray, INDArray, INDArray, INDArray, TouchedRows, AdamStep,
   * long)} with gradient descent: {@code row(r) -= learningRate * gradientScale * gradient[r]} for
   * every row that was read.
   *
   * @param table the table: touched rows are changed
   * @param weights [bags, bagSize] FLOAT
   * @param outGradients [bags, valueSize] FLOAT
   * @param touched the slots [bags, bagSize] of the bags, grouped for this table
   * @param learningRate the learning rate
   * @param gradientScale factor on every gradient, such as 1 / batch
   * @param seed of the rounding; another one at every step, such as its number. Not used by a
   *     float32 table
   * @throws IllegalArgumentException as the class says; if touched was grouped for a table or for
   *     bags of another size, or a number is not finite
   */
  public static void bagSgd(
      CompactTable table,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched,
      double learningRate,
      double gradientScale,
      long seed) {
    CompactBag.sgd(table, weights, outGradients, touched, learningRate, gradientScale, seed);
  }

  /**
   * Rows of a table as float32, exactly as every operation here reads them.
   *
   * @param table the table
   * @param rows [rows] LONG or INT, in any order; a row may be named more than once
   * @return [rows, valueSize] FLOAT
   * @throws IllegalArgumentException as the class says; if a row is outside [0, slots)
   */
  public static INDArray readRows(CompactTable table, INDArray rows) {
    return CompactRows.read(table, rows);
  }

  /**
   * Writes rows of a table, with stochastic rounding ({@link CompactTable}). What was read from a
   * bfloat16 table is written back with the same bits; from an int8 table not always, because its
   * scale is computed again: to undo, keep the stored values and scales.
   *
   * @param table the table: the rows are assigned
   * @param rows [rows] LONG or INT, distinct, ascending
   * @param values [rows, valueSize] FLOAT, finite
   * @param seed of the rounding. Not used by a float32 table
   * @throws IllegalArgumentException as the class says; if a row is outside [0, slots), rows do not
   *     ascend, or a value is not finite
   */
  public static void writeRows(CompactTable table, INDArray rows, INDArray values, long seed) {
    CompactRows.write(table, rows, values, seed);
  }

  /**
   * Fills a table with normal numbers of mean 0: each is a function of the seed, its row and its
   * column, the same on every kernel and for any number of threads. Bfloat16 and int8 rows are
   * written with stochastic rounding. No number is beyond 6.7 deviations.
   *
   * <p>Cost: one pass that writes every row once and reads none, with about 30 operations a value.
   *
   * @param table the table: assigned
   * @param deviation standard deviation
   * @param seed any number
   * @throws IllegalArgumentException as the class says; if deviation is not in (0, 1e37]
   */
  public static void initialiseNormal(CompactTable table, double deviation, long seed) {
    CompactRows.initialise(table, deviation, seed);
  }
}
