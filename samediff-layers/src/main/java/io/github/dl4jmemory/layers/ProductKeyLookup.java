package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.SDMemory;
import java.util.Map;
import java.util.Objects;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.nd4j.autodiff.samediff.SDIndex;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.random.impl.GaussianDistribution;
import org.nd4j.linalg.api.ops.random.impl.UniformDistribution;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A layer that looks value rows up by product keys: {@link ProductKeyMemory} in a table of its own,
 * {@code PooledMemory} in the table of a {@code MemoryPool}. Queries, sub-keys, key gains, gate and
 * output projection are the layer's own; {@link ProductKeyMemory} states the mathematics.
 */
public abstract class ProductKeyLookup extends TokenwiseLayer {

  private static final long serialVersionUID = 1L;

  static final String QUERY = "Wq";
  static final String SUB_KEYS = "K";
  static final String QUERY_STATISTICS = "queryStatistics";
  static final String KEY_GAIN = "g";
  static final String GATE = "Wg";
  static final String OUTPUT = "Wo";
  static final double NORM_EPSILON = 1e-6;

  private static final long MOST_SUB_KEYS = 65_536;

  private int heads;
  private long keySize;
  private int topK;
  private boolean queryBatchNorm;
  private boolean queryKeyNorm;
  private boolean gate;

  /** For Jackson. */
  ProductKeyLookup() {}

