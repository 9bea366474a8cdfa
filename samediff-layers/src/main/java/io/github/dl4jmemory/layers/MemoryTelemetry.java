package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.slf4j.LoggerFactory;

/**
 * A listener that reports how the memories of a network use their slots: one {@link PoolUsage} for
 * each {@link MemoryPool}, with all its readers, and for each {@link ProductKeyMemory}.
 *
 * <pre>
 *   network.addListeners(
 *       MemoryTelemetry.builder().every(100).to(UsageFile.at(Path.of("usage.jsonl"))).build());
 * </pre>
 *
 * <p>It counts what {@code fit(...)} reads: memories whose backward pass runs, those of a frozen
 * pool too; not frozen memories, not evaluation. For these see {@link #measure}.
 *
 * <p>Memories know of the listener from the end of a step's forward pass to the end of the step
 * only; without it they do nothing. A listener watches the first network that trains with it, and
 * no other: DL4J's clones share their listeners with the original, and ParallelWrapper's workers
 * train clones, of which one is watched.
 *
 * <p>Cost of a step: one addition to a count and one to a weight for each access. Cost of a report:
 * a few passes over the slots, so {@code slots / every} slots a step. Memory: 12 bytes a slot, and
 * copies of the accesses of one step.
 */
public final class MemoryTelemetry extends BaseTrainingListener {

  private static final String TITLE = "MemoryTelemetry";

  private final int every;
  private final int window;
  private final List<Consumer<PoolUsage>> consumers;
  private final SubKeyRevival revival; // null: none
  private NetworkObserver observer;
  private boolean watching;
  private int steps;

  private MemoryTelemetry(Builder builder) {
    every = builder.every;
    window = (builder.window() + every - 1) / every;
    revival = builder.seed == null ? null : new SubKeyRevival(builder.seed, window);
    consumers =
        builder.consumers.isEmpty()
            ? List.of(MemoryTelemetry::log)
            : List.copyOf(builder.consumers);
  }

  private static void log(PoolUsage usage) {
    LoggerFactory.getLogger(MemoryTelemetry.class).info("{}", usage.line());
  }

  /**
   * Settings at their defaults.
   *
   * @return a new builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * What evaluation reads: {@code measure(network, () -> network.output(iterator))}.
   *
   * @param network a MultiLayerNetwork or ComputationGraph with memories
   * @param passes makes forward passes of the network, not of training; on this thread
   * @return one report for each table, in the order of the network's layers
   * @throws IllegalArgumentException if the network has no memory, or is of another class
   */
  public static List<PoolUsage> measure(Model network, Runnable passes) {
    NetworkObserver observer = new NetworkObserver(network, false);
    observer.begin(false);
    try {
      passes.run();
    } finally {
      observer.end();
    }
    return observer.report(0, 0, 1, table -> 0);
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalArgumentException if the network has no memory
   */
  @Override
  public void onForwardPass(Model model, List<INDArray> activations) {
    begin(model);
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalArgumentException if the network has no memory
   */
  @Override
  public void onForwardPass(Model model, Map<String, INDArray> activations) {
    begin(model);
  }

  private synchronized void begin(Model model) {
    if (observer == null) {
      observer = new NetworkObserver(model, revival != null);
    }
    if (observer.watches(model)) {
      observer.begin(steps + 1 == every);
      watching = true;
    }
  }

  @Override
  public synchronized void iterationDone(Model model, int iteration, int epoch) {
    if (!watching || !observer.watches(model)) {
      return;
    }
    watching = false;
    observer.end();
    steps++;
    if (steps == every) {
      List<PoolUsage> report =
          observer.report(
              iteration,
              steps,
              window,
              table -> revival == null ? 0 : revival.revive(model, table));
      steps = 0;
      report.forEach(usage -> consumers.forEach(consumer -> consumer.accept(usage)));
    }
  }

  /** Settings of a {@link MemoryTelemetry}; {@link #build} checks them. */
  public static final class Builder {

    private int every = 100;
    private int window;
    private Long seed;
    private final List<Consumer<PoolUsage>> consumers = new ArrayList<>();

    private Builder() {}

    /**
     * Training steps between two reports; default 100.
     *
     * @param steps 1 to 100000
     * @return this builder
     */
    public Builder every(int steps) {
      this.every = steps;
      return this;
    }

    /**
     * Training steps without a read after which a slot is dead, rounded up to whole reports;
     * default 10 reports.
     *
     * @param steps at least every
     * @return this builder
     */
    public Builder window(int steps) {
      this.window = steps;
      return this;
    }

    private int window() {
      return window == 0 ? 10 * every : window;
    }

    /**
     * Makes dead sub-keys reachable again, at every report; default not. A sub-key of one half of
     * one head of a reader is dead when it was part of no slot that this head read for the whole
     * window. It becomes a copy of another sub-key of that half, drawn by its share of the last
     * stretch's reads, with noise of a tenth of its root mean square; those of its slots that are
     * dead take the values of the other's. The updater forgets its state of both. Nothing else is
     * touched. The same seed gives the same training.
     *
     * <p>Cost: a count by sub-key for each access; for a revived sub-key, subKeys rows.
     *
     * @param seed of the choice and the noise
     * @return this builder
     */
    public Builder reviveSubKeys(long seed) {
      this.seed = seed;
      return this;
    }

    /**
     * Who gets the reports, in turn, on the thread that trains; default the log, as {@link
     * PoolUsage#line}.
     *
     * @param consumer takes one report for each table
     * @return this builder
     */
    public Builder to(Consumer<PoolUsage> consumer) {
      Require.that(consumer != null, TITLE, "to", "a consumer", "null", "pass UsageFile.at(path)");
      consumers.add(consumer);
      return this;
    }

    /**
     * Checks the settings and makes the listener.
     *
     * @return a listener for one network
     * @throws IllegalArgumentException if a setting is out of range
     */
    public MemoryTelemetry build() {
      Require.that(
          every >= 1 && every <= MOST_STEPS,
          TITLE,
          "every",
          "1 to " + MOST_STEPS,
          every,
          "use every(100)");
      Require.that(
          window() >= every,
          TITLE,
          "window",
          "at least every = " + every,
          window,
          "use window(1000), or report more often");
      return new MemoryTelemetry(this);
    }

    private static final int MOST_STEPS = 100_000;
  }
}
