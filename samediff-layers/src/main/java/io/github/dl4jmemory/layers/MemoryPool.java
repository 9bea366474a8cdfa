package io.github.dl4jmemory.layers;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;

/**
 * A value table of subKeys² rows that any number of {@link PooledMemory} layers read, at any depth
 * of a ComputationGraph: {@code V} [subKeys², valueSize], normal with deviation 1/sqrt(valueSize).
 * Values are shared; queries, sub-keys, key gains, gates and output projections are each reader's
 * own.
 *
 * <pre>
 *   PooledMemory memory = PooledMemory.builder().build();
 *   MemoryPool.builder().subKeys(256).valueSize(64).build()
 *       .addTo(graph, "pool", "in",
 *           new MemoryPool.Reader("memory1", "hidden1", memory),
 *           new MemoryPool.Reader("memory2", "hidden2", memory));
 * </pre>
 *
 * <p>Input: any layer or network input that comes before the readers, of any shape and type, best
 * the network's own input (not one that DL4J's EmbeddingLayer takes too: {@link TokenEmbedding}
 * can). Only its first size is looked at, as the size of the minibatch. Output: zeros [batch, 1],
 * which mean nothing; their edges to the readers order the graph so that the readers' backward
 * passes all come before the pool's. Slot numbers never cross an edge.
 *
 * <p>A step gathers what all readers have read, sorts it once, and changes each touched row once,
 * by lazy Adam (m and v of touched rows only) or SGD, with a learning rate or schedule of its own.
 * V takes no regularisation and no gradient normalisation. See {@link RowSparseTraining} for the
 * last dense pass.
 *
 * <p>With {@code shards(P)} the table is split by columns into P parameters V0, V1, …, each with a
 * worker thread.
 *
 * <p>Cost beside the readers': none forward; backward a copy of what they have read, tokens *
 * (2*heads*topK + valueSize) numbers a reader. Their accesses are sorted once, together; there all
 * readers of a pool count as the one with the most accesses a token. The number of slots is not in
 * it.
 *
 * <p>With a {@link Builder#file file}, V (and Adam's moments of it) are in a file beside the model,
 * of any size, and the parameter F [1, 20] in its place is the fingerprint of that file, which DL4J
 * saves and restores; save by {@link PoolFiles#save}. Then FLOAT networks only.
 *
 * <p>FLOAT or DOUBLE networks; {@code activate} throws an IllegalArgumentException while the pool
 * has no reader.
 *
 * <p>Source: Berges et al., Memory Layers at Scale, arXiv 2412.09764, section 3.1.3 (one pool
 * shared by all memory layers).
 */
public final class MemoryPool extends DefinedLayer {

  private static final long serialVersionUID = 1L;

  static final String VALUES = "V";

  /** Of a pool with a file, in place of V. */
  static final String FINGERPRINT = "F";

  private long subKeys;
  private long valueSize;
  private IUpdater valuesUpdater;
  private int shards = 1;
  private String file;
  private ValueStorage storage = ValueStorage.FLOAT32;

  /** For Jackson. */
  private MemoryPool() {}

