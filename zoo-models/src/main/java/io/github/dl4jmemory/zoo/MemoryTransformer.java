package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.CausalAttention;
import io.github.dl4jmemory.layers.NextTokenOutput;
import io.github.dl4jmemory.layers.ProductKeyMemory;
import io.github.dl4jmemory.layers.RmsNorm;
import io.github.dl4jmemory.layers.RowSparseTraining;
import io.github.dl4jmemory.layers.SwiGlu;
import io.github.dl4jmemory.layers.TokenEmbedding;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.util.ModelSerializer;
import org.deeplearning4j.zoo.PretrainedType;
import org.deeplearning4j.zoo.ZooModel;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.Adam;

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
 * Placement#BESIDE}). Normalisation is {@link RmsNorm}, attention is {@link CausalAttention}
 * (rotary positions). The graph has one input, {@code ids} [batch, time], and one output, {@code
 * next} [batch, time, vocabulary]; labels are the ids one step later, [batch, time], with a mask
 * where some do not count. Vertices are named {@code embedding}, {@code attention0}, {@code
 * feedForward0}, {@code memory0}, …, {@code next}.
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
public final class MemoryTransformer extends ZooModel<ComputationGraph> {
  private static final String OWNER = "MemoryTransformer";

  /** Uniform in ±1/sqrt(inputs): layers that add to a residual stream begin small. */
  private static final WeightInit SMALL = WeightInit.UNIFORM;

  /** Of the second moment; a row of a table is seen rarely, so that its mean has to be long. */
  private static final double BETA2 = 0.98;

  private static final double VALUES_BETA2 = 0.999;

  /** Where a memory stands in its block. */
  public enum Placement {
    /** In the place of the feed-forward layer. */
    REPLACE,
    /** Beside the feed-forward layer; both are added to the residual stream. */
    BESIDE
  }

  private final Builder settings;

