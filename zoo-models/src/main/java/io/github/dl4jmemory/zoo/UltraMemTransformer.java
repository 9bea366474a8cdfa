package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.PoolFiles;
import io.github.dl4jmemory.layers.SkipMemories;
import io.github.dl4jmemory.layers.TuckerMemory;
import io.github.dl4jmemory.layers.TuckerMemoryBuilder;
import io.github.dl4jmemory.layers.UltraMem;
import io.github.dl4jmemory.layers.UltraMemV2;
import io.github.dl4jmemory.layers.ValueStorage;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * A decoder language model with several small memories beside its blocks, as a DL4J zoo model: a
 * dense {@link MemoryTransformer} and, for each span i : j, an {@link UltraMem} or {@link
 * UltraMemV2} {@code memory0}, {@code memory1}, … that reads what the feed-forward layer of block i
 * reads and is added to what block j puts out. Blocks are counted from 0; spans may overlap. {@link
 * MemoryTransformer#save} and {@link MemoryTransformer#load} take this network too. The value
 * tables of the paper's shapes are larger than parameters of a network can be: {@link Builder#file}
 * keeps them in files.
 *
 * <pre>{@code
 * ComputationGraph model =
 *     UltraMemTransformer.builder()
 *         .vocabulary(1024)
 *         .model(64)
 *         .layers(6)
 *         .memory(UltraMem.builder().subKeys(64).topK(16).transformerLayers(6).build())
 *         .span(1, 2)
 *         .span(3, 4)
 *         .build()
 *         .init();
 * }</pre>
 *
 * <p>Immutable. Sources: Huang et al. 2024, arXiv 2411.12364, section 3 (memories with skips);
 * 2025, arXiv 2508.18756, section 3 (a memory beside every feed-forward layer: {@link
 * Builder#spanOfEveryBlock}).
 */
@SuppressWarnings("unchecked") // DL4J declares <M extends Model> M init()
public final class UltraMemTransformer extends TokenZooModel {
  private static final String OWNER = "UltraMemTransformer";

  private final TransformerSettings settings;
  private final SkipSettings memories;

  private UltraMemTransformer(TransformerSettings settings, SkipSettings memories) {
    this.settings = settings;
    this.memories = memories;
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
   * UltraMem-151M-x12: 12 blocks of 1024, three memories of 1100² slots of 512 values. Its memory
   * sizes are inferred from the paper's numbers of parameters; the paper names 2.03 billion without
   * embeddings.
   *
   * @param vocabulary number of token ids
   * @return settings, to be changed or built
   */
  public static Builder paper151M(long vocabulary) {
    return paper(vocabulary, 1024, 12, 16, memory(1100, 500, 12)).span(2, 4).span(5, 7).span(8, 10);
  }

  /**
   * UltraMem-680M-x12: 24 blocks of 1536, four memories of 1632² slots of 768 values, inferred like
   * those of {@link #paper151M}; the paper names 8.93 billion parameters.
   *
   * @param vocabulary number of token ids
   * @return settings, to be changed or built
   */
  public static Builder paper680M(long vocabulary) {
    return paper(vocabulary, 1536, 24, 16, memory(1632, 726, 24))
        .span(2, 6)
        .span(7, 11)
        .span(12, 16)
        .span(17, 21);
  }

  /**
   * UltraMem-1.6B-x12: 32 blocks of 2048, six memories of 1789² slots of 1024 values, inferred like
   * those of {@link #paper151M}; the paper names 21.41 billion parameters.
   *
   * @param vocabulary number of token ids
   * @return settings, to be changed or built
   */
  public static Builder paper1600M(long vocabulary) {
    return paper(vocabulary, 2048, 32, 16, memory(1789, 806, 32))
        .span(2, 6)
        .span(7, 11)
        .span(12, 16)
        .span(17, 21)
        .span(22, 26)
        .span(27, 31);
  }

  private static Builder paper(long vocabulary, int model, int layers, int heads, UltraMem memory) {
    int hidden = Math.round(8 * model / 3f); // three matrices of it have the paper's 8 model²
    return builder()
        .vocabulary(vocabulary)
        .model(model)
        .layers(layers)
        .heads(heads)
        .hidden(hidden)
        .context(2048)
        .memory(memory);
  }

  private static UltraMem memory(long subKeys, long keySize, int layers) {
    return UltraMem.builder().subKeys(subKeys).keySize(keySize).transformerLayers(layers).build();
  }

  /**
   * Configuration of the graph.
   *
   * @return a new configuration
   */
  public ComputationGraphConfiguration conf() {
    return new TransformerGraph(settings, null, memories).conf();
  }

  /**
   * A new network with random parameters, ready to train: row-sparse training is attached.
   *
   * @return an initialised graph
   */
  @Override
  public ComputationGraph init() {
    return MemoryTransformer.network(conf());
  }

  /**
   * Multiply-adds of one forward pass for one token, as {@link
   * MemoryTransformer#multiplyAddsPerToken} and {@link TuckerMemory#multiplyAddsPerToken} count
   * them.
   *
   * @return multiply-adds per token
   */
  @Override
  public long multiplyAddsPerToken() {
    return new TransformerCost(settings, null, memories).multiplyAddsPerToken();
  }

  /**
   * Number of trained parameters, counted without making them; the filters of the memories are
   * none.
   *
   * @return the number of parameters
   */
  @Override
  public long parameterCount() {
    return new TransformerCost(settings, null, memories).parameterCount();
  }

  /** Settings of an {@link UltraMemTransformer}; {@link #build} checks them. */
  public static final class Builder extends TransformerBuilder<Builder> {
    private final List<SkipSettings.Span> spans = new ArrayList<>();
    private TuckerMemory memory = UltraMem.builder().build();
    private boolean everyBlock;
    private boolean asynchronous;
    private String file;
    private ValueStorage storage;

    private Builder() {}

    /**
     * Settings of every memory, the updater of its values among them; default those of {@link
     * UltraMem}. The number of outputs is left to the model.
     *
     * @param memory an UltraMem or UltraMemV2
     * @return this builder
     */
    public Builder memory(TuckerMemory memory) {
      this.memory = memory;
      return this;
    }

    /**
     * Keeps the value tables in files beside the model, which so may be larger than the memory of
     * the machine: {@code file-memory0}, {@code file-memory1}, …, and as {@link
     * TuckerMemoryBuilder#file} says; default that of {@link #memory}, none. The network is saved
     * by {@link MemoryTransformer#save} or {@link PoolFiles#save}.
     *
     * @param file how the paths of the files begin
     * @param storage how the files store rows: FLOAT32, BFLOAT16 or INT8
     * @return this builder
     */
    public Builder file(String file, ValueStorage storage) {
      this.file = file;
      this.storage = storage;
      return this;
    }

    /**
     * One more memory; default none.
     *
     * @param from block whose feed-forward input it reads, from 0
     * @param after block to whose output it is added, from {@code from} on
     * @return this builder
     */
    public Builder span(int from, int after) {
      spans.add(new SkipSettings.Span(from, after));
      return this;
    }

    /**
     * A memory beside the feed-forward layer of every block, in the place of spans.
     *
     * @return this builder
     */
    public Builder spanOfEveryBlock() {
      everyBlock = true;
      return this;
    }

    /**
     * Whether each memory works on a thread of its own beside the blocks of its span; default
     * false. Results and parameters are the same; {@link SkipMemories#addTo(GraphBuilder, boolean,
     * SkipMemories.Span...)} says when it pays.
     *
     * @param asynchronous true for threads
     * @return this builder
     */
    public Builder asynchronous(boolean asynchronous) {
      this.asynchronous = asynchronous;
      return this;
    }

    /**
     * Checks the settings and makes the model.
     *
     * @return the model; later changes of this builder do not change it
     * @throws IllegalArgumentException when a setting is out of range, or settings contradict
     */
    public UltraMemTransformer build() {
      TransformerSettings settings = dense(OWNER);
      Require.that(
          memory != null, OWNER, "memory", "an UltraMem or UltraMemV2", "null", "pass one");
      Require.that(
          !everyBlock || spans.isEmpty(),
          OWNER,
          "spans",
          "spans, or one of every block",
          "both",
          "leave span(...) or spanOfEveryBlock() out");
      List<SkipSettings.Span> all = new ArrayList<>(spans);
      for (int block = 0; everyBlock && block < settings.layers(); block++) {
        all.add(new SkipSettings.Span(block, block));
      }
      Require.that(
          !all.isEmpty(), OWNER, "spans", "at least one memory", "none", "call span(from, after)");
      for (SkipSettings.Span span : all) {
        Require.that(
            span.from() >= 0 && span.from() <= span.after() && span.after() < settings.layers(),
            OWNER,
            "span",
            "0 <= from <= after < layers = " + settings.layers(),
            span.from() + " : " + span.after(),
            "count blocks from 0");
      }
      TuckerMemory settled = file == null ? memory.clone() : memory.withFile(file, storage);
      SkipSettings memories = new SkipSettings(settled, all, asynchronous);
      memories.parameters(settings.model()); // refuses sizes that contradict
      return new UltraMemTransformer(settings, memories);
    }
  }
}