  ProductKeyLookup(Builder<?> builder) {
    super(builder);
    heads = builder.heads;
    keySize = builder.keySize;
    topK = builder.topK;
    queryBatchNorm = builder.queryBatchNorm;
    queryKeyNorm = builder.queryKeyNorm;
    gate = builder.gate;
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
  public abstract long getSubKeys();

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
   * @return valueSize
   */
  public abstract long getValueSize();

  /**
   * Whether queries are standardised by running statistics.
   *
   * @return queryBatchNorm
   */
  public boolean isQueryBatchNorm() {
    return queryBatchNorm;
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

  /** Refuses sub-keys that no table has. */
  static void requireSubKeys(String layer, long subKeys) {
    Require.that(
        subKeys > 0 && subKeys <= MOST_SUB_KEYS,
        layer,
        "subKeys",
        "1 to " + MOST_SUB_KEYS,
        subKeys,
        "use subKeys(1024), for 1024² slots");
  }

  /** Refuses more accesses than there are sub-keys. */
  static void requireTopK(String layer, int topK, long subKeys) {
    Require.that(
        topK > 0 && topK <= subKeys,
        layer,
        "topK",
        "1 to subKeys = " + subKeys,
        topK,
        "use fewer accesses or more sub-keys");
  }

  @Override
  public void defineParameters(SDLayerParams params) {
    params.addWeightParam(QUERY, getNIn(), heads * keySize);
    if (queryBatchNorm) {
      params.addBiasParam(QUERY_STATISTICS, 2, heads * keySize);
    }
    params.addWeightParam(SUB_KEYS, heads, 2, getSubKeys(), keySize / 2);
    if (queryKeyNorm) {
      params.addWeightParam(KEY_GAIN, heads, 2, keySize / 2);
    }
    if (gate) {
      params.addWeightParam(GATE, getNIn(), getValueSize());
    }
    params.addWeightParam(OUTPUT, getValueSize(), getNOut());
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    uniform(params.get(QUERY), Math.sqrt(6.0 / (getNIn() + heads * keySize)));
    uniform(params.get(SUB_KEYS), 1 / Math.sqrt(keySize));
    if (queryBatchNorm) {
      params.get(QUERY_STATISTICS).getRow(0).assign(0);
      params.get(QUERY_STATISTICS).getRow(1).assign(1);
    }
    if (queryKeyNorm) {
      params.get(KEY_GAIN).assign(1);
    }
    if (gate) {
      normal(params.get(GATE), 1 / Math.sqrt(getNIn()));
    }
    normal(params.get(OUTPUT), 1 / Math.sqrt(getValueSize()));
  }

  @Override
  final boolean isState(String key) {
    return key.equals(QUERY_STATISTICS);
  }

  private static void uniform(INDArray array, double bound) {
    Nd4j.exec(new UniformDistribution(array, -bound, bound));
  }

  static void normal(INDArray array, double deviation) {
    Nd4j.exec(new GaussianDistribution(array, 0, deviation));
  }

  /** The lookup in the values [slots, valueSize], on a SameDiff graph. */
  final SDVariable defineLookup(
      SameDiff sd,
      SDVariable x,
      Map<String, SDVariable> params,
      SDVariable values,
      SDVariable mask) {
    boolean channelsFirst = isChannelsFirst(x);
    SDVariable tokensFirst = channelsFirst ? x.permute(0, 2, 1) : x;
    SDVariable tokens = tokensFirst.reshape(-1, getNIn());
    SDVariable out = defineTokens(sd, tokens, params, values);
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

  private SDVariable defineTokens(
      SameDiff sd, SDVariable x, Map<String, SDVariable> params, SDVariable values) {
    long half = keySize / 2;
    SDVariable query = x.mmul(params.get(QUERY));
    SDVariable subKeyRows = params.get(SUB_KEYS);
    if (queryBatchNorm) {
      query = standardised(sd, query, params.get(QUERY_STATISTICS));
    }
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
            sd, scope + "read", values, top[1].reshape(-1, bagSize), weights.reshape(-1, bagSize));
    if (gate) {
      SDVariable g = x.mmul(params.get(GATE));
      y = y.mul(g.mul(sd.nn.sigmoid(g)));
    }
    return y.mmul(params.get(OUTPUT));
  }

  private SDVariable standardised(SameDiff sd, SDVariable query, SDVariable statistics) {
    SDVariable mean = statistics.get(SDIndex.point(0)).reshape(1, heads * keySize);
    SDVariable variance = statistics.get(SDIndex.point(1)).reshape(1, heads * keySize);
    return query.sub(mean).div(sd.math.sqrt(variance.add(QueryStatistics.EPSILON)));
  }

  private static SDVariable normalised(SameDiff sd, SDVariable rows, int featureAxis) {
    SDVariable meanSquare = sd.math.square(rows).mean(true, featureAxis);
    return rows.div(sd.math.sqrt(meanSquare.add(NORM_EPSILON)));
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other)
        && other instanceof ProductKeyLookup that
        && heads == that.heads
        && getSubKeys() == that.getSubKeys()
        && keySize == that.keySize
        && topK == that.topK
        && getValueSize() == that.getValueSize()
        && queryBatchNorm == that.queryBatchNorm
        && queryKeyNorm == that.queryKeyNorm
        && gate == that.gate;
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), heads, keySize, topK);
  }

  /**
   * Settings that both layers share.
   *
   * @param <T> the builder itself
   */
  public abstract static class Builder<T extends Builder<T>> extends TokenwiseLayer.Builder<T> {

    private int heads = 4;
    private long keySize = 256;
    private int topK = 32;
    private boolean queryBatchNorm;
    private boolean queryKeyNorm = true;
    private boolean gate = true;

    /** Settings at their defaults. */
    Builder() {}

    /**
     * Heads; default 4. Every head has sub-keys of its own and reads topK slots of the one table.
     *
     * @param heads at least 1
     * @return this builder
     */
    public T heads(int heads) {
      this.heads = heads;
      return self();
    }

    /**
     * Features of a query, both halves together; default 256.
     *
     * @param keySize even
     * @return this builder
     */
    public T keySize(long keySize) {
      this.keySize = keySize;
      return self();
    }

    /**
     * Slots read by one head for one token; default 32.
     *
     * @param topK from 1 to subKeys
     * @return this builder
     */
    public T topK(int topK) {
      this.topK = topK;
      return self();
    }

    /**
     * Whether every feature of the queries is first brought to mean 0 and variance 1; default
     * false. A large memory uses far more of its slots with it: without, what all queries have in
     * common picks the same sub-keys for all of them.
     *
     * @param queryBatchNorm see {@link ProductKeyMemory}
     * @return this builder
     */
    public T queryBatchNorm(boolean queryBatchNorm) {
      this.queryBatchNorm = queryBatchNorm;
      return self();
    }

    /**
     * Whether queries and sub-keys are normalised, with a learned gain; default true.
     *
     * @param queryKeyNorm see {@link ProductKeyMemory}
     * @return this builder
     */
    public T queryKeyNorm(boolean queryKeyNorm) {
      this.queryKeyNorm = queryKeyNorm;
      return self();
    }

    /**
     * Whether the memory's output is multiplied by silu(x Wg); default true.
     *
     * @param gate see {@link ProductKeyMemory}
     * @return this builder
     */
    public T gate(boolean gate) {
      this.gate = gate;
      return self();
    }

    final int topK() {
      return topK;
    }

    final void requireHeads() {
      Require.positive(heads, layerTitle(), "heads", "use heads(4)");
    }

    final void requireKeySize() {
      Require.that(
          keySize > 0 && keySize % 2 == 0,
          layerTitle(),
          "keySize",
          "a positive even number, both halves together",
          keySize,
          "use keySize(256)");
    }
  }
}