  private MemoryPool(Builder builder) {
    super(builder);
    subKeys = builder.subKeys;
    valueSize = builder.valueSize;
    valuesUpdater = builder.valuesUpdater;
    shards = builder.shards;
    file = builder.file;
    storage = builder.storage;
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
   * A memory that reads a pool.
   *
   * @param name name of the memory's layer in the graph
   * @param input layer or network input that it takes, which may be added later
   * @param memory its settings; may be those of other readers too
   */
  public record Reader(String name, String input, PooledMemory memory) {}

  /**
   * Adds this pool and its readers to a graph; more can be added by {@link PooledMemory#addTo}.
   *
   * @param graph builder of the graph
   * @param name name of the pool's layer
   * @param input layer or network input that comes before the readers, best the network's own
   * @param readers memories that read this pool
   * @return the builder of the graph
   * @throws IllegalArgumentException if an argument is null or a name is taken, or a memory's topK
   *     is above the pool's subKeys
   */
  public GraphBuilder addTo(GraphBuilder graph, String name, String input, Reader... readers) {
    PoolAddition addition = new PoolAddition(this, name, input, readers);
    addition.requireFitting(graph);
    addition.addTo(graph::addLayer, graph::addVertex);
    return graph;
  }

  /**
   * Adds this pool and its readers to a network that is trained already. DL4J keeps the parameters
   * of all layers that stay.
   *
   * @param graph builder of the new network; {@code setInputTypes(...)} where a reader has no nIn
   * @param name name of the pool's layer, unique in the graph, as the readers' must be
   * @param input layer or network input that comes before the readers, best the network's own
   * @param readers memories that read this pool
   * @return the builder of the new network
   * @throws IllegalArgumentException if an argument is null, two of these names are the same, or a
   *     memory's topK is above the pool's subKeys
   */
  public TransferLearning.GraphBuilder addTo(
      TransferLearning.GraphBuilder graph, String name, String input, Reader... readers) {
    PoolAddition addition = new PoolAddition(this, name, input, readers);
    addition.requireFitting(graph);
    addition.addTo(graph::addLayer, graph::addVertex);
    return graph;
  }

  /**
   * Sub-keys that every reader has in one half of one head.
   *
   * @return subKeys; the table has subKeys² slots
   */
  public long getSubKeys() {
    return subKeys;
  }

  /**
   * Rows of the value table.
   *
   * @return subKeys²
   */
  public long getSlots() {
    return subKeys * subKeys;
  }

  /**
   * Features of a value row.
   *
   * @return valueSize
   */
  public long getValueSize() {
    return valueSize;
  }

  /**
   * Updater of the value table.
   *
   * @return a copy
   */
  public IUpdater getValuesUpdater() {
    return valuesUpdater.clone();
  }

  /**
   * Parts of the table, each with a worker of its own.
   *
   * @return shards
   */
  public int getShards() {
    return shards;
  }

  ColumnShards columns() {
    return new ColumnShards(valueSize, shards);
  }

  /** Keys of the table's parameters: V, or V0, V1 and so on; none where it is in a file. */
  List<String> valueKeys() {
    if (file != null) {
      return List.of();
    }
    return shards == 1
        ? List.of(VALUES)
        : IntStream.range(0, shards).mapToObj(shard -> VALUES + shard).toList();
  }

  /**
   * Assigns the values of one pool to another, whose number of shards may differ: a trained table
   * for a network with more workers, or fewer. Updater state stays behind.
   *
   * @param from layer of the pool to copy: {@code network.getLayer("pool")}
   * @param to layer of the pool that is assigned
   * @throws IllegalArgumentException if one of them is no pool or has a file, or their sizes differ
   */
  public static void copyValues(
      org.deeplearning4j.nn.api.Layer from, org.deeplearning4j.nn.api.Layer to) {
    PoolCopy.values(from, to);
  }

  /**
   * The file of the table.
   *
   * @return its path; null where the table is a parameter of the network
   */
  public String getFile() {
    return file;
  }

  /**
   * How the file stores the rows.
   *
   * @return storage; FLOAT32 where there is no file
   */
  public ValueStorage getStorage() {
    return storage;
  }

  @Override
  void relocate(UnaryOperator<String> place) {
    file = file == null ? null : place.apply(file);
  }

  /** The table in the file, with values as a table in memory has them. */
  StoredTable stored() {
    PoolLayout layout =
        new PoolLayout(getSlots(), valueSize, storage, valuesUpdater instanceof Adam);
    return new StoredTable(
        FINGERPRINT,
        file,
        layout,
        () -> getUpdaterByParam(FINGERPRINT),
        () -> 1 / Math.sqrt(valueSize));
  }

  @Override
  void requireComplete() {
    if (file == null) {
      RowTable.requireSize(title(), "subKeys", getSlots(), valueSize);
    }
  }

  @Override
  public void defineParameters(SDLayerParams params) {
    List<String> keys = valueKeys();
    for (int shard = 0; shard < keys.size(); shard++) {
      params.addWeightParam(keys.get(shard), getSlots(), columns().count(shard));
    }
    if (file != null) {
      params.addBiasParam(FINGERPRINT, 1, PoolFingerprint.LENGTH);
    }
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    for (String key : valueKeys()) {
      ProductKeyLookup.normal(params.get(key), 1 / Math.sqrt(valueSize));
    }
    if (file != null) {
      params.get(FINGERPRINT).assign(0);
    }
  }

  @Override
  public InputType getOutputType(int layerIndex, InputType type) {
    return InputType.feedForward(1);
  }

  @Override
  public void setNIn(InputType type, boolean override) {
    // the input's features do not matter
  }

  @Override
  public InputPreProcessor getPreProcessorForInputType(InputType type) {
    return null;
  }

  /**
   * Not available: a pool and its readers meet in a ComputationGraph.
   *
   * @throws UnsupportedOperationException always
   */
  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable x, Map<String, SDVariable> params, SDVariable mask) {
    throw onlyInGraphs(title());
  }

  static UnsupportedOperationException onlyInGraphs(String title) {
    return new UnsupportedOperationException(
        Require.text(
            title,
            "sd",
            "a ComputationGraph, where readers find their pool",
            "a SameDiff graph",
            "use ProductKeyMemory on SameDiff graphs"));
  }

