package io.github.dl4jmemory.layers;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.regularization.Regularization;

/**
 * A layer that finds value rows by Tucker-decomposed keys: {@link UltraMem} and {@link UltraMemV2},
 * which state the mathematics.
 */
public abstract class TuckerMemory extends TokenwiseLayer {

  private static final long serialVersionUID = 1L;

  static final String QUERY = "Wq";
  static final String KEYS = "K";
  static final String CORES = "C";
  static final String CONVOLUTION = "Wc";
  static final String VALUES = "V";
  static final String PRE_VALUES = "P";
  static final String PRE_INPUT = "Wp";
  static final String OUTPUT = "Wo";
  static final String QUERY_GAIN = "gq";
  static final String KEY_GAIN = "gk";
  static final String FILTERS = "F";
  static final String LOSS = "singularValueLoss";
  static final double NORM_EPSILON = 1e-6;

  private int heads;
  private boolean sharedQuery;
  private int rank;
  private int cores;
  private int expansion;
  private long subKeys;
  private long keySize;
  private int topK;
  private long valueSize;
  private boolean queryKeyNorm;
  private boolean softmax;
  private int queryConvolution;
  private double singularValueLoss;
  private double singularValueMargin;
  private int transformerLayers;
  private int permutationSeed;
  private IUpdater valuesUpdater;
  private String file;
  private ValueStorage storage = ValueStorage.FLOAT32;

  /** For Jackson. */
  TuckerMemory() {}

  TuckerMemory(TuckerMemoryBuilder<?> builder) {
    super(builder);
    heads = builder.heads;
    sharedQuery = builder.sharedQuery;
    rank = builder.rank;
    cores = builder.cores;
    expansion = builder.expansion;
    subKeys = builder.subKeys;
    keySize = builder.keySize;
    topK = builder.topK;
    valueSize = builder.valueSize;
    queryKeyNorm = builder.queryKeyNorm;
    softmax = builder.softmax;
    queryConvolution = builder.queryConvolution;
    singularValueLoss = builder.singularValueLoss;
    singularValueMargin = builder.singularValueMargin;
    transformerLayers = builder.transformerLayers;
    permutationSeed = builder.permutationSeed;
    valuesUpdater = builder.valuesUpdater;
    file = builder.file;
    storage = builder.storage;
  }

  /** Features of one dot product of a query and a key: of one side and one rank. */
  abstract long rankKeySize();

  /** Blocks of virtual slots that are projected each by a matrix of its own. */
  abstract int outputBlocks();

  /** Features of a pre-value; 0 for a memory without. */
  abstract long preValueWidth();

  /** Features of a value row where the builder was given none. */
  abstract long defaultValueSize();

  /** Deviation of new values and pre-values. */
  abstract double valuesDeviation(StartingScores scores);

  /** Assigns V, Wo and what else depends on the scores at the start. */
  abstract void initializeValues(Map<String, INDArray> params, StartingScores scores);

  /**
   * Heads, each with keys and cores of its own.
   *
   * @return heads
   */
  public int getHeads() {
    return heads;
  }

  /** Whether all heads ask with one query. */
  boolean sharesQuery() {
    return sharedQuery;
  }

  /**
   * Rank of the Tucker decomposition.
   *
   * @return rank
   */
  public int getRank() {
    return rank;
  }

  /**
   * Cores of a head, each with a score for a slice of the values.
   *
   * @return cores
   */
  public int getCores() {
    return cores;
  }

  /**
   * Virtual slots of one value row.
   *
   * @return expansion, a square
   */
  public int getExpansion() {
    return expansion;
  }

  /**
   * Side of the square of slots.
   *
   * @return subKeys; the table has subKeys² slots, a side sqrt(expansion) * subKeys keys
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

  /** Keys of one side. */
  long sideKeys() {
    return Math.round(Math.sqrt(expansion)) * subKeys;
  }

  /**
   * Features of a key, as the builder was given them.
   *
   * @return keySize
   */
  public long getKeySize() {
    return keySize;
  }

  /**
   * Virtual slots read by one head for one token.
   *
   * @return topK
   */
  public int getTopK() {
    return topK;
  }

  /**
   * Features of a value row.
   *
   * @return valueSize
   */
  public long getValueSize() {
    return valueSize == 0 ? defaultValueSize() : valueSize;
  }

