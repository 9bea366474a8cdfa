package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.SDMemory;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.nd4j.autodiff.samediff.SDIndex;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.random.impl.GaussianDistribution;
import org.nd4j.linalg.api.ops.random.impl.UniformDistribution;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.regularization.Regularization;

/**
 * A memory of subKeys² value rows, of which every token reads heads × topK: product-key memory with
 * its gate and output projection ("Memory+").
 *
 * <pre>
 *   q           = x Wq                               one query of keySize features per head, no bias
 *   (s, slots)  = top-k over i, j of &lt;q1, K1[i]&gt; + &lt;q2, K2[j]&gt;,  slot = i * subKeys + j, per head
 *   w           = softmax(s)                         over the topK scores of a head
 *   y           = sum over heads and k of w * V[slot]
 *   out         = (y * silu(x Wg)) Wo                without the gate: y Wo
 * </pre>
 *
 * <p>With {@code queryKeyNorm} (the default) the halves of queries and sub-keys are normalised
 * first: {@code <q, K>} becomes {@code sum_d g_d q̂_d K̂_d / sqrt(keySize/2)} with {@code q̂ = q /
 * sqrt(mean(q²) + 1e-6)}, {@code K̂} likewise, and a learned gain g per head, half and feature,
 * initially 1. A half score then starts with a standard deviation of 1 whatever the sizes, so that
 * the softmax over the best topK is neither flat nor one-hot. (One gain, because the gains of
 * queries and of sub-keys would only ever appear as their product.)
 *
 * <p>Parameters: Wq [nIn, heads*keySize] Xavier uniform; K [heads, 2, subKeys, keySize/2] uniform
 * in ±1/sqrt(keySize); g [heads, 2, keySize/2] one; Wg [nIn, valueSize] normal with deviation
 * 1/sqrt(nIn); Wo [valueSize, nOut] and V [subKeys², valueSize] normal with deviation
 * 1/sqrt(valueSize).
 *
 * <p>In a MultiLayerNetwork or ComputationGraph V has no dense gradient: a step changes the rows
 * that it has read and no other, by lazy Adam (m and v of touched rows only) or SGD, with a
 * learning rate or schedule of its own. V takes no regularisation and no gradient normalisation;
 * both apply to the other parameters. See {@link RowSparseTraining} for the last dense pass.
 *
 * <p>Cost per token, in multiply-adds: nIn*heads*keySize + heads*subKeys*keySize +
 * heads*topK*valueSize + nIn*valueSize + valueSize*nOut. The number of slots, subKeys², is not in
 * it.
 *
 * <p>Source: Lample et al., Large Memory Layers with Product Keys, arXiv 1907.05242, section 3;
 * Berges et al., Memory Layers at Scale, arXiv 2412.09764, equations 1 and 2 (their K and V of n
 * keys, our subKeys and slots).
 */
public final class ProductKeyMemory extends TokenwiseLayer {

  private static final long serialVersionUID = 1L;

  private static final long MOST_SUB_KEYS = 65_536;

  static final String QUERY = "Wq";
  static final String SUB_KEYS = "K";
  static final String KEY_GAIN = "g";
  static final String VALUES = "V";
  static final String GATE = "Wg";
  static final String OUTPUT = "Wo";
  static final double NORM_EPSILON = 1e-6;

  private int heads;
  private long subKeys;
  private long keySize;
  private int topK;
  private long valueSize;
  private boolean queryKeyNorm;
  private boolean gate;
  private IUpdater valuesUpdater;

  /** For Jackson. */
  private ProductKeyMemory() {}

