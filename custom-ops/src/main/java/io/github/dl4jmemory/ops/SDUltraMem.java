package io.github.dl4jmemory.ops;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/**
 * The operations of {@link UltraMemOps} on a SameDiff graph: differentiable, saved and loaded with
 * it. What {@link SDMemory} says of the native library and of loading holds here too: {@link
 * SDMemory#register()} makes these ops known as well.
 *
 * <p>Every method throws IllegalArgumentException if an argument is missing or of another graph, a
 * type is wrong or a number is below 1, and IllegalStateException if the native library cannot be
 * used, with the reason; when the graph runs, wrong shapes, numbers out of range and NaN scores
 * throw.
 */
public final class SDUltraMem {
  private SDUltraMem() {}

  /**
   * Tucker-decomposed lookup, see {@link UltraMemOps#tuckerTopK}. Differentiable in query, keys and
   * cores; the filters and the choice of slots are constants.
   *
   * @param sd the graph
   * @param name prefix of the output names, {@code name_scores} and {@code name_slots}
   * @param query [batch, heads, 2, rank, keySize], FLOAT or DOUBLE
   * @param keys [heads, 2, rank, subKeys, keySize], type of query
   * @param cores [heads, cores, rank, rank], type of query
   * @param filters [heads, 2, rank], type of query; a constant or a placeholder, from {@link
   *     UltraMemOps#tuckerFilters}
   * @param topK slots to find, 1 to subKeys
   * @return scores [batch, heads, topK, cores] and slots [batch, heads, topK]
   * @throws IllegalArgumentException as the class says
   * @throws IllegalStateException as the class says
   */
  public static SDVariable[] tuckerTopK(
      SameDiff sd,
      String name,
      SDVariable query,
      SDVariable keys,
      SDVariable cores,
      SDVariable filters,
      int topK) {
    Require require = begin(TuckerTopKOp.NAME, sd, name);
    SDMemory.variable(require, sd, "query", query);
    SDMemory.variable(require, sd, "keys", keys);
    SDMemory.variable(require, sd, "cores", cores);
    SDMemory.variable(require, sd, "filters", filters);
    positive(require, "topK", topK);
    SDMemory.register();
    SDVariable[] out =
        new TuckerTopKOp(sd, query, keys, cores, filters, topK).outputVariables(name);
    return new SDVariable[] {out[0].rename(name + "_scores"), out[1].rename(name + "_slots")};
  }

  /**
   * Where virtual slots are in an expanded table, see {@link UltraMemOps#expandSlots}. It has no
   * gradient.
   *
   * @param sd the graph
   * @param name prefix of the output names, {@code name_slots} and {@code name_blocks}
   * @param virtualSlots LONG or INT, any shape up to rank 5
   * @param slotCount rows of the table, stored in the graph
   * @param expansion virtual slots of one row, stored in the graph
   * @param seed chooses the permutation, stored in the graph
   * @return slots and blocks, of the shape of virtualSlots
   * @throws IllegalArgumentException as the class says
   * @throws IllegalStateException as the class says
   */
  public static SDVariable[] expandSlots(
      SameDiff sd, String name, SDVariable virtualSlots, int slotCount, int expansion, int seed) {
    Require require = begin(ExpandSlotsOp.NAME, sd, name);
    SDMemory.variable(require, sd, "virtualSlots", virtualSlots);
    positive(require, "slotCount", slotCount);
    positive(require, "expansion", expansion);
    SDMemory.register();
    SDVariable[] out =
        new ExpandSlotsOp(sd, virtualSlots, slotCount, expansion, seed).outputVariables(name);
    return new SDVariable[] {out[0].rename(name + "_slots"), out[1].rename(name + "_blocks")};
  }

  /**
   * Weighted sums of table rows for each bag and block, see {@link UltraMemOps#expandedBag}.
   * Differentiable in values and weights; SameDiff knows dense gradients only, so the limits of
   * {@link SDMemory#weightedBag} hold.
   *
   * @param sd the graph
   * @param name name of the output
   * @param values [slots, valueSize], FLOAT or DOUBLE
   * @param slots [bags, bagSize], LONG or INT
   * @param blocks [bags, bagSize], LONG or INT
   * @param weights [bags, bagSize, cores], type of values
   * @param expansion blocks, stored in the graph
   * @return [bags, expansion, valueSize]
   * @throws IllegalArgumentException as the class says
   * @throws IllegalStateException as the class says
   */
  public static SDVariable expandedBag(
      SameDiff sd,
      String name,
      SDVariable values,
      SDVariable slots,
      SDVariable blocks,
      SDVariable weights,
      int expansion) {
    Require require = begin(ExpandedBagOp.NAME, sd, name);
    SDMemory.variable(require, sd, "values", values);
    SDMemory.variable(require, sd, "slots", slots);
    SDMemory.variable(require, sd, "blocks", blocks);
    SDMemory.variable(require, sd, "weights", weights);
    positive(require, "expansion", expansion);
    SDMemory.register();
    return new ExpandedBagOp(sd, values, slots, blocks, weights, expansion)
        .outputVariables(name)[0];
  }

  /**
   * Dot products of table rows with an input, see {@link UltraMemOps#rowDots}. Differentiable in
   * preValues (dense, with the limits of {@link SDMemory#weightedBag}) and inputs.
   *
   * @param sd the graph
   * @param name name of the output
   * @param preValues [slots, valueSize], FLOAT or DOUBLE
   * @param slots [bags, bagSize], LONG or INT
   * @param inputs [bags, valueSize], type of preValues
   * @return [bags, bagSize]
   * @throws IllegalArgumentException as the class says
   * @throws IllegalStateException as the class says
   */
  public static SDVariable rowDots(
      SameDiff sd, String name, SDVariable preValues, SDVariable slots, SDVariable inputs) {
    Require require = begin(RowDotsOp.NAME, sd, name);
    SDMemory.variable(require, sd, "preValues", preValues);
    SDMemory.variable(require, sd, "slots", slots);
    SDMemory.variable(require, sd, "inputs", inputs);
    SDMemory.register();
    return new RowDotsOp(sd, preValues, slots, inputs).outputVariables(name)[0];
  }

  private static Require begin(String op, SameDiff sd, String name) {
    Require require = Require.op(op);
    require.present("sd", sd);
    require.present("name", name);
    return require;
  }

  private static void positive(Require require, String parameter, int number) {
    if (number < 1) {
      throw require.error(
          parameter, "1 or more", Integer.toString(number), "check the configuration");
    }
  }
}