  /**
   * Whether queries and keys are normalised.
   *
   * @return queryKeyNorm
   */
  public boolean isQueryKeyNorm() {
    return queryKeyNorm;
  }

  /**
   * Whether a head's scores go through a softmax before they weigh values.
   *
   * @return softmax
   */
  public boolean isSoftmax() {
    return softmax;
  }

  /**
   * Taps of the causal depthwise convolution before the query.
   *
   * @return taps; 0 for no convolution
   */
  public int getQueryConvolution() {
    return queryConvolution;
  }

  /**
   * Coefficient of the singular-value loss.
   *
   * @return 0 for none
   */
  public double getSingularValueLoss() {
    return singularValueLoss;
  }

  /**
   * Singular value up to which nothing is lost.
   *
   * @return margin
   */
  public double getSingularValueMargin() {
    return singularValueMargin;
  }

  /**
   * Layers of the transformer around the memory, for the deviation of new values.
   *
   * @return transformerLayers
   */
  public int getTransformerLayers() {
    return transformerLayers;
  }

  /**
   * Seed of the permutation of virtual slots.
   *
   * @return permutationSeed
   */
  public int getPermutationSeed() {
    return permutationSeed;
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
   * The file of the value table.
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

  /**
   * The same settings with the table in a file, another one, or none.
   *
   * @param path as {@link TuckerMemoryBuilder#file} takes it; null for none
   * @param rows as {@link TuckerMemoryBuilder#storage} takes it; FLOAT32 without a file
   * @return a copy
   * @throws IllegalArgumentException as {@code build} of the builder
   */
  public final TuckerMemory withFile(String path, ValueStorage rows) {
    FileSettings.requireStorage(title(), rows);
    FileSettings.require(title(), "a memory", path, rows);
    TuckerMemory copy = clone();
    copy.file = path;
    copy.storage = rows;
    copy.setLayerParams(null); // other parameters
    return copy;
  }

  final TuckerTables tables() {
    return new TuckerTables(this);
  }

  @Override
  void relocate(UnaryOperator<String> place) {
    file = file == null ? null : place.apply(file);
  }

  /**
   * Numbers that training changes, wherever they are kept, from the settings alone: nothing is
   * allocated, and the table may be larger than a network could hold.
   *
   * @return elements of all parameters but the filters
   * @throws IllegalArgumentException if nIn is not known yet, or cores do not divide valueSize
   */
  public final long parameterCount() {
    requireShapes();
    SDLayerParams shapes = new SDLayerParams();
    withFile(null, ValueStorage.FLOAT32).defineParameters(shapes);
    long count = 0;
    for (Map.Entry<String, long[]> parameter : shapes.getParamShapes().entrySet()) {
      long length = 1;
      for (long size : parameter.getValue()) {
        length *= size;
      }
      count += isState(parameter.getKey()) ? 0 : length;
    }
    return count;
  }

  /**
   * Multiply-adds of a forward pass for one token: the cost that the class states, and with
   * pre-values nIn*preValueSize + heads*topK*preValueSize.
   *
   * @return multiply-adds per token
   * @throws IllegalArgumentException if nIn is not known yet, or cores do not divide valueSize
   */
  public final long multiplyAddsPerToken() {
    requireShapes();
    long queries = sharedQuery ? 1 : heads;
    long accesses = (long) heads * topK;
    return getNIn() * queries * 2 * rank * rankKeySize()
        + heads * 2 * sideKeys() * rank * (rankKeySize() + 1)
        + accesses * topK * rank * (cores + 1)
        + accesses * getValueSize()
        + outputBlocks() * getValueSize() * getNOut()
        + preValueWidth() * (getNIn() + accesses);
  }

  private void requireShapes() {
    super.requireComplete();
    Require.that(
        getValueSize() > 0 && getValueSize() % cores == 0,
        title(),
        "valueSize",
        "a multiple of cores = " + cores,
        getValueSize(),
        "call valueSize(...), or change cores(...)");
  }

  @Override
  void requireComplete() {
    requireShapes();
    long widest = Math.max(getValueSize(), preValueWidth());
    if (file == null) {
      RowTable.requireSize(title(), "subKeys", getSlots(), widest);
    } else {
      FileSettings.requireValueSize(title(), "a memory", widest);
    }
  }

  @Override
  public void defineParameters(SDLayerParams params) {
    long queries = sharedQuery ? 1 : heads;
    params.addWeightParam(QUERY, getNIn(), queries * 2 * rank * rankKeySize());
    params.addWeightParam(KEYS, heads, 2, rank, sideKeys(), rankKeySize());
    params.addWeightParam(CORES, heads, cores, rank, rank);
    if (queryConvolution > 0) {
      params.addWeightParam(CONVOLUTION, queryConvolution, getNIn());
    }
    tables().define(params, VALUES, getValueSize());
    if (preValueWidth() > 0) {
      tables().define(params, PRE_VALUES, preValueWidth());
      params.addWeightParam(PRE_INPUT, getNIn(), preValueWidth());
    }
    params.addWeightParam(OUTPUT, outputBlocks() * getValueSize(), getNOut());
    if (queryKeyNorm) {
      params.addBiasParam(QUERY_GAIN, rank, rankKeySize());
      params.addBiasParam(KEY_GAIN, rank, rankKeySize());
    }
    params.addBiasParam(FILTERS, heads, 2, rank);
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    StartingScores scores = StartingScores.initialize(this, params);
    if (queryConvolution > 0) {
      params.get(CONVOLUTION).assign(0).getRow(queryConvolution - 1).assign(1);
    }
    initializeValues(params, scores);
  }

  /**
   * The mathematics above on a SameDiff graph. Features are the last axis of the input, [batch,
   * nIn] or [batch, time, nIn]; with rnnFormat(NCW) the input is [batch, nIn, time]. The filters
   * have no gradient: {@code SameDiff.fit} leaves them as they are. The singular-value loss of rank
   * 2 is the variable {@code name/singularValueLoss}, to be named in {@code setLossVariables}
   * beside the loss; M2.1 cannot differentiate singular values of other ranks, and there is no such
   * variable then.
   *
   * @param sd graph
   * @param x input
   * @param params parameters by key
   * @param mask null, or one value per token, 0 where masked
   * @return output, in the layout of the input
   * @throws UnsupportedOperationException if the table is in a file
   */
  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable x, Map<String, SDVariable> params, SDVariable mask) {
    if (file != null) {
      throw new UnsupportedOperationException(
          Require.text(
              title(),
              "sd",
              "a network, for a memory with a file",
              "a SameDiff graph",
              "leave out file(...)"));
    }
    return new TuckerDefinition(this, sd, params).layer(x, mask);
  }