  @Override
  LayerRuntime<?> runtime(NeuralNetConfiguration conf, DataType dataType) {
    return new MemoryPoolRuntime(conf, dataType);
  }

  @Override
  public IUpdater getUpdaterByParam(String key) {
    return valuesUpdater;
  }

  @Override
  public MemoryPool clone() {
    MemoryPool copy = (MemoryPool) super.clone();
    copy.valuesUpdater = valuesUpdater.clone();
    return copy;
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other)
        && other instanceof MemoryPool that
        && subKeys == that.subKeys
        && valueSize == that.valueSize
        && shards == that.shards
        && valuesUpdater.equals(that.valuesUpdater)
        && Objects.equals(file, that.file)
        && storage == that.storage;
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), subKeys, valueSize, shards);
  }

  /** Settings of a {@link MemoryPool}; {@link #build} checks them against each other. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder
      extends org.deeplearning4j.nn.conf.layers.samediff.SameDiffLayer.Builder<Builder> {

    private static final String TITLE = "MemoryPool";

    private long subKeys = 1024;
    private long valueSize;
    private IUpdater valuesUpdater = new Adam(1e-3);
    private int shards = 1;
    private String file;
    private ValueStorage storage = ValueStorage.FLOAT32;

    private Builder() {}

    /**
     * Sub-keys of a half, for every reader; default 1024. The table has subKeys² slots.
     *
     * @param subKeys from 1 to 65536
     * @return this builder
     */
    public Builder subKeys(long subKeys) {
      this.subKeys = subKeys;
      return this;
    }

    /**
     * Features of a value row.
     *
     * @param valueSize at least 1
     * @return this builder
     */
    public Builder valueSize(long valueSize) {
      this.valueSize = valueSize;
      return this;
    }

    /**
     * Updater of the table, with a learning rate or schedule of its own; default {@code new
     * Adam(1e-3)}.
     *
     * @param updater Adam or Sgd, which visit the touched rows only; or NoOp, for gradient checks
     * @return this builder
     * @throws IllegalArgumentException if another updater is given
     */
    public Builder valuesUpdater(IUpdater updater) {
      RowTable.requireUpdater(TITLE, "valuesUpdater", updater);
      this.valuesUpdater = updater.clone();
      return this;
    }

    /**
     * Splits the table by columns into so many parameters V0, V1, … [slots, columns], each with a
     * worker thread that reads, differentiates and updates its own columns; default 1, no split.
     * The first valueSize mod shards of them have one column more. The readers' scoring is split
     * too: a worker for each half of the sub-keys. Outputs and gradients are those of one table but
     * for rounding; they do not depend on timing.
     *
     * @param shards from 1 to valueSize; with 2 or more, the table may have up to 2^31-1 slots,
     *     because slots are sent to workers as 32-bit numbers; 1 for a pool with a file
     * @return this builder
     */
    public Builder shards(int shards) {
      this.shards = shards;
      return this;
    }

    /**
     * Keeps the table, and Adam's moments of it, in a file beside the model instead of in the
     * network's parameters: beyond 2^28 values, and beyond the memory of the machine. Save such a
     * network by {@link PoolFiles#save}. Default: no file.
     *
     * @param file path of the file, which is created when the new network first reads the pool; a
     *     relative one is seen from the working directory of the JVM
     * @return this builder
     */
    public Builder file(String file) {
      this.file = file;
      return this;
    }

    /**
     * How the file stores the rows; default FLOAT32.
     *
     * @param storage FLOAT32, BFLOAT16 or INT8
     * @return this builder
     */
    public Builder storage(ValueStorage storage) {
      FileSettings.requireStorage(TITLE, storage);
      this.storage = storage;
      return this;
    }

    /**
     * Checks the settings and makes the layer.
     *
     * @return the configuration of the layer
     * @throws IllegalArgumentException if a setting is out of range, or the table is too large
     */
    @Override
    public MemoryPool build() {
      ProductKeyLookup.requireSubKeys(TITLE, subKeys);
      Require.positive(valueSize, TITLE, "valueSize", "call valueSize(...)");
      ColumnShards.require(TITLE, valueSize, shards);
      FileSettings.require(TITLE, "a pool", file, storage);
      if (file == null) {
        if (shards > 1) {
          BagMessage.requireSlots(TITLE, subKeys * subKeys);
        }
        RowTable.requireSize(TITLE, "subKeys", subKeys * subKeys, valueSize);
      } else {
        requireFileSettings();
      }
      return new MemoryPool(this);
    }

    private void requireFileSettings() {
      Require.that(
          shards == 1,
          TITLE,
          "shards",
          "1 for a pool with a file",
          shards,
          "leave out shards(...), or file(...)");
      FileSettings.requireValueSize(TITLE, "a pool", valueSize);
    }
  }
}
