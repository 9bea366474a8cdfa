package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

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
 * null, closed, or of another shape or dtype than stated, or if data is out of range as stated.
 */
public final class MemoryOps {
  /** So that a slot is found by 16 bits for each half. */
  private static final long MOST_SUB_KEYS = 65_536;

  private static final String QUERY = "[batch, heads, keySize]";
  private static final String SUB_KEYS = "[heads, 2, subKeys, keySize/2]";
  private static final String TOP = "[batch, heads, topK]";
  private static final String TABLE = "[slots, valueSize]";
  private static final String BAG = "[bags, bagSize]";
  private static final String BAG_OUT = "[bags, valueSize]";
  private static final String ROWS = "[rows]";
  private static final String ROW_GRADIENTS = "[rows, valueSize]";

  private MemoryOps() {}

  /**
   * The slots that a query finds.
   *
   * @param scores [batch, heads, topK], descending
   * @param slots [batch, heads, topK] LONG
   */
  public record TopK(INDArray scores, INDArray slots) {}

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
    Require require = Require.op("productKeyTopK");
    requireKeys(require, query, subKeys);
    requireTopK(require, topK, subKeys);
    long[] shape = {query.size(0), query.size(1), topK};
    TopK result =
        new TopK(Nd4j.create(query.dataType(), shape), Nd4j.create(DataType.INT64, shape));
    productKeyTopK(query, subKeys, result.scores(), result.slots());
    return result;
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
    Require require = Require.op("productKeyTopK");
    requireKeys(require, query, subKeys);
    require.shape("scoresOut", scoresOut, TOP, query.size(0), query.size(1), ANY);
    require.type("scoresOut", scoresOut, query.dataType());
    long topK = scoresOut.size(2);
    requireTopK(require, topK, subKeys);
    require.shape("slotsOut", slotsOut, TOP, query.size(0), query.size(1), topK);
    require.type("slotsOut", slotsOut, DataType.INT64);
    if (query.isEmpty()) {
      return;
    }
    INDArray q = Dense.in(query);
    INDArray keys = Dense.in(subKeys);
    Dense scores = Dense.out(scoresOut);
    Dense slots = Dense.out(slotsOut);
    require.apart("scoresOut", scores.array(), "query", q);
    require.apart("scoresOut", scores.array(), "subKeys", keys);
    require.apart("slotsOut", slots.array(), "query", q);
    require.apart("slotsOut", slots.array(), "subKeys", keys);
    require.apart("slotsOut", slots.array(), "scoresOut", scores.array());
    long status = KernelChoice.kernels().productKeyTopK(q, keys, scores.array(), slots.array());
    require.ok(status, "query", null, 0);
    scores.publish();
    slots.publish();
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
    requireKeys(Require.op("productKeyTopKGradient"), query, subKeys);
    TopKGradient result =
        new TopKGradient(
            Nd4j.create(query.dataType(), query.shape()),
            Nd4j.create(query.dataType(), subKeys.shape()));
    productKeyTopKGradient(query, subKeys, slots, scoreGradients, result.query(), result.subKeys());
    return result;
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
    Require require = Require.op("productKeyTopKGradient");
    requireKeys(require, query, subKeys);
    DataType type = query.dataType();
    require.shape("slots", slots, TOP, query.size(0), query.size(1), ANY);
    INDArray longSlots = require.longs("slots", slots);
    requireTopK(require, slots.size(2), subKeys);
    require.shape("scoreGradients", scoreGradients, TOP, slots.shape());
    require.type("scoreGradients", scoreGradients, type);
    require.shape("queryGradientsOut", queryGradientsOut, QUERY, query.shape());
    require.type("queryGradientsOut", queryGradientsOut, type);
    require.shape("subKeyGradientsOut", subKeyGradientsOut, SUB_KEYS, subKeys.shape());
    require.type("subKeyGradientsOut", subKeyGradientsOut, type);
    if (query.isEmpty()) {
      subKeyGradientsOut.assign(0);
      return;
    }
    INDArray[] in = {
      Dense.in(query), Dense.in(subKeys), Dense.in(longSlots), Dense.in(scoreGradients)
    };
    String[] names = {"query", "subKeys", "slots", "scoreGradients"};
    Dense dq = Dense.out(queryGradientsOut);
    Dense dk = Dense.out(subKeyGradientsOut);
    for (int i = 0; i < in.length; i++) {
      require.apart("queryGradientsOut", dq.array(), names[i], in[i]);
      require.apart("subKeyGradientsOut", dk.array(), names[i], in[i]);
    }
    require.apart("subKeyGradientsOut", dk.array(), "queryGradientsOut", dq.array());
    long status =
        KernelChoice.kernels()
            .productKeyTopKGradient(in[0], in[1], in[2], in[3], dq.array(), dk.array());
    require.ok(status, "slots", in[2], subKeys.size(2) * subKeys.size(2));
    dq.publish();
    dk.publish();
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
    Require require = Require.op("weightedBag");
    requireTable(require, "values", values);
    require.shape("slots", slots, BAG, ANY, ANY);
    INDArray out = Nd4j.create(values.dataType(), slots.size(0), values.size(1));
    weightedBag(values, slots, weights, out);
    return out;
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
    Require require = Require.op("weightedBag");
    requireTable(require, "values", values);
    require.shape("slots", slots, BAG, ANY, ANY);
    require.positive("slots", slots, 1, "bagSize");
    INDArray longSlots = require.longs("slots", slots);
    require.shape("weights", weights, BAG, slots.shape());
    require.type("weights", weights, values.dataType());
    require.shape("out", out, BAG_OUT, slots.size(0), values.size(1));
    require.type("out", out, values.dataType());
    if (slots.isEmpty()) {
      return;
    }
    INDArray table = Dense.in(values);
    INDArray at = Dense.in(longSlots);
    INDArray w = Dense.in(weights);
    Dense sums = Dense.out(out);
    require.apart("out", sums.array(), "values", table);
    require.apart("out", sums.array(), "slots", at);
    require.apart("out", sums.array(), "weights", w);
    long status = KernelChoice.kernels().weightedBag(table, at, w, sums.array());
    require.ok(status, "slots", at, values.size(0));
    sums.publish();
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
    Require require = Require.op("weightedBagGradient");
    requireTable(require, "values", values);
    require.shape("slots", slots, BAG, ANY, ANY);
    require.positive("slots", slots, 1, "bagSize");
    INDArray longSlots = require.longs("slots", slots);
    requireBagGradients(require, values, weights, outGradients);
    require.shape("weights", weights, BAG, slots.shape());
    TouchedRows touched = new TouchedRows();
    touched.group(require, longSlots, values.size(0));
    INDArray rowGradients = Nd4j.create(values.dataType(), touched.count(), values.size(1));
    INDArray weightGradients = Nd4j.create(values.dataType(), weights.shape());
    bagGradient(
        require,
        values,
        weights,
        outGradients,
        touched,
        Dense.out(rowGradients),
        false,
        Dense.out(weightGradients));
    return new BagGradient(touched.rows(), rowGradients, weightGradients);
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
    Require require = Require.op("weightedBagGradient");
    requireTable(require, "values", values);
    requireBag(require, values, weights, outGradients, touched);
    if (valueGradientsOut != null) {
      require.shape("valueGradientsOut", valueGradientsOut, TABLE, values.shape());
      require.type("valueGradientsOut", valueGradientsOut, values.dataType());
    }
    if (weightGradientsOut != null || valueGradientsOut == null) {
      require.shape("weightGradientsOut", weightGradientsOut, BAG, weights.shape());
      require.type("weightGradientsOut", weightGradientsOut, values.dataType());
    }
    bagGradient(
        require,
        values,
        weights,
        outGradients,
        touched,
        valueGradientsOut == null ? Dense.NONE : Dense.inOut(valueGradientsOut),
        true,
        weightGradientsOut == null ? Dense.NONE : Dense.out(weightGradientsOut));
  }

  private static void bagGradient(
      Require require,
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched,
      Dense rowGradients,
      boolean byRow,
      Dense weightGradients) {
    if (touched.count() == 0) {
      return;
    }
    INDArray[] in = {Dense.in(values), Dense.in(weights), Dense.in(outGradients)};
    String[] names = {"values", "weights", "outGradients"};
    for (int i = 0; i < in.length; i++) {
      require.apart("valueGradientsOut", rowGradients.array(), names[i], in[i]);
      require.apart("weightGradientsOut", weightGradients.array(), names[i], in[i]);
    }
    require.apart(
        "weightGradientsOut", weightGradients.array(), "valueGradientsOut", rowGradients.array());
    long status =
        KernelChoice.kernels()
            .weightedBagGradient(
                in[0],
                in[1],
                in[2],
                touched.accesses(),
                rowGradients.array(),
                byRow,
                weightGradients.array());
    require.ok(status, "touched", touched.rows(), values.size(0));
    rowGradients.publish();
    weightGradients.publish();
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
    Require require = Require.op("rowAdam");
    requireTable(require, "values", values);
    requireLike(require, "m", m, values);
    requireLike(require, "v", v, values);
    INDArray longRows = requireRows(require, values, rows, rowGradients);
    require.present("step", step);
    if (rows.isEmpty()) {
      return;
    }
    Dense table = Dense.inOut(values);
    Dense first = Dense.inOut(m);
    Dense second = Dense.inOut(v);
    INDArray gradients = Dense.in(rowGradients);
    requireApart(
        require,
        new String[] {"values", "m", "v", "rowGradients", "rows"},
        table.array(),
        first.array(),
        second.array(),
        gradients,
        longRows);
    long status =
        KernelChoice.kernels()
            .rowAdam(
                longRows, gradients, false, first.array(), second.array(), table.array(), step);
    require.ok(status, "rows", longRows, values.size(0));
    table.publish();
    first.publish();
    second.publish();
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
    Require require = Require.op("rowAdam");
    requireTable(require, "gradientsInUpdatesOut", gradientsInUpdatesOut);
    requireLike(require, "m", m, gradientsInUpdatesOut);
    requireLike(require, "v", v, gradientsInUpdatesOut);
    TouchedRows.requireGrouped(require, touched, "gradientsInUpdatesOut", gradientsInUpdatesOut);
    require.present("step", step);
    if (touched.count() == 0) {
      return;
    }
    Dense updates = Dense.inOut(gradientsInUpdatesOut);
    Dense first = Dense.inOut(m);
    Dense second = Dense.inOut(v);
    requireApart(
        require,
        new String[] {"gradientsInUpdatesOut", "m", "v"},
        updates.array(),
        first.array(),
        second.array());
    long status =
        KernelChoice.kernels()
            .rowAdam(
                touched.rows(), updates.array(), true, first.array(), second.array(), null, step);
    require.ok(status, "touched", touched.rows(), m.size(0));
    updates.publish();
    first.publish();
    second.publish();
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
    Require require = Require.op("rowSgd");
    requireTable(require, "values", values);
    INDArray longRows = requireRows(require, values, rows, rowGradients);
    require.finite("learningRate", learningRate);
    if (rows.isEmpty()) {
      return;
    }
    Dense table = Dense.inOut(values);
    INDArray gradients = Dense.in(rowGradients);
    requireApart(
        require,
        new String[] {"values", "rowGradients", "rows"},
        table.array(),
        gradients,
        longRows);
    long status =
        KernelChoice.kernels().rowSgd(longRows, gradients, false, table.array(), learningRate);
    require.ok(status, "rows", longRows, values.size(0));
    table.publish();
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
    Require require = Require.op("rowSgd");
    requireTable(require, "gradientsInUpdatesOut", gradientsInUpdatesOut);
    TouchedRows.requireGrouped(require, touched, "gradientsInUpdatesOut", gradientsInUpdatesOut);
    require.finite("learningRate", learningRate);
    require.finite("gradientScale", gradientScale);
    if (touched.count() == 0) {
      return;
    }
    Dense updates = Dense.inOut(gradientsInUpdatesOut);
    long status =
        KernelChoice.kernels()
            .rowSgd(touched.rows(), updates.array(), true, null, learningRate * gradientScale);
    require.ok(status, "touched", touched.rows(), updates.array().size(0));
    updates.publish();
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
    Require require = Require.op("bagAdam");
    requireTable(require, "values", values);
    requireLike(require, "m", m, values);
    requireLike(require, "v", v, values);
    requireBag(require, values, weights, outGradients, touched);
    require.present("step", step);
    if (touched.count() == 0) {
      return;
    }
    Dense table = Dense.inOut(values);
    Dense first = Dense.inOut(m);
    Dense second = Dense.inOut(v);
    INDArray w = Dense.in(weights);
    INDArray out = Dense.in(outGradients);
    requireApart(
        require,
        new String[] {"values", "m", "v", "weights"},
        table.array(),
        first.array(),
        second.array(),
        w);
    requireApart(
        require,
        new String[] {"values", "m", "v", "outGradients"},
        table.array(),
        first.array(),
        second.array(),
        out);
    long status =
        KernelChoice.kernels()
            .bagAdam(
                table.array(), first.array(), second.array(), w, out, touched.accesses(), step);
    require.ok(status, "touched", touched.rows(), values.size(0));
    table.publish();
    first.publish();
    second.publish();
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
    Require require = Require.op("bagSgd");
    requireTable(require, "values", values);
    requireBag(require, values, weights, outGradients, touched);
    require.finite("learningRate", learningRate);
    require.finite("gradientScale", gradientScale);
    if (touched.count() == 0) {
      return;
    }
    Dense table = Dense.inOut(values);
    INDArray w = Dense.in(weights);
    INDArray out = Dense.in(outGradients);
    require.apart("values", table.array(), "weights", w);
    require.apart("values", table.array(), "outGradients", out);
    long status =
        KernelChoice.kernels()
            .bagSgd(table.array(), w, out, touched.accesses(), learningRate * gradientScale);
    require.ok(status, "touched", touched.rows(), values.size(0));
    table.publish();
  }

  /**
   * Zeroes the touched rows of a table.
   *
   * @param touched rows grouped for this table
   * @param table [slots, valueSize] FLOAT or DOUBLE: touched rows become zero
   * @throws IllegalArgumentException as the class says; if touched was grouped for another size
   */
  public static void zeroRows(TouchedRows touched, INDArray table) {
    Require require = Require.op("zeroRows");
    requireTable(require, "table", table);
    TouchedRows.requireGrouped(require, touched, "table", table);
    if (touched.count() == 0) {
      return;
    }
    Dense dense = Dense.inOut(table);
    KernelChoice.kernels().zeroRows(dense.array(), touched.rows());
    dense.publish();
  }

  /**
   * Asks the system to back a table with huge pages, which makes reads of scattered rows cheaper.
   *
   * @param table any contiguous 'c' array
   * @return the bytes now advised; 0 where the system or the kernels in use cannot
   * @throws IllegalArgumentException if the table is null or closed
   */
  public static long adviseHugePages(INDArray table) {
    Require.op("adviseHugePages").open("table", table, "");
    if (table.isEmpty() || !Dense.contiguous(table)) {
      return 0;
    }
    return KernelChoice.kernels().adviseHugePages(table);
  }

  private static void requireKeys(Require require, INDArray query, INDArray subKeys) {
    require.shape("query", query, QUERY, ANY, ANY, ANY);
    require.floating("query", query);
    require.positive("query", query, 1, "heads");
    require.positive("query", query, 2, "keySize");
    long keySize = query.size(2);
    if (keySize % 2 != 0) {
      throw require.error(
          "query", "an even keySize", "keySize " + keySize, query, "use two halves of equal size");
    }
    require.shape("subKeys", subKeys, SUB_KEYS, query.size(1), 2, ANY, keySize / 2);
    if (subKeys.size(2) < 1 || subKeys.size(2) > MOST_SUB_KEYS) {
      throw require.error(
          "subKeys",
          "1 to " + MOST_SUB_KEYS,
          Long.toString(subKeys.size(2)),
          subKeys,
          "use between 1 and " + MOST_SUB_KEYS + " keys on a side");
    }
    require.type("subKeys", subKeys, query.dataType());
  }

  private static void requireTopK(Require require, long topK, INDArray subKeys) {
    if (topK < 1 || topK > subKeys.size(2)) {
      throw require.error(
          "topK",
          "1 to subKeys = " + subKeys.size(2),
          Long.toString(topK),
          subKeys,
          "use a smaller topK or more sub-keys");
    }
  }

  private static void requireTable(Require require, String parameter, INDArray table) {
    require.shape(parameter, table, TABLE, ANY, ANY);
    require.floating(parameter, table);
    require.positive(parameter, table, 0, "slots");
    require.positive(parameter, table, 1, "valueSize");
  }

  private static void requireLike(
      Require require, String parameter, INDArray array, INDArray table) {
    require.shape(parameter, array, TABLE, table.shape());
    require.type(parameter, array, table.dataType());
  }

  private static void requireBagGradients(
      Require require, INDArray values, INDArray weights, INDArray outGradients) {
    require.shape("weights", weights, BAG, ANY, ANY);
    require.positive("weights", weights, 1, "bagSize");
    require.type("weights", weights, values.dataType());
    require.shape("outGradients", outGradients, BAG_OUT, weights.size(0), values.size(1));
    require.type("outGradients", outGradients, values.dataType());
  }

  private static void requireBag(
      Require require,
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      TouchedRows touched) {
    requireBagGradients(require, values, weights, outGradients);
    TouchedRows.requireGrouped(require, touched, "values", values);
    touched.requireAccesses(require, "weights", weights);
  }

  private static INDArray requireRows(
      Require require, INDArray values, INDArray rows, INDArray rowGradients) {
    require.shape("rows", rows, ROWS, ANY);
    INDArray longRows = Dense.in(require.longs("rows", rows));
    require.shape("rowGradients", rowGradients, ROW_GRADIENTS, rows.size(0), values.size(1));
    require.type("rowGradients", rowGradients, values.dataType());
    require.ascending("rows", longRows, values.size(0));
    return longRows;
  }

  private static void requireApart(Require require, String[] names, INDArray... arrays) {
    for (int i = 0; i < arrays.length; i++) {
      for (int j = i + 1; j < arrays.length; j++) {
        require.apart(names[i], arrays[i], names[j], arrays[j]);
      }
    }
  }
}
