package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.MemoryTelemetry;
import io.github.dl4jmemory.layers.PoolUsage;
import io.github.dl4jmemory.layers.ProductKeyLookup;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * How evenly the slots of the memories are read, as a mean over the network's tables.
 *
 * @param shareUsed slots read at least once, of all
 * @param entropy of the distribution of the weights over slots, as a share of its largest value
 *     log(slots); 1 when all slots are read alike (Lample et al. 2019, section 4.5, have KL
 *     instead)
 */
record SlotUsage(double shareUsed, double entropy) {

  /** Reading these rows. */
  static SlotUsage of(ComputationGraph network, List<int[]> rows, int context) {
    List<PoolUsage> tables = tables(network, rows, context);
    return new SlotUsage(
        mean(tables, table -> table.weights().share()),
        mean(tables, table -> 1 - table.weights().kl() / Math.log(table.slots())));
  }

  /** What reading these rows uses of each table. */
  static List<PoolUsage> tables(ComputationGraph network, List<int[]> rows, int context) {
    return MemoryTelemetry.measure(
        network,
        () -> {
          int atOnce = Evaluation.rowsAtOnce(context);
          for (int from = 0; from < rows.size(); from += atOnce) {
            List<int[]> part = rows.subList(from, Math.min(rows.size(), from + atOnce));
            network.output(TrainingData.batch(part, context).getFeatures(0));
          }
        });
  }

  private static double mean(List<PoolUsage> tables, ToDoubleFunction<PoolUsage> number) {
    return tables.stream().mapToDouble(number).average().orElseThrow();
  }

  static boolean hasMemory(ComputationGraph network) {
    return Arrays.stream(network.getLayers())
        .anyMatch(layer -> layer.conf().getLayer() instanceof ProductKeyLookup);
  }
}
