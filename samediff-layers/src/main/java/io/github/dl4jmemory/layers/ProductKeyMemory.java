package io.github.dl4jmemory.layers;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
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
 * <p>With {@code queryBatchNorm} every feature of q is standardised before that, {@code (q - mean)
 * / sqrt(variance + 1e-6)}, by running averages of the mean and variance of the training batches
 * (decay 0.9 a step). Unlike batch normalisation elsewhere it takes the running averages in
 * training too, and they have no gradient: a batch of one token works, and forward is the same
 * function in training and inference.
 *
 * <p>Parameters: Wq [nIn, heads*keySize] Xavier uniform; queryStatistics [2, heads*keySize] 0 and
 * 1; K [heads, 2, subKeys, keySize/2] uniform in ±1/sqrt(keySize); g [heads, 2, keySize/2] one; Wg
 * [nIn, valueSize] normal with deviation 1/sqrt(nIn); Wo [valueSize, nOut] and V [subKeys²,
 * valueSize] normal with deviation 1/sqrt(valueSize).
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
 * <p>Source: Lample et al., Large Memory Layers with Product Keys, arXiv 1907.05242, sections 3 and
 * 4.5 (query batch normalisation); Berges et al., Memory Layers at Scale, arXiv 2412.09764,
 * equations 1 and 2 (their K and V of n keys, our subKeys and slots).
 */
public final class ProductKeyMemory extends ProductKeyLookup {

  private static final long serialVersionUID = 1L;

  static final String VALUES = "V";

  private long subKeys;
  private long valueSize;
  private IUpdater valuesUpdater;

  /** For Jackson. */
  private ProductKeyMemory() {}

  private ProductKeyMemory(Builder builder) {
    super(builder);
    subKeys = builder.subKeys;
    valueSize = builder.valueSize;
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
   * Sub-keys of one half of one head.
   *
   * @return subKeys; the table has subKeys² slots
   */
  @Override
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
   * @return valueSize; nOut where the builder was given none
   */
  @Override
  public long getValueSize() {
    return valueSize == 0 ? getNOut() : valueSize;
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
    super.defineParameters(params);
    params.addWeightParam(VALUES, getSlots(), getValueSize());
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    super.initializeParameters(params);
    normal(params.get(VALUES), 1 / Math.sqrt(getValueSize()));
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
    return defineLookup(sd, x, params, params.get(VALUES), mask);
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
        && valuesUpdater.equals(that.valuesUpdater);
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), subKeys, valueSize);
  }

  /** Settings of a {@link ProductKeyMemory}; {@link #build} checks them against each other. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder extends ProductKeyLookup.Builder<Builder> {

    private long subKeys = 1024;
    private long valueSize;
    private IUpdater valuesUpdater = new Adam(1e-3);

    private Builder() {}

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
      requireHeads();
      requireSubKeys(layer, subKeys);
      requireKeySize();
      requireTopK(layer, topK(), subKeys);
      RowTable.requireSize(layer, "subKeys", subKeys * subKeys, 1);
      return new ProductKeyMemory(this);
    }
  }
}
