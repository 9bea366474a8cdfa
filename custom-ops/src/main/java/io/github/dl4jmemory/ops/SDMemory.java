package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.imports.converters.ImportClassMapping;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The memory operations on a SameDiff graph: differentiable, saved and loaded with it.
 *
 * <p>SameDiff runs only ops that libnd4j knows, so these need the native library and nd4j-native
 * 1.0.0-M2.1 on linux-x86_64; elsewhere they throw, and {@link MemoryOps} serves. A program that
 * loads a saved graph calls {@link #register()} before {@code SameDiff.load}.
 */
public final class SDMemory {

  private SDMemory() {}

  /**
   * Makes the ops known to SameDiff in this JVM. The methods of this class call it themselves; a
   * program that only loads a graph must call it first. Calling it again changes nothing.
   *
   * @throws IllegalStateException if the native library cannot be used, with the reason
   */
  public static void register() {
    NativeLibrary.nd4jOps().opHash(ProductKeyTopKOp.NAME);
    List<MemoryOp> ops =
        List.of(
            new ProductKeyTopKOp(),
            new ProductKeyTopKGradientOp(),
            new WeightedBagOp(),
            new WeightedBagGradientOp(),
            new RowAdamOp(),
            new RowSgdOp(),
            new TuckerTopKOp(),
            new TuckerTopKGradientOp(),
            new ExpandSlotsOp(),
            new ExpandedBagOp(),
            new ExpandedBagGradientOp(),
            new RowDotsOp(),
            new SeparatorAttentionOp(),
            new SeparatorAttentionGradientOp());
    synchronized (SDMemory.class) {
      ops.forEach(op -> ImportClassMapping.getOpNameMapping().putIfAbsent(op.opName(), op));
    }
  }

  /**
   * Finds the topK best of n*n slots for every query. The slot i*n + j scores {@code <q1, K1[i]> +
   * <q2, K2[j]>}, where q1 and q2 are the halves of the query and K1 and K2 the two sides of the
   * sub-keys of its head. Exact; the order of equal scores is that of {@link
   * MemoryOps#productKeyTopK(INDArray, INDArray, int)}.
   *
   * <ul>
   *   <li>query [batch, heads, keySize], FLOAT or DOUBLE; keySize even
   *   <li>subKeys [heads, 2, n, keySize/2], the same type
   *   <li>result: scores [batch, heads, topK], the same type, descending; slots [batch, heads,
   *       topK], LONG
   * </ul>
   *
   * <p>Differentiable in query and subKeys through the scores; the choice of slots has no gradient.
   * Cost: batch*heads*n*keySize multiply-adds. Source: Lample et al., "Large Memory Layers with
   * Product Keys", 2019, section 3.2; their subkeys C and C' are the two sides here.
   *
   * @param sd the graph
   * @param name prefix of the output names, {@code name_scores} and {@code name_slots}
   * @param query the queries
   * @param subKeys the sub-keys
   * @param topK slots per query, 1 to n
   * @return scores and slots
   * @throws IllegalArgumentException if an argument is missing or of another graph, a type is wrong
   *     or topK is below 1; when the graph runs, wrong shapes, topK above n and NaN scores throw
   * @throws IllegalStateException if the native library cannot be used, with the reason
   */
  public static SDVariable[] productKeyTopK(
      SameDiff sd, String name, SDVariable query, SDVariable subKeys, int topK) {
    Require require = Require.op(ProductKeyTopKOp.NAME);
    require.present("sd", sd);
    require.present("name", name);
    variable(require, sd, "query", query);
    variable(require, sd, "subKeys", subKeys);
    if (topK < 1) {
      throw require.error("topK", "1 to n", Integer.toString(topK), "choose a larger topK");
    }
    register();
    SDVariable[] out = new ProductKeyTopKOp(sd, query, subKeys, topK).outputVariables(name);
    return new SDVariable[] {out[0].rename(name + "_scores"), out[1].rename(name + "_slots")};
  }

  /**
   * Sums weighted rows of a table: {@code out[b] = sum_k weights[b, k] * values[slots[b, k]]}.
   *
   * <ul>
   *   <li>values [slots, valueSize], FLOAT or DOUBLE
   *   <li>slots [bags, bagSize], LONG or INT
   *   <li>weights [bags, bagSize], the type of values
   *   <li>result [bags, valueSize], the type of values
   * </ul>
   *
   * <p>Differentiable in values and weights. SameDiff knows dense gradients only: the gradient of
   * values is an array of its size, logged as a warning above 2^24 values and refused above 2^28.
   * Cost: bags*bagSize*valueSize multiply-adds, and as many values read.
   *
   * @param sd the graph
   * @param name name of the output
   * @param values the table
   * @param slots the rows to sum
   * @param weights their weights
   * @return the sums
   * @throws IllegalArgumentException if an argument is missing or of another graph or a type is
   *     wrong; when the graph runs, wrong shapes and slots outside of the table throw
   * @throws IllegalStateException if the native library cannot be used, with the reason
   */
  public static SDVariable weightedBag(
      SameDiff sd, String name, SDVariable values, SDVariable slots, SDVariable weights) {
    Require require = Require.op(WeightedBagOp.NAME);
    require.present("sd", sd);
    require.present("name", name);
    variable(require, sd, "values", values);
    variable(require, sd, "slots", slots);
    variable(require, sd, "weights", weights);
    register();
    return new WeightedBagOp(sd, values, slots, weights).outputVariables(name)[0];
  }

  /**
   * Adam on given rows of a table, as a function: the results are the table and the moments with
   * these rows changed as {@link MemoryOps#rowAdam(INDArray, INDArray, INDArray, INDArray,
   * INDArray, AdamStep)} says, all other rows bit for bit as they were. It has no gradient. Cost:
   * that of MemoryOps, and a copy of values, m and v.
   *
   * <ul>
   *   <li>values, m, v [slots, valueSize], FLOAT or DOUBLE, one type
   *   <li>rows [rows], LONG or INT, ascending, each once
   *   <li>rowGradients [rows, valueSize], the type of values
   *   <li>result: values, m, v [slots, valueSize], the same type
   * </ul>
   *
   * @param sd the graph
   * @param name prefix of the output names, {@code name_values}, {@code name_m} and {@code name_v}
   * @param values the table
   * @param m its first moments
   * @param v its second moments
   * @param rows the rows to change
   * @param rowGradients their gradients
   * @param step the numbers of the step, stored in the graph
   * @return values, m and v after the step
   * @throws IllegalArgumentException if an argument is missing or of another graph, a type is wrong
   *     or does not hold a number of the step; when the graph runs, wrong shapes, rows outside of
   *     the table and rows that do not ascend throw
   * @throws IllegalStateException if the native library cannot be used, with the reason
   */
  public static SDVariable[] rowAdam(
      SameDiff sd,
      String name,
      SDVariable values,
      SDVariable m,
      SDVariable v,
      SDVariable rows,
      SDVariable rowGradients,
      AdamStep step) {
    Require require = Require.op(RowAdamOp.NAME);
    require.present("sd", sd);
    require.present("name", name);
    variable(require, sd, "values", values);
    variable(require, sd, "m", m);
    variable(require, sd, "v", v);
    variable(require, sd, "rows", rows);
    variable(require, sd, "rowGradients", rowGradients);
    AdamStep.require(require, step, values.dataType());
    register();
    SDVariable[] in = {values, m, v, rows, rowGradients};
    SDVariable[] out = new RowAdamOp(sd, in, step).outputVariables(name);
    return new SDVariable[] {
      out[0].rename(name + "_values"), out[1].rename(name + "_m"), out[2].rename(name + "_v")
    };
  }

  /**
   * Gradient descent on given rows of a table, as a function: {@code values[rows[j]] - learningRate
   * * rowGradients[j]}, all other rows bit for bit as they were. It has no gradient. Cost: that of
   * {@link MemoryOps#rowSgd(INDArray, INDArray, INDArray, double)}, and a copy of values.
   *
   * <ul>
   *   <li>values [slots, valueSize], FLOAT or DOUBLE
   *   <li>rows [rows], LONG or INT, ascending, each once
   *   <li>rowGradients [rows, valueSize], the type of values
   *   <li>result [slots, valueSize], the same type
   * </ul>
   *
   * @param sd the graph
   * @param name name of the output
   * @param values the table
   * @param rows the rows to change
   * @param rowGradients their gradients
   * @param learningRate the learning rate, stored in the graph
   * @return the table after the step
   * @throws IllegalArgumentException if an argument is missing or of another graph, a type is wrong
   *     or the learning rate is not finite in the type of values; when the graph runs, wrong
   *     shapes, rows outside of the table and rows that do not ascend throw
   * @throws IllegalStateException if the native library cannot be used, with the reason
   */
  public static SDVariable rowSgd(
      SameDiff sd,
      String name,
      SDVariable values,
      SDVariable rows,
      SDVariable rowGradients,
      double learningRate) {
    Require require = Require.op(RowSgdOp.NAME);
    require.present("sd", sd);
    require.present("name", name);
    variable(require, sd, "values", values);
    variable(require, sd, "rows", rows);
    variable(require, sd, "rowGradients", rowGradients);
    require.finite("learningRate", learningRate, values.dataType());
    register();
    SDVariable[] in = {values, rows, rowGradients};
    return new RowSgdOp(sd, in, learningRate).outputVariables(name)[0];
  }

  /**
   * Causal attention of each token to the first tokens, to separators, and to its last tokens, as
   * {@link MemoryOps#separatorAttention} says it, with its formula, cost and source.
   *
   * <ul>
   *   <li>query [batch, time, heads, headSize], FLOAT or DOUBLE
   *   <li>keys, values [batch, time, keyValueHeads, headSize], the type of query; keyValueHeads
   *       divides heads
   *   <li>kinds BYTE [batch, time]: 0 a token, 1 a separator, 2 padding
   *   <li>result: shape and type of query
   * </ul>
   *
   * <p>Differentiable in query, keys and values.
   *
   * @param sd the graph
   * @param name name of the output
   * @param query the queries
   * @param keys the keys
   * @param values the values
   * @param kinds what each token is
   * @param initial first tokens that stay visible, at least 0; stored in the graph
   * @param window last tokens that are visible, the token itself among them, at least 1; {@code
   *     Integer.MAX_VALUE} for dense causal attention; stored in the graph
   * @return the attention
   * @throws IllegalArgumentException if an argument is missing or of another graph, a type is wrong
   *     or a number is out of range; when the graph runs, wrong shapes and kinds throw
   * @throws IllegalStateException if the native library cannot be used, with the reason
   */
  public static SDVariable separatorAttention(
      SameDiff sd,
      String name,
      SDVariable query,
      SDVariable keys,
      SDVariable values,
      SDVariable kinds,
      int initial,
      int window) {
    Require require = Require.op(SeparatorAttentionOp.NAME);
    require.present("sd", sd);
    require.present("name", name);
    variable(require, sd, "query", query);
    variable(require, sd, "keys", keys);
    variable(require, sd, "values", values);
    variable(require, sd, "kinds", kinds);
    SeparatorAttention.requireSizes(require, initial, window);
    register();
    SDVariable[] in = {query, keys, values, kinds};
    return new SeparatorAttentionOp(sd, in, initial, window).outputVariables(name)[0];
  }

  /** ND4J binds the inputs of an op by name, so those of another graph would go unnoticed. */
  static void variable(Require require, SameDiff sd, String parameter, SDVariable value) {
    require.present(parameter, value);
    if (value.getSameDiff() != sd) {
      throw require.error(
          parameter, "a variable of this graph", "one of another", "make it with this SameDiff");
    }
  }
}