  private MemoryTransformer(Builder settings) {
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
   * Configuration of the graph.
   *
   * @return a new configuration
   */
  public ComputationGraphConfiguration conf() {
    GraphBuilder graph =
        new NeuralNetConfiguration.Builder()
            .seed(settings.seed)
            .dataType(settings.dataType)
            .updater(adam(settings.learningRate, BETA2))
            .graphBuilder()
            .addInputs("ids")
            .setInputTypes(InputType.recurrent(1))
            .addLayer("embedding", embedding(), "ids");
    String last = "embedding";
    for (int block = 0; block < settings.layers; block++) {
      last = block(graph, block, last);
    }
    return graph
        .addLayer("norm", RmsNorm.builder().build(), last)
        .addLayer("next", NextTokenOutput.builder().vocabulary(settings.vocabulary).build(), "norm")
        .setOutputs("next")
        .build();
  }

  private TokenEmbedding embedding() {
    return TokenEmbedding.builder()
        .vocabulary(settings.vocabulary)
        .nOut(settings.model)
        .weightInit(WeightInit.VAR_SCALING_NORMAL_FAN_OUT) // variance 1 / model
        .build();
  }

  private String block(GraphBuilder graph, int block, String in) {
    String attended = "attended" + block;
    String normed = "feedForwardNorm" + block;
    graph
        .addLayer("attentionNorm" + block, RmsNorm.builder().build(), in)
        .addLayer(
            "attention" + block,
            CausalAttention.builder().heads(settings.heads).weightInit(SMALL).build(),
            "attentionNorm" + block)
        .addVertex(attended, add(), in, "attention" + block)
        .addLayer(normed, RmsNorm.builder().build(), attended);
    if (hasFeedForward(block)) {
      SwiGlu feedForward = SwiGlu.builder().hiddenSize(settings.hidden).weightInit(SMALL).build();
      graph.addLayer("feedForward" + block, feedForward, normed);
    }
    if (hasMemory(block)) {
      graph.addLayer("memory" + block, memory(), normed);
    }
    String out = "block" + block;
    if (hasFeedForward(block) && hasMemory(block)) {
      graph.addVertex(out, add(), attended, "feedForward" + block, "memory" + block);
    } else {
      graph.addVertex(out, add(), attended, (hasMemory(block) ? "memory" : "feedForward") + block);
    }
    return out;
  }

  private static ElementWiseVertex add() {
    return new ElementWiseVertex(ElementWiseVertex.Op.Add);
  }

  private ProductKeyMemory memory() {
    return ProductKeyMemory.builder()
        .nOut(settings.model)
        .heads(settings.memoryHeads)
        .subKeys(settings.subKeys)
        .keySize(settings.keySize)
        .topK(settings.topK)
        .valueSize(valueSize())
        .valuesUpdater(adam(settings.valueLearningRate, VALUES_BETA2))
        .build();
  }

  private Adam adam(double learningRate, double beta2) {
    Adam.Builder adam = Adam.builder().learningRate(learningRate).beta1(0.9).beta2(beta2);
    return settings.steps == 0
        ? adam.build()
        : adam.learningRateSchedule(new WarmupDecay(learningRate, settings.warmup, settings.steps))
            .build();
  }

  private boolean hasMemory(int block) {
    return settings.memoryBlocks.contains(block);
  }

  private boolean hasFeedForward(int block) {
    return !hasMemory(block) || settings.placement == Placement.BESIDE;
  }

  private long valueSize() {
    return settings.valueSize == 0 ? settings.model : settings.valueSize;
  }

  /**
   * A new network with random parameters, ready to train: row-sparse training is attached.
   *
   * @return an initialised graph
   */
  @Override
  public ComputationGraph init() {
    ComputationGraph network = new ComputationGraph(conf());
    network.init();
    RowSparseTraining.attach(network);
    return network;
  }

  /**
   * Saves a network with its updater state; the file is complete or not there.
   *
   * @param network a network made by {@link #init} or {@link #load}
   * @param file where to write
   * @throws IOException when it cannot be written
   */
  public static void save(ComputationGraph network, Path file) throws IOException {
    AtomicFiles.write(file, out -> ModelSerializer.writeModel(network, out, true));
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
   * <p>Elementwise work (normalisation, activations, softmax, residual sums) is not counted: it is
   * of the order of a few times model per layer. A training step costs three times as much.
   *
   * @return multiply-adds per token
   */
  public long multiplyAddsPerToken() {
    long total = (long) settings.model * settings.vocabulary;
    for (int block = 0; block < settings.layers; block++) {
      total += 4L * settings.model * settings.model;
      total += (long) settings.model * (settings.context + 1);
      total += hasFeedForward(block) ? feedForwardSize() : 0;
      total += hasMemory(block) ? memoryMultiplyAdds() : 0;
    }
    return total;
  }

  private long memoryMultiplyAdds() {
    long query = (long) settings.memoryHeads * settings.keySize;
    return settings.model * query
        + query * settings.subKeys
        + settings.memoryHeads * settings.topK * valueSize()
        + 2 * settings.model * valueSize();
  }

  /**
   * Number of trained parameters, counted without making them.
   *
   * @return the number that {@code init().numParams()} has
   */
  public long parameterCount() {
    long model = settings.model;
    long total = 2 * model * settings.vocabulary + model;
    for (int block = 0; block < settings.layers; block++) {
      total += 4 * model * model + 2 * model;
      total += hasFeedForward(block) ? feedForwardSize() : 0;
      total += hasMemory(block) ? memoryParameters() : 0;
    }
    return total;
  }

  private long memoryParameters() {
    long query = (long) settings.memoryHeads * settings.keySize;
    return settings.model * query
        + query * settings.subKeys
        + query // the gain of the normalised keys
        + 2 * settings.model * valueSize()
        + settings.subKeys * settings.subKeys * valueSize();
  }

  private long feedForwardSize() {
    return 3L * settings.model * settings.hidden;
  }

  /**
   * Longest sequence that the model is trained on.
   *
   * @return context
   */
  public int context() {
    return settings.context;
  }

  /**
   * The class of network that {@link #init} makes.
   *
   * @return ComputationGraph
   */
  @Override
  public Class<? extends Model> modelType() {
    return ComputationGraph.class;
  }

  /**
   * No trained weights are published.
   *
   * @param type any
   * @return null
   */
  @Override
  public String pretrainedUrl(PretrainedType type) {
    return null;
  }

  /**
   * No trained weights are published.
   *
   * @param type any
   * @return 0
   */
  @Override
  public long pretrainedChecksum(PretrainedType type) {
    return 0;
  }

  /**
   * Refused: the input of a language model is token ids of any batch and time.
   *
   * @param shape not used
   * @throws UnsupportedOperationException always
   */
  @Override
  public void setInputShape(int[][] shape) {
    throw new UnsupportedOperationException(
        Require.message(
            OWNER,
            "setInputShape",
            "no call",
            "one",
            "set vocabulary(...) and context(...) on the builder"));
  }

  /**
   * Not used by DL4J any more.
   *
   * @return null
   * @deprecated as in DL4J's ZooModel
   */
  @Override
  @Deprecated
  public org.deeplearning4j.zoo.ModelMetaData metaData() {
    return null;
  }

  /** Settings of a {@link MemoryTransformer}; {@link #build} checks them against each other. */
  public static final class Builder {
    private long vocabulary = 1024;
    private int model = 64;
    private int layers = 2;
    private int heads = 4;
    private int hidden = 176;
    private int context = 128;
    private List<Integer> memoryBlocks = List.of();
    private Placement placement = Placement.REPLACE;
    private int memoryHeads = 2;
    private long subKeys = 128;
    private int keySize = 32;
    private int topK = 8;
    private long valueSize;
    private double learningRate = 3e-3;
    private double valueLearningRate = 1e-2;
    private int warmup;
    private int steps;
    private long seed = 1;
    private DataType dataType = DataType.FLOAT;

    private Builder() {}

    private Builder(Builder from) {
      vocabulary = from.vocabulary;
      model = from.model;
      layers = from.layers;
      heads = from.heads;
      hidden = from.hidden;
      context = from.context;
      memoryBlocks = from.memoryBlocks;
      placement = from.placement;
      memoryHeads = from.memoryHeads;
      subKeys = from.subKeys;
      keySize = from.keySize;
      topK = from.topK;
      valueSize = from.valueSize;
      learningRate = from.learningRate;
      valueLearningRate = from.valueLearningRate;
      warmup = from.warmup;
      steps = from.steps;
      seed = from.seed;
      dataType = from.dataType;
    }

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
     * Blocks with a memory, counted from 0; default none, a dense model.
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
      atLeast(2, vocabulary, "vocabulary", "use the tokenizer's vocabularySize()");
      atLeast(1, layers, "layers", "use 2 or more");
      atLeast(1, heads, "heads", "use 4");
      atLeast(1, model, "model", "use a multiple of 2 * heads");
      require(
          model % (2L * heads) == 0,
          "model",
          "a multiple of 2 * heads = " + 2L * heads,
          model,
          "change model(...) or heads(...)");
      atLeast(1, hidden, "hidden", "use about 8/3 of model");
      atLeast(1, context, "context", "use the length of the training sequences");
      checkMemory();
      positive(learningRate, "learningRate");
      positive(valueLearningRate, "valueLearningRate");
      require(
          warmup >= 0 && warmup <= steps,
          "schedule",
          "0 <= warmup <= steps",
          "warmup " + warmup + ", steps " + steps,
          "give the warmup first, then all steps");
      require(
          dataType == DataType.FLOAT || dataType == DataType.DOUBLE,
          "dataType",
          "FLOAT or DOUBLE",
          dataType,
          "use FLOAT");
      return new MemoryTransformer(new Builder(this));
    }

    private void checkMemory() {
      for (int block : memoryBlocks) {
        require(
            block >= 0 && block < layers,
            "memoryBlocks",
            "0 to " + (layers - 1),
            block,
            "count blocks from 0");
      }
      require(
          memoryBlocks.stream().distinct().count() == memoryBlocks.size(),
          "memoryBlocks",
          "each block once",
          memoryBlocks,
          "name every block once");
      require(placement != null, "placement", "REPLACE or BESIDE", "null", "use REPLACE");
      atLeast(1, memoryHeads, "memoryHeads", "use 2 or 4");
      require(
          topK >= 1 && topK <= subKeys,
          "topK",
          "1 to subKeys = " + subKeys,
          topK,
          "change topK(...) or subKeys(...)");
      require(
          keySize >= 2 && keySize % 2 == 0, "keySize", "a positive even number", keySize, "use 32");
      atLeast(0, valueSize, "valueSize", "use 0 for as many as model");
    }

    private static void atLeast(long least, long got, String parameter, String fix) {
      require(got >= least, parameter, "at least " + least, got, fix);
    }

    private static void positive(double got, String parameter) {
      require(
          got > 0 && got < Double.POSITIVE_INFINITY,
          parameter,
          "a positive number",
          got,
          "use 1e-3");
    }

    private static void require(
        boolean holds, String parameter, String expected, Object got, String fix) {
      Require.that(holds, OWNER, parameter, expected, got, fix);
    }
  }
}
