package io.github.dl4jmemory.layers;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * How a table was read, by all memories that share it, in a stretch of training or in evaluation
 * passes. Tokens that are masked count nowhere.
 *
 * @param pool name of the {@link MemoryPool}, or of the {@link ProductKeyMemory}, that owns the
 *     table
 * @param iteration of the stretch's last step, as DL4J tells its listeners, from 0; 0 for
 *     evaluation passes
 * @param steps training steps of the stretch; 0 for evaluation passes
 * @param slots rows of the table
 * @param reads accesses in the stretch
 * @param counts how the accesses spread over the slots
 * @param weights how their softmax weights spread, to 0.2% of a slot's part
 * @param deadSlots slots that were not read in the last deadSteps steps
 * @param deadSteps what deadSlots looks back on: the listener's window in whole stretches, less
 *     where training has had fewer; 0 for evaluation passes, whose dead slots were not read in them
 * @param updateNorm mean Euclidean norm of the change that the stretch's last step made to a row,
 *     over at most 64 distinct rows that it read, evenly spaced among the accesses of one reader; 0
 *     for evaluation passes
 * @param rowNorm mean Euclidean norm of these rows after that step
 * @param revivedSubKeys sub-keys that were then made reachable again, in all halves of heads; see
 *     {@link MemoryTelemetry.Builder#reviveSubKeys}
 * @param readers one for each memory that was trained, or read in evaluation passes
 */
public record PoolUsage(
    String pool,
    int iteration,
    int steps,
    long slots,
    long reads,
    SlotSpread counts,
    SlotSpread weights,
    long deadSlots,
    int deadSteps,
    double updateNorm,
    double rowNorm,
    int revivedSubKeys,
    List<Reader> readers) {

  /**
   * How sharply a memory chooses among the topK slots of a head.
   *
   * @param name of the layer
   * @param topK slots that a head reads
   * @param entropy of the softmax weights, {@code -sum_k w_k log w_k} in nats, for every head: 0
   *     when one slot has all the weight, log(topK) when all have the same; mean over at most 64
   *     tokens a pass, evenly spaced
   */
  public record Reader(String name, int topK, List<Double> entropy) {}

  /**
   * The main numbers in one line.
   *
   * @return text for a log
   */
  public String line() {
    return String.format(
        Locale.ROOT,
        "%s, iteration %d: %.1f%% of %d slots read, KL %.2f nats, Gini %.3f, 50/90/99%% of the reads"
            + " in %d/%d/%d slots, %d slots dead for %d steps, update %.2g of rows of %.2g, %d sub-keys"
            + " revived, entropy %s",
        pool,
        iteration,
        100 * counts.share(),
        slots,
        counts.kl(),
        counts.gini(),
        counts.top50(),
        counts.top90(),
        counts.top99(),
        deadSlots,
        deadSteps,
        updateNorm,
        rowNorm,
        revivedSubKeys,
        readers.stream().map(PoolUsage::entropies).collect(Collectors.joining(", ")));
  }

  private static String entropies(Reader reader) {
    return reader.name()
        + reader.entropy().stream()
            .map(nats -> String.format(Locale.ROOT, " %.2f", nats))
            .collect(Collectors.joining())
        + String.format(Locale.ROOT, " of %.2f", Math.log(reader.topK()));
  }
}