  private ProductKeyMemory(Builder builder) {
    super(builder);
    heads = builder.heads;
    subKeys = builder.subKeys;
    keySize = builder.keySize;
    topK = builder.topK;
    valueSize = builder.valueSize;
    queryKeyNorm = builder.queryKeyNorm;
    gate = builder.gate;
    valuesUpdater = builder.valuesUpdater;
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
   * Heads, each with sub-keys of its own.
   *
   * @return heads
   */
  public int getHeads() {
    return heads;
  }

  /**
   * Sub-keys of one half of one head.
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
   * Features of a query, both halves together.
   *
   * @return keySize
   */
  public long getKeySize() {
    return keySize;
  }

  /**
   * Slots read by one head for one token.
   *
   * @return topK
   */
  public int getTopK() {
    return topK;
  }

  /**
   * Features of a value row.
   *
   * @return valueSize; nOut where the builder was given none
   */
  public long getValueSize() {
    return valueSize == 0 ? getNOut() : valueSize;
  }

  /**
   * Whether queries and sub-keys are normalised.
   *
   * @return queryKeyNorm
   */
  public boolean isQueryKeyNorm() {
    return queryKeyNorm;
  }

  /**
   * Whether the memory's output is multiplied by silu(x Wg).
   *
   * @return gate
   */
  public boolean isGate() {
    return gate;
  }

  /**
   * Updater of the value table.
   *
   * @return a copy
   */
  public IUpdater getValuesUpdater() {
    return valuesUpdater.clone();
  }

  @Override
  void requireComplete() {
    super.requireComplete();
    RowTable.requireSize(title(), "subKeys", getSlots(), getValueSize());
  }

  @Override
  public void defineParameters(SDLayerParams params) {
    params.addWeightParam(QUERY, getNIn(), heads * keySize);
    params.addWeightParam(SUB_KEYS, heads, 2, subKeys, keySize / 2);
    if (queryKeyNorm) {
      params.addWeightParam(KEY_GAIN, heads, 2, keySize / 2);
    }
    if (gate) {
      params.addWeightParam(GATE, getNIn(), getValueSize());
    }
    params.addWeightParam(OUTPUT, getValueSize(), getNOut());
    params.addWeightParam(VALUES, getSlots(), getValueSize());
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    uniform(params.get(QUERY), Math.sqrt(6.0 / (getNIn() + heads * keySize)));
    uniform(params.get(SUB_KEYS), 1 / Math.sqrt(keySize));
    if (queryKeyNorm) {
      params.get(KEY_GAIN).assign(1);
    }
    if (gate) {
      normal(params.get(GATE), 1 / Math.sqrt(getNIn()));
    }
    normal(params.get(OUTPUT), 1 / Math.sqrt(getValueSize()));
    normal(params.get(VALUES), 1 / Math.sqrt(getValueSize()));
  }

  private static void uniform(INDArray array, double bound) {
    Nd4j.exec(new UniformDistribution(array, -bound, bound));
  }

  private static void normal(INDArray array, double deviation) {
    Nd4j.exec(new GaussianDistribution(array, 0, deviation));
  }

  /**
   * The mathematics above on a SameDiff graph. Features are the last axis of the input, [batch,
   * nIn] or [batch, time, nIn]; with rnnFormat(NCW) the input is [batch, nIn, time].
   *
   * @param sd graph
   * @param x input
   * @param params parameters by key
   * @param mask null, or one value per token, 0 where masked
   * @return output, in the layout of the input
   */
  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable x, Map<String, SDVariable> params, SDVariable mask) {
    boolean channelsFirst = isChannelsFirst(x);
    SDVariable tokensFirst = channelsFirst ? x.permute(0, 2, 1) : x;
    SDVariable tokens = tokensFirst.reshape(-1, getNIn());
    SDVariable out = defineTokens(sd, tokens, params);
    if (mask != null) {
      out = out.mul(mask.reshape(-1, 1));
    }
    SDVariable shape = sd.shape(tokensFirst);
    SDVariable leading = shape.get(SDIndex.interval(0, -1));
    SDVariable outShape =
        sd.concat(0, leading, sd.constant(Nd4j.createFromArray(new long[] {getNOut()})));
    SDVariable shaped = sd.reshape(out, outShape);
    return channelsFirst ? shaped.permute(0, 2, 1) : shaped;
  }

  private SDVariable defineTokens(SameDiff sd, SDVariable x, Map<String, SDVariable> params) {
    long half = keySize / 2;
    SDVariable query = x.mmul(params.get(QUERY));
    SDVariable subKeyRows = params.get(SUB_KEYS);
    if (queryKeyNorm) {
      query = normalised(sd, query.reshape(-1, half), 1);
      SDVariable scale = params.get(KEY_GAIN).div(Math.sqrt(half)).reshape(heads, 2, 1, half);
      subKeyRows = normalised(sd, subKeyRows, 3).mul(scale);
    }
    String first = params.get(QUERY).name(); // names must differ between layers of one graph
    String scope = first.substring(0, first.length() - QUERY.length());
    SDVariable[] top =
        SDMemory.productKeyTopK(
            sd,
            scope + "topK",
            query.reshape(-1, heads, keySize),
            subKeyRows,
            topK); // {scores, slots}
    SDVariable weights = sd.nn.softmax(top[0], 2);
    long bagSize = (long) heads * topK;
    SDVariable y =
        SDMemory.weightedBag(
            sd,
            scope + "read",
            params.get(VALUES),
            top[1].reshape(-1, bagSize),
            weights.reshape(-1, bagSize));
    if (gate) {
      SDVariable g = x.mmul(params.get(GATE));
      y = y.mul(g.mul(sd.nn.sigmoid(g)));
    }
    return y.mmul(params.get(OUTPUT));
  }

  private static SDVariable normalised(SameDiff sd, SDVariable rows, int featureAxis) {
    SDVariable meanSquare = sd.math.square(rows).mean(true, featureAxis);
    return rows.div(sd.math.sqrt(meanSquare.add(NORM_EPSILON)));
  }

  @Override
  LayerRuntime<?> runtime(NeuralNetConfiguration conf, DataType dataType) {
    return new ProductKeyMemoryRuntime(conf, dataType, this);
  }

