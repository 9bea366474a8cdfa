package io.github.dl4jmemory.layers;

import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;

/**
 * Settings that {@link UltraMem} and {@link UltraMemV2} share.
 *
 * @param <T> the builder itself
 */
public abstract class TuckerMemoryBuilder<T extends TuckerMemoryBuilder<T>>
    extends TokenwiseLayer.Builder<T> {

  int heads;
  boolean sharedQuery = true;
  int rank = 2;
  int cores = 2;
  int expansion = 4;
  long subKeys = 512;
  long keySize = 256;
  int topK;
  long valueSize;
  boolean queryKeyNorm = true;
  boolean softmax;
  int queryConvolution;
  double singularValueLoss;
  double singularValueMargin = 0.15;
  int transformerLayers = 12;
  int permutationSeed;
  IUpdater valuesUpdater = new Adam(1e-3);
  String file;
  ValueStorage storage = ValueStorage.FLOAT32;

  TuckerMemoryBuilder(int heads, int topK, double singularValueLoss) {
    this.heads = heads;
    this.topK = topK;
    this.singularValueLoss = singularValueLoss;
  }

  /**
   * Rank of the Tucker decomposition; default 2. With rank 1 a score is a product of one row and
   * one column score.
   *
   * @param rank at least 1
   * @return this builder
   * @throws IllegalArgumentException if rank is not positive
   */
  public T rank(int rank) {
    Require.positive(rank, layerTitle(), "rank", "use rank(2)");
    this.rank = rank;
    return self();
  }

  /**
   * Cores of a head; default 2. Slots are chosen by the sum of the cores; the score of each core
   * weighs a slice of valueSize / cores features.
   *
   * @param cores at least 1, a divisor of valueSize
   * @return this builder
   * @throws IllegalArgumentException if cores is not positive
   */
  public T cores(int cores) {
    Require.positive(cores, layerTitle(), "cores", "use cores(2)");
    this.cores = cores;
    return self();
  }

  /**
   * Virtual slots of one value row; default 4. 1 for none but the rows themselves.
   *
   * @param expansion 1, 4, 9, 16 or another square
   * @return this builder
   * @throws IllegalArgumentException if expansion is not a square
   */
  public T expansion(int expansion) {
    long root = Math.round(Math.sqrt(expansion));
    Require.that(
        expansion > 0 && root * root == expansion,
        layerTitle(),
        "expansion",
        "a square, 1 or more",
        expansion,
        "use expansion(4)");
    this.expansion = expansion;
    return self();
  }

  /**
   * Side of the square of slots; default 512. The table has subKeys² rows; a side has
   * sqrt(expansion) * subKeys keys.
   *
   * @param subKeys at least 1; at most 65536 keys a side
   * @return this builder
   */
  public T subKeys(long subKeys) {
    this.subKeys = subKeys;
    return self();
  }

  /**
   * Features of a key of one side; default 256. In {@link UltraMem} the ranks share them, keySize /
   * rank each; in {@link UltraMemV2} every rank has as many.
   *
   * @param keySize at least 1; for {@link UltraMem} a multiple of rank
   * @return this builder
   * @throws IllegalArgumentException if keySize is not positive
   */
  public T keySize(long keySize) {
    Require.positive(keySize, layerTitle(), "keySize", "use keySize(256)");
    this.keySize = keySize;
    return self();
  }

  /**
   * Virtual slots read by one head for one token; default 42 for {@link UltraMem}, 32 for {@link
   * UltraMemV2}.
   *
   * @param topK from 1 to sqrt(expansion) * subKeys
   * @return this builder
   */
  public T topK(int topK) {
    this.topK = topK;
    return self();
  }

  /**
   * Features of a value row; default nOut / 2 for {@link UltraMem}, nOut / 4 for {@link
   * UltraMemV2}.
   *
   * @param valueSize a multiple of cores
   * @return this builder
   * @throws IllegalArgumentException if valueSize is not positive
   */
  public T valueSize(long valueSize) {
    Require.positive(
        valueSize, layerTitle(), "valueSize", "leave valueSize(...) away for its default");
    this.valueSize = valueSize;
    return self();
  }

  /**
   * Whether queries and keys are normalised, each with learned gains; default true.
   *
   * @param queryKeyNorm see {@link UltraMem}
   * @return this builder
   */
  public T queryKeyNorm(boolean queryKeyNorm) {
    this.queryKeyNorm = queryKeyNorm;
    return self();
  }

  /**
   * Taps of a causal depthwise convolution of the tokens before the query; default 0, none. The
   * paper's has about 5. It begins as the identity.
   *
   * @param taps 0 for none, or at least 1
   * @return this builder
   * @throws IllegalArgumentException if taps is negative
   */
  public T queryConvolution(int taps) {
    Require.that(
        taps >= 0,
        layerTitle(),
        "queryConvolution",
        "0 for none, or a number of taps",
        taps,
        "use queryConvolution(5)");
    this.queryConvolution = taps;
    return self();
  }

  /**
   * Coefficient of the loss on all singular values of a head's summed core but the largest; default
   * 0.001 for {@link UltraMem}, 0 for {@link UltraMemV2}, whose authors dropped it.
   *
   * @param coefficient 0 for none, or a positive number
   * @return this builder
   * @throws IllegalArgumentException if it is negative, infinite or NaN
   */
  public T singularValueLoss(double coefficient) {
    Require.that(
        coefficient >= 0 && coefficient < Double.POSITIVE_INFINITY,
        layerTitle(),
        "singularValueLoss",
        "0 or a positive number",
        coefficient,
        "use 0.001");
    this.singularValueLoss = coefficient;
    return self();
  }

  /**
   * Singular value up to which nothing is lost; default 0.15.
   *
   * @param margin 0 or a positive number
   * @return this builder
   * @throws IllegalArgumentException if it is negative, infinite or NaN
   */
  public T singularValueMargin(double margin) {
    Require.that(
        margin >= 0 && margin < Double.POSITIVE_INFINITY,
        layerTitle(),
        "singularValueMargin",
        "0 or a positive number",
        margin,
        "use 0.15");
    this.singularValueMargin = margin;
    return self();
  }

  /**
   * Layers of the transformer around the memory; default 12. New values are drawn so that the
   * output of the memory is as large as that of a feed-forward block among as many.
   *
   * @param layers at least 1
   * @return this builder
   * @throws IllegalArgumentException if layers is not positive
   */
  public T transformerLayers(int layers) {
    Require.positive(layers, layerTitle(), "transformerLayers", "use the model's number of blocks");
    this.transformerLayers = layers;
    return self();
  }

  /**
   * Seed of the fixed permutation of virtual slots; default 0. A saved model keeps it.
   *
   * @param seed any number
   * @return this builder
   */
  public T permutationSeed(int seed) {
    this.permutationSeed = seed;
    return self();
  }

  /**
   * Updater of the value table (and of the pre-values), with a learning rate or schedule of its
   * own; default {@code new Adam(1e-3)}. The paper's: {@code new Adam(new
   * DecayingMultiple(schedule, 10, steps))}, with the schedule of the other parameters, which take
   * the layer's or network's updater as usual.
   *
   * @param updater Adam or Sgd, which visit the touched rows only; or NoOp, for gradient checks
   * @return this builder
   * @throws IllegalArgumentException if another updater is given
   */
  public T valuesUpdater(IUpdater updater) {
    RowTable.requireUpdater(layerTitle(), "valuesUpdater", updater);
    this.valuesUpdater = updater.clone();
    return self();
  }

  /**
   * Keeps the value table, and Adam's moments of it, in a file beside the model instead of in the
   * network's parameters: beyond 2^28 values, and beyond the memory of the machine. The pre-values
   * of {@link UltraMemV2} are in a second file, of the same name with {@code .pre} behind it. FLOAT
   * networks only, and not on SameDiff graphs. Save such a network by {@link PoolFiles#save}.
   * Default: no file.
   *
   * @param file path of the file, which is created when the new network first reads the table; a
   *     relative one is seen from the working directory of the JVM; another one for every layer
   * @return this builder
   */
  public T file(String file) {
    this.file = file;
    return self();
  }

  /**
   * How the file stores the rows; default FLOAT32. In an INT8 file the slice of each core has a
   * scale of its own.
   *
   * @param storage FLOAT32, BFLOAT16 or INT8
   * @return this builder
   * @throws IllegalArgumentException if storage is null
   */
  public T storage(ValueStorage storage) {
    FileSettings.requireStorage(layerTitle(), storage);
    this.storage = storage;
    return self();
  }

  /** Checks the settings against each other. */
  final void requireSettings() {
    FileSettings.require(layerTitle(), "a memory", file, storage);
    long root = Math.round(Math.sqrt(expansion));
    Require.that(
        subKeys > 0 && subKeys <= 65_536 / root,
        layerTitle(),
        "subKeys",
        "1 to " + 65_536 / root + ", so that a side has at most 65536 keys",
        subKeys,
        "use subKeys(512)");
    Require.that(
        topK > 0 && topK <= root * subKeys,
        layerTitle(),
        "topK",
        "1 to the keys of a side, " + root * subKeys,
        topK,
        "use fewer accesses or more sub-keys");
  }
}