  @Override
  LayerRuntime<?> runtime(NeuralNetConfiguration conf, DataType dataType) {
    return queryConvolution > 0
        ? new ConvolvedMemoryRuntime(conf, dataType, this)
        : new TuckerMemoryRuntime(conf, dataType, this);
  }

  @Override
  final boolean isState(String key) {
    return key.equals(FILTERS);
  }

  @Override
  public IUpdater getUpdaterByParam(String key) {
    return TuckerTables.isTable(key) ? valuesUpdater : super.getUpdaterByParam(key);
  }

  @Override
  public List<Regularization> getRegularizationByParam(String key) {
    return TuckerTables.isTable(key) ? null : super.getRegularizationByParam(key);
  }

  @Override
  public TuckerMemory clone() {
    TuckerMemory copy = (TuckerMemory) super.clone();
    copy.valuesUpdater = valuesUpdater.clone();
    return copy;
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other)
        && other instanceof TuckerMemory that
        && heads == that.heads
        && sharedQuery == that.sharedQuery
        && rank == that.rank
        && cores == that.cores
        && expansion == that.expansion
        && subKeys == that.subKeys
        && keySize == that.keySize
        && topK == that.topK
        && getValueSize() == that.getValueSize()
        && queryKeyNorm == that.queryKeyNorm
        && softmax == that.softmax
        && queryConvolution == that.queryConvolution
        && Double.compare(singularValueLoss, that.singularValueLoss) == 0
        && Double.compare(singularValueMargin, that.singularValueMargin) == 0
        && transformerLayers == that.transformerLayers
        && permutationSeed == that.permutationSeed
        && valuesUpdater.equals(that.valuesUpdater)
        && Objects.equals(file, that.file)
        && storage == that.storage;
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), heads, rank, cores, expansion, subKeys, keySize, topK);
  }
}