  @Override
  public IUpdater getUpdaterByParam(String key) {
    return key.equals(VALUES) ? valuesUpdater : super.getUpdaterByParam(key);
  }

  @Override
  public List<Regularization> getRegularizationByParam(String key) {
    return key.equals(VALUES) ? null : super.getRegularizationByParam(key);
  }

  @Override
  public ProductKeyMemory clone() {
    ProductKeyMemory copy = (ProductKeyMemory) super.clone();
    copy.valuesUpdater = valuesUpdater.clone();
    return copy;
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other)
        && other instanceof ProductKeyMemory that
        && heads == that.heads
        && subKeys == that.subKeys
        && keySize == that.keySize
        && topK == that.topK
        && getValueSize() == that.getValueSize()
        && queryKeyNorm == that.queryKeyNorm
        && gate == that.gate
        && valuesUpdater.equals(that.valuesUpdater);
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), heads, subKeys, keySize, topK, valueSize);
  }

  /** Settings of a {@link ProductKeyMemory}; {@link #build} checks them against each other. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder extends TokenwiseLayer.Builder<Builder> {

    private int heads = 4;
    private long subKeys = 1024;
    private long keySize = 256;
    private int topK = 32;
    private long valueSize;
    private boolean queryKeyNorm = true;
    private boolean gate = true;
    private IUpdater valuesUpdater = new Adam(1e-3);

    private Builder() {}

    /**
     * Heads; default 4. Every head has sub-keys of its own and reads topK slots of the one table.
     *
     * @param heads at least 1
     * @return this builder
     */
    public Builder heads(int heads) {
      this.heads = heads;
      return this;
    }

    /**
     * Sub-keys of a half; default 1024. The table has subKeys² slots.
     *
     * @param subKeys from topK to 65536
     * @return this builder
     */
    public Builder subKeys(long subKeys) {
      this.subKeys = subKeys;
      return this;
    }

    /**
     * Features of a query, both halves together; default 256.
     *
     * @param keySize even
     * @return this builder
     */
    public Builder keySize(long keySize) {
      this.keySize = keySize;
      return this;
    }

    /**
     * Slots read by one head for one token; default 32.
     *
     * @param topK from 1 to subKeys
     * @return this builder
     */
    public Builder topK(int topK) {
      this.topK = topK;
      return this;
    }

    /**
     * Features of a value row; default nOut.
     *
     * @param valueSize at least 1
     * @return this builder
     * @throws IllegalArgumentException if valueSize is not positive
     */
    public Builder valueSize(long valueSize) {
      Require.positive(
          valueSize, layerTitle(), "valueSize", "leave valueSize(...) away for valueSize = nOut");
      this.valueSize = valueSize;
      return this;
    }

    /**
     * Whether queries and sub-keys are normalised, with a learned gain; default true.
     *
     * @param queryKeyNorm see the class
     * @return this builder
     */
    public Builder queryKeyNorm(boolean queryKeyNorm) {
      this.queryKeyNorm = queryKeyNorm;
      return this;
    }

    /**
     * Whether the memory's output is multiplied by silu(x Wg); default true.
     *
     * @param gate see the class
     * @return this builder
     */
    public Builder gate(boolean gate) {
      this.gate = gate;
      return this;
    }

    /**
     * Updater of the value table, with a learning rate or schedule of its own; default {@code new
     * Adam(1e-3)}. The other parameters take the layer's or network's updater as usual.
     *
     * @param updater Adam or Sgd, which visit the touched rows only; or NoOp, for gradient checks
     * @return this builder
     * @throws IllegalArgumentException if another updater is given
     */
    public Builder valuesUpdater(IUpdater updater) {
      RowTable.requireUpdater(layerTitle(), "valuesUpdater", updater);
      this.valuesUpdater = updater.clone();
      return this;
    }

    @Override
    String layerTitle() {
      return "ProductKeyMemory";
    }

    /**
     * Checks the settings and makes the layer.
     *
     * @return the configuration of the layer
     * @throws IllegalArgumentException if a setting is out of range, or settings contradict
     */
    @Override
    public ProductKeyMemory build() {
      String layer = layerTitle();
      Require.positive(heads, layer, "heads", "use heads(4)");
      Require.that(
          subKeys > 0 && subKeys <= MOST_SUB_KEYS,
          layer,
          "subKeys",
          "1 to " + MOST_SUB_KEYS,
          subKeys,
          "use subKeys(1024), for 1024² slots");
      Require.that(
          keySize > 0 && keySize % 2 == 0,
          layer,
          "keySize",
          "a positive even number, both halves together",
          keySize,
          "use keySize(256)");
      Require.that(
          topK > 0 && topK <= subKeys,
          layer,
          "topK",
          "1 to subKeys = " + subKeys,
          topK,
          "use fewer accesses or more sub-keys");
      RowTable.requireSize(layer, "subKeys", subKeys * subKeys, 1);
      return new ProductKeyMemory(this);
    }
  }
}
