package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.CausalAttention;
import io.github.dl4jmemory.layers.IntervalMarks;
import io.github.dl4jmemory.layers.MemoryPool;
import io.github.dl4jmemory.layers.PoolFiles;
import io.github.dl4jmemory.layers.ProductKeyMemory;
import io.github.dl4jmemory.layers.RmsNorm;
import io.github.dl4jmemory.layers.RowSparseTraining;
import io.github.dl4jmemory.layers.SeparatorAttention;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.util.ModelSerializer;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * A decoder language model, dense or with product-key memory in chosen blocks, as a DL4J zoo model.
 *
 * <pre>
 * x = embedding[ids]
 * for every block:  x = x + attention(norm(x))
 *                   x = x + feedForward(norm(x))
 * p = softmax(norm(x) W)
 * </pre>
 *
 * <p>feedForward is a SwiGLU; in the blocks of {@code memoryBlocks} it is a {@link
 * ProductKeyMemory} instead ({@link Placement#REPLACE}) or the sum of both ({@link
 * Placement#BESIDE}). Each memory has a table of its own, or all read one {@link MemoryPool}
 * ({@link Builder#sharedPool}, layer {@code pool}). Normalisation is {@link RmsNorm}, attention is
 * {@link CausalAttention} (rotary positions), or {@link SeparatorAttention} ({@link
 * Builder#separatorAttention}, flags of layer {@code separators}). The graph has one input, {@code
 * ids} [batch, time], and one output, {@code next} [batch, time, vocabulary]; labels are the ids
 * one step later, [batch, time], with a mask where some do not count. Vertices are named {@code
 * embedding}, {@code attention0}, {@code feedForward0}, {@code memory0}, …, {@code next}.
 *
 * <pre>{@code
 * ComputationGraph model =
 *     MemoryTransformer.builder().vocabulary(1024).model(64).memoryBlocks(1).build().init();
 * }</pre>
 *
 * <p>Immutable. Sources: Vaswani et al. 2017, arXiv 1706.03762; Berges et al., Memory Layers at
 * Scale, arXiv 2412.09764, section 3 (there the memory always replaces the feed-forward block); Kim
 * and Jung 2020 and UltraMemV2, arXiv 2508.18756 (memory beside it).
 */
@SuppressWarnings("unchecked") // DL4J declares <M extends Model> M init()
public final class MemoryTransformer extends TokenZooModel {
  /** Where a memory stands in its block. */
  public enum Placement {
    /** In the place of the feed-forward layer. */
    REPLACE,
    /** Beside the feed-forward layer; both are added to the residual stream. */
    BESIDE
  }

  private static final String OWNER = "MemoryTransformer";

  private final TransformerSettings settings;

  private MemoryTransformer(TransformerSettings settings) {
    this.settings = settings;
  }

  /**
   * Settings at their defaults: a dense model.
   *
   * @return a new builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Blocks for memories that are spread around the middle of a model: {@code memories} of them,
   * {@code stride} blocks apart. Berges et al. place 3, with stride 8 (blocks 4, 12 and 20 of 24),
   * or 4 in their smallest model (2, 6 and 10 of 12): arXiv 2412.09764, sections 3.1.3 and 5.1.
   *
   * @param layers blocks of the model
   * @param memories at least 1
   * @param stride at least 1
   * @return blocks for {@link Builder#memoryBlocks}, ascending
   * @throws IllegalArgumentException when so many do not fit so far apart
   */
  public static int[] centredBlocks(int layers, int memories, int stride) {
    Require.that(
        memories >= 1 && stride >= 1 && (memories - 1L) * stride < layers,
        OWNER,
        "centredBlocks",
        "memories and stride of at least 1 that fit into " + layers + " layers",
        memories + " memories, stride " + stride,
        "use fewer memories or a smaller stride");
    int first = (layers - (memories - 1) * stride) / 2;
    return IntStream.range(0, memories).map(i -> first + i * stride).toArray();
  }

  /**
   * The places of Berges et al., for a model of any depth: three memories, or as many as fit, eight
   * blocks apart where three fit so, else four.
   *
   * @param layers blocks of the model, at least 1
   * @return blocks for {@link Builder#memoryBlocks}, ascending; 4, 12 and 20 of 24, 2, 6 and 10 of
   *     12, the middle one of 3
   * @throws IllegalArgumentException when layers is not positive
   */
  public static int[] centredBlocks(int layers) {
    int memories = Math.max(1, Math.min(3, (layers + 3) / 4));
    return centredBlocks(layers, memories, layers > 16 ? 8 : 4);
  }

  /**
   * Configuration of the graph.
   *
   * @return a new configuration
   */
  public ComputationGraphConfiguration conf() {
    return new TransformerGraph(settings, null, null).conf();
  }

  /**
   * A new network with random parameters, ready to train: row-sparse training is attached.
   *
   * @return an initialised graph
   */
  @Override
  public ComputationGraph init() {
    return network(conf());
  }

  static ComputationGraph network(ComputationGraphConfiguration conf) {
    ComputationGraph network = new ComputationGraph(conf);
    network.init();
    RowSparseTraining.attach(network);
    return network;
  }

  /**
   * Saves a network with its updater state, by {@link PoolFiles#save}; the file is complete or not
   * there.
   *
   * @param network a network made by {@link #init} or {@link #load}
   * @param file where to write
   * @throws IOException when it cannot be written
   */
  public static void save(ComputationGraph network, Path file) throws IOException {
    Files.createDirectories(file.toAbsolutePath().getParent());
    PoolFiles.save(network, file);
  }

  /**
   * Restores a saved network with its updater state, ready to train on: row-sparse training is
   * attached. One more {@code fit} gives the bits that it would have given before saving.
   *
   * @param file a file of {@link #save}, or of DL4J's ModelSerializer
   * @return the network
   * @throws IOException when the file cannot be read or is no saved network
   */
  public static ComputationGraph load(Path file) throws IOException {
    ComputationGraph network = ModelSerializer.restoreComputationGraph(file.toFile(), true);
    RowSparseTraining.attach(network);
    return network;
  }

  /**
   * Multiply-adds of one forward pass for one token, averaged over the positions of a full context:
   *
   * <pre>
   * block:   4 model² + model (context + 1)      attention: projections; scores and mix, causal
   *          3 model hidden                      feed-forward, where there is one
   *          model memoryHeads keySize           memory, where there is one: queries,
   *          + memoryHeads subKeys keySize         scores against all sub-keys,
   *          + memoryHeads topK valueSize          weighted sum of value rows,
   *          + 2 model valueSize                   gate and output
   * output:  model vocabulary
   * </pre>
   *
   * <p>With separator attention, {@code model (context + 1)} is {@code 2 model} for each initial
   * token, each token of the window and each marked at an interval; separators, whose number is the
   * text's, are not counted.
   *
   * <p>Elementwise work (normalisation, activations, softmax, residual sums) is not counted: it is
   * of the order of a few times model per layer. A training step costs three times as much.
   *
   * @return multiply-adds per token
   */
  @Override
  public long multiplyAddsPerToken() {
    return new TransformerCost(settings, null, null).multiplyAddsPerToken();
  }

  /**
   * Number of trained parameters, counted without making them.
   *
   * @return the number that {@code init().numParams()} has
   */
  @Override
  public long parameterCount() {
    return new TransformerCost(settings, null, null).parameterCount();
  }

  /**
   * Longest sequence that the model is trained on.
   *
   * @return context
   */
  public int context() {
    return settings.context();
  }

  /** Settings of a {@link MemoryTransformer}; {@link #build} checks them against each other. */
  public static final class Builder {
    private long vocabulary = 1024;
    private int model = 64;
    private int layers = 2;
    private int heads = 4;
    private int hidden = 176;
    private int context = 128;
    private SeparatorSettings attention; // null: dense
    private List<Integer> memoryBlocks; // null: nobody has said
    private Placement placement = Placement.REPLACE;
    private boolean sharedPool;
    private int memoryHeads = 2;
    private long subKeys = 128;
    private int keySize = 32;
    private int topK = 8;
    private boolean queryBatchNorm;
    private long valueSize;
    private double learningRate = 3e-3;
    private double valueLearningRate = 1e-2;
    private int warmup;
    private int steps;
    private long seed = 1;
    private DataType dataType = DataType.FLOAT;

    private Builder() {}

    /**
     * Number of token ids; default 1024.
     *
     * @param vocabulary at least 2
     * @return this builder
     */
    public Builder vocabulary(long vocabulary) {
      this.vocabulary = vocabulary;
      return this;
    }

    /**
     * Features of a token in the residual stream; default 64.
     *
     * @param model a multiple of 2 heads
     * @return this builder
     */
    public Builder model(int model) {
      this.model = model;
      return this;
    }

    /**
     * Number of blocks; default 2.
     *
     * @param layers at least 1
     * @return this builder
     */
    public Builder layers(int layers) {
      this.layers = layers;
      return this;
    }

    /**
     * Attention heads; default 4.
     *
     * @param heads at least 1
     * @return this builder
     */
    public Builder heads(int heads) {
      this.heads = heads;
      return this;
    }

    /**
     * Hidden features of the feed-forward layers; default 176.
     *
     * @param hidden at least 1
     * @return this builder
     */
    public Builder hidden(int hidden) {
      this.hidden = hidden;
      return this;
    }

    /**
     * Longest sequence trained on, for {@link #multiplyAddsPerToken}; default 128. The network
     * takes any length.
     *
     * @param context at least 1
     * @return this builder
     */
    public Builder context(int context) {
      this.context = context;
      return this;
    }

    /**
     * Separator attention in all blocks, see {@link SeparatorAttention}; default dense attention.
     *
     * @param separators token ids of the separators, at least one
     * @param initial first tokens that every token sees, at least 0; 3 in the paper's training
     * @param windows one for all blocks, or one for each; 0 is full attention
     * @return this builder
     */
    public Builder separatorAttention(int[] separators, int initial, int... windows) {
      this.attention =
          new SeparatorSettings(
              IntStream.of(separators).boxed().toList(),
              0,
              initial,
              IntStream.of(windows).boxed().toList());
      return this;
    }

    /**
     * Separator attention with tokens at fixed intervals in the place of separators, see {@link
     * IntervalMarks}; default dense attention.
     *
     * @param interval of how many tokens one is seen by all later ones, at least 1
     * @param initial first tokens that every token sees, at least 0
     * @param windows one for all blocks, or one for each; 0 is full attention
     * @return this builder
     */
    public Builder intervalAttention(int interval, int initial, int... windows) {
      this.attention =
          new SeparatorSettings(null, interval, initial, IntStream.of(windows).boxed().toList());
      return this;
    }

    /**
     * Blocks with a memory, counted from 0; default none, a dense model, or with a shared pool
     * those of {@link MemoryTransformer#centredBlocks(int)}.
     *
     * @param blocks each from 0 to layers - 1, none twice
     * @return this builder
     */
    public Builder memoryBlocks(int... blocks) {
      this.memoryBlocks = IntStream.of(blocks).boxed().toList();
      return this;
    }

    /**
     * Where a memory stands in its block; default in the place of the feed-forward layer.
     *
     * @param placement REPLACE or BESIDE
     * @return this builder
     */
    public Builder placement(Placement placement) {
      this.placement = placement;
      return this;
    }

    /**
     * Whether all memories read one {@link MemoryPool} instead of a table each; default false. With
     * a pool the memories stand at the paper's places, unless {@link #memoryBlocks} says others.
     *
     * @param sharedPool true for one table, whatever the number of memories
     * @return this builder
     */
    public Builder sharedPool(boolean sharedPool) {
      this.sharedPool = sharedPool;
      return this;
    }

    /**
     * Heads of a memory; default 2.
     *
     * @param memoryHeads at least 1
     * @return this builder
     */
    public Builder memoryHeads(int memoryHeads) {
      this.memoryHeads = memoryHeads;
      return this;
    }

    /**
     * Sub-keys of one half of a head; default 128. A memory has subKeys² slots.
     *
     * @param subKeys at least topK
     * @return this builder
     */
    public Builder subKeys(long subKeys) {
      this.subKeys = subKeys;
      return this;
    }

    /**
     * Features of a query, both halves together; default 32.
     *
     * @param keySize even
     * @return this builder
     */
    public Builder keySize(int keySize) {
      this.keySize = keySize;
      return this;
    }

    /**
     * Slots that one head reads for a token; default 8.
     *
     * @param topK 1 to subKeys
     * @return this builder
     */
    public Builder topK(int topK) {
      this.topK = topK;
      return this;
    }

    /**
     * Whether the memories standardise their queries by running statistics; default false. Large
     * memories use far more of their slots with it.
     *
     * @param queryBatchNorm see {@link io.github.dl4jmemory.layers.ProductKeyMemory}
     * @return this builder
     */
    public Builder queryBatchNorm(boolean queryBatchNorm) {
      this.queryBatchNorm = queryBatchNorm;
      return this;
    }

    /**
     * Features of a value row; default 0, as many as model.
     *
     * @param valueSize at least 1, or 0 for model
     * @return this builder
     */
    public Builder valueSize(long valueSize) {
      this.valueSize = valueSize;
      return this;
    }

    /**
     * Learning rate of all but the value tables (Adam, beta1 0.9, beta2 0.98); default 3e-3.
     *
     * @param learningRate positive
     * @return this builder
     */
    public Builder learningRate(double learningRate) {
      this.learningRate = learningRate;
      return this;
    }

    /**
     * Learning rate of the value tables (Adam on touched rows, beta2 0.999); default 1e-2.
     *
     * @param valueLearningRate positive
     * @return this builder
     */
    public Builder valueLearningRate(double valueLearningRate) {
      this.valueLearningRate = valueLearningRate;
      return this;
    }

    /**
     * Both learning rates rise over the first {@code warmup} steps and fall to zero at {@code
     * steps}; default constant.
     *
     * @param warmup 0 to steps
     * @param steps at least 1, or 0 for constant rates
     * @return this builder
     */
    public Builder schedule(int warmup, int steps) {
      this.warmup = warmup;
      this.steps = steps;
      return this;
    }

    /**
     * Seed of the random parameters; default 1.
     *
     * @param seed any
     * @return this builder
     */
    public Builder seed(long seed) {
      this.seed = seed;
      return this;
    }

    /**
     * Type of parameters and activations; default FLOAT.
     *
     * @param dataType FLOAT or DOUBLE
     * @return this builder
     */
    public Builder dataType(DataType dataType) {
      this.dataType = dataType;
      return this;
    }

    /**
     * Checks the settings and makes the model. The layers check theirs when {@link #conf} makes
     * them.
     *
     * @return the model; later changes of this builder do not change it
     * @throws IllegalArgumentException when a setting is out of range, or settings contradict
     */
    public MemoryTransformer build() {
      return new MemoryTransformer(settings(OWNER));
    }

    /** The settings, checked, for the zoo model that errors name. */
    TransformerSettings settings(String owner) {
      return new TransformerSettings(
              owner,
              vocabulary,
              model,
              layers,
              heads,
              hidden,
              context,
              attention,
              blocks(),
              placement,
              sharedPool,
              memoryHeads,
              subKeys,
              keySize,
              topK,
              queryBatchNorm,
              valueSize,
              learningRate,
              valueLearningRate,
              warmup,
              steps,
              seed,
              dataType)
          .checked();
    }

    private List<Integer> blocks() {
      if (memoryBlocks != null) {
        return memoryBlocks;
      }
      return sharedPool && layers >= 1
          ? IntStream.of(centredBlocks(layers)).boxed().toList()
          : List.of();
    }
  }
}
