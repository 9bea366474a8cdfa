package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.MemoryOps;
import java.util.function.Consumer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.custom.SoftMax;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * The fused runtime of a {@link ProductKeyLookup}. Where the values are, and what happens to their
 * gradient, is the subclass's matter.
 *
 * @param <C> configuration of the layer
 */
abstract class ProductKeyLookupRuntime<C extends ProductKeyLookup> extends TokenwiseRuntime<C> {

  private static final long serialVersionUID = 1L;

  private final int heads;
  private final int topK;
  private final long subKeys;
  private final long half;
  private final long valueSize;
  private final transient QueryStatistics statistics; // null: queries are not standardised
  private transient Kept kept;
  private transient AccessObserver observer;
  private transient OverlayKeys overlay; // null: none
  private transient Consumer<Lookup> watcher; // null: none

  /** What a forward pass asked for and read: [tokens, heads, keySize] and [tokens, valueSize]. */
  record Lookup(INDArray query, INDArray read) {}

  /** What backward needs from forward. */
  private record Kept(Keys keys, INDArray slots, INDArray weights, INDArray read, INDArray gate) {}

  /**
   * Queries and sub-keys as the top-k takes them; with their inverse root mean squares, and the
   * normalised sub-keys before the gain, where they are normalised.
   */
  private record Keys(
      INDArray query, INDArray queryInverse, INDArray subKeys, INDArray subKeysInverse) {}

  ProductKeyLookupRuntime(NeuralNetConfiguration conf, DataType dataType, C layer) {
    super(conf, dataType);
    heads = layer.getHeads();
    topK = layer.getTopK();
    subKeys = layer.getSubKeys();
    half = layer.getKeySize() / 2;
    valueSize = layer.getValueSize();
    statistics = layer.isQueryBatchNorm() ? statistics() : null;
  }

  private QueryStatistics statistics() {
    QueryStatistics own = new QueryStatistics(() -> getParam(ProductKeyLookup.QUERY_STATISTICS));
    updateBy(ProductKeyLookup.QUERY_STATISTICS, new SelfUpdater(own));
    return own;
  }

  /** {@link MemoryOps#productKeyTopK(INDArray, INDArray, INDArray, INDArray)}, by any worker. */
  void find(INDArray query, INDArray subKeys, INDArray scoresOut, INDArray slotsOut) {
    MemoryOps.productKeyTopK(query, subKeys, scoresOut, slotsOut);
  }

  /**
   * Reads {@code out[token] = sum_k weights[token, k] * values[slots[token, k]]}; throws while
   * there are no values.
   *
   * @param slots LONG [tokens, heads*topK]
   * @param weights [tokens, heads*topK]
   * @param out [tokens, valueSize], to be assigned
   */
  abstract void read(INDArray slots, INDArray weights, INDArray out);

  /**
   * Takes in the gradient of {@link #read} with respect to the values.
   *
   * @param slots LONG [tokens, heads*topK]
   * @param weights [tokens, heads*topK]
   * @param readGradient [tokens, valueSize]
   * @param weightGradientOut [tokens, heads*topK], to be assigned
   */
  abstract void valuesBackward(
      INDArray slots, INDArray weights, INDArray readGradient, INDArray weightGradientOut);

  /** A step that reads no row. */
  abstract void valuesBackwardOfNothing();

  /** The layer that has the values. */
  abstract LayerRuntime<?> tableOwner();

  /** Tells an observer what is read from now on; null: nobody. A copy of the network has none. */
  final void observe(AccessObserver newObserver) {
    observer = newObserver;
  }

  final AccessObserver observer() {
    return observer;
  }

  /** From now on, the keys beside the product keys; null for none. */
  final void overlay(OverlayKeys overlay) {
    this.overlay = overlay;
  }

  /** From now on, who sees what is read; null for none. */
  final void watchLookups(Consumer<Lookup> watcher) {
    this.watcher = watcher;
  }

  private boolean normalises() {
    return layerConf().isQueryKeyNorm();
  }

  private boolean gates() {
    return layerConf().isGate();
  }

  // ------------------------------------------------------------------------------------- forward

  @Override
  void forward(INDArray x, INDArray out, boolean keep, LayerWorkspaceMgr workspaces) {
    boolean overlaid = overlay != null && !overlay.isEmpty();
    if (overlaid && keep) {
      throw noTrainingUnderAnOverlay();
    }
    Scratch scratch = new Scratch(dataType, keep, workspaces);
    long tokens = x.size(0);
    Keys keys = keys(x, scratch);
    INDArray scores = Nd4j.createUninitialized(dataType, tokens, heads, topK);
    INDArray slots = scratch.create(DataType.INT64, tokens, heads, topK);
    INDArray query = keys.query().reshape('c', tokens, heads, 2 * half);
    find(query, keys.subKeys(), scores, slots);
    OverlayKeys.Hits hits = overlaid ? overlay.merge(query, gain(), scores, slots) : null;
    INDArray weights = scratch.create(tokens, heads, topK);
    Nd4j.exec(new SoftMax(scores, weights, 2));
    INDArray read = scratch.create(tokens, valueSize);
    if (hits == null) {
      read(bags(slots), bags(weights), read);
    } else {
      hits.takeWeights(bags(weights));
      read(bags(slots), bags(weights), read);
      hits.addTo(read);
    }
    if (observer != null && !keep) {
      observer.read(bags(slots), bags(weights));
    }
    if (watcher != null) {
      watcher.accept(new Lookup(query, read));
    }
    INDArray gate = null;
    INDArray z = read;
    if (gates()) {
      gate = scratch.create(tokens, valueSize);
      Matrices.product(x, getParam(ProductKeyLookup.GATE), gate);
      z = silu(gate).muli(read);
    }
    Matrices.product(z, getParam(ProductKeyLookup.OUTPUT), out);
    kept = keep ? new Kept(keys, slots, weights, read, gate) : null;
  }

  /** g, where keys are normalised, else null. */
  private double[] gain() {
    return normalises() ? getParam(ProductKeyLookup.KEY_GAIN).dup('c').data().asDouble() : null;
  }

  private IllegalStateException noTrainingUnderAnOverlay() {
    return new IllegalStateException(
        Require.text(
            title(),
            "overlay",
            "a forward pass of inference",
            "one of training, which knows no gradient of the overlay's keys",
            "detach() the overlay, or delete its keys, before training or MemoryEditor.learn"));
  }

  private INDArray bags(INDArray perHead) {
    return perHead.reshape('c', perHead.size(0), (long) heads * topK);
  }

  private Keys keys(INDArray x, Scratch scratch) {
    INDArray query = scratch.create(x.size(0), heads * 2 * half);
    Matrices.product(x, getParam(ProductKeyLookup.QUERY), query);
    if (statistics != null) {
      statistics.standardise(query, scratch.keep());
    }
    INDArray rows = getParam(ProductKeyLookup.SUB_KEYS);
    if (!normalises()) {
      return new Keys(query, null, rows, null);
    }
    INDArray queryRows = halves(query);
    INDArray queryInverse = scratch.create(queryRows.size(0), 1);
    queryInverse.assign(Rms.inverse(queryRows, ProductKeyLookup.NORM_EPSILON));
    Rms.normalise(queryRows, queryInverse, queryRows);
    INDArray subKeysInverse = scratch.create(heads * 2 * subKeys, 1);
    subKeysInverse.assign(Rms.inverse(halves(rows), ProductKeyLookup.NORM_EPSILON));
    INDArray scaled = scratch.create(heads, 2, subKeys, half);
    Rms.normalise(halves(rows), subKeysInverse, halves(scaled));
    scaled.muli(scale());
    return new Keys(query, queryInverse, scaled, subKeysInverse);
  }

  /** Rows of keySize/2 features. */
  private INDArray halves(INDArray array) {
    return array.reshape('c', array.length() / half, half);
  }

  /** g / sqrt(keySize/2), for multiplication with sub-keys. */
  private INDArray scale() {
    return getParam(ProductKeyLookup.KEY_GAIN).div(Math.sqrt(half)).reshape('c', heads, 2, 1, half);
  }

  private static INDArray silu(INDArray gate) {
    return Transforms.sigmoid(gate, true).muli(gate);
  }

  // ------------------------------------------------------------------------------------ backward

  @Override
  void backward(INDArray x, INDArray outGradient, INDArray xGradient) {
    INDArray output = getParam(ProductKeyLookup.OUTPUT);
    INDArray zGradient = Nd4j.createUninitialized(dataType, x.size(0), valueSize);
    Matrices.product(outGradient, output.transpose(), zGradient);
    INDArray readGradient = zGradient;
    INDArray z = kept.read();
    INDArray gateGradient = null;
    if (gates()) {
      INDArray sigmoid = Transforms.sigmoid(kept.gate(), true);
      INDArray silu = sigmoid.mul(kept.gate());
      z = silu.mul(kept.read());
      readGradient = zGradient.mul(silu);
      // d silu(a) / da = s (1 + a (1 - s)) = s + silu (1 - s)
      INDArray slope = silu.muli(sigmoid.rsub(1)).addi(sigmoid);
      gateGradient = zGradient.muli(kept.read()).muli(slope);
      Matrices.product(x.transpose(), gateGradient, gradientOf(ProductKeyLookup.GATE));
    }
    Matrices.product(z.transpose(), outGradient, gradientOf(ProductKeyLookup.OUTPUT));
    INDArray queryGradient = lookupBackward(readGradient);
    Matrices.product(x.transpose(), queryGradient, gradientOf(ProductKeyLookup.QUERY));
    Matrices.product(queryGradient, getParam(ProductKeyLookup.QUERY).transpose(), xGradient);
    if (gates()) {
      Matrices.addProduct(gateGradient, getParam(ProductKeyLookup.GATE).transpose(), xGradient);
    }
  }

  /** From the gradient of what was read to that of the queries; values, K and g on the way. */
  private INDArray lookupBackward(INDArray readGradient) {
    INDArray weights = kept.weights();
    long tokens = weights.size(0);
    if (observer != null) {
      observer.read(bags(kept.slots()), bags(weights));
    }
    INDArray scoreGradient = Nd4j.createUninitialized(dataType, tokens, heads, topK);
    valuesBackward(bags(kept.slots()), bags(weights), readGradient, bags(scoreGradient));
    INDArray along = scoreGradient.mul(weights).sum(true, 2); // softmax: ds = w (dw - <w, dw>)
    scoreGradient.subi(along).muli(weights);
    INDArray query = kept.keys().query();
    INDArray queryGradient = Nd4j.createUninitialized(dataType, query.shape());
    MemoryOps.productKeyTopKGradient(
        query.reshape('c', tokens, heads, 2 * half),
        kept.keys().subKeys(),
        kept.slots(),
        scoreGradient,
        queryGradient.reshape('c', tokens, heads, 2 * half),
        gradientOf(ProductKeyLookup.SUB_KEYS));
    if (normalises()) {
      normBackward(queryGradient);
    }
    if (statistics != null) {
      statistics.backward(queryGradient);
      gradientOf(ProductKeyLookup.QUERY_STATISTICS).assign(0);
    }
    return queryGradient;
  }

  private void normBackward(INDArray queryGradient) {
    Keys keys = kept.keys();
    Rms.backward(halves(queryGradient), halves(keys.query()), keys.queryInverse());
    INDArray subKeyGradient = gradientOf(ProductKeyLookup.SUB_KEYS);
    INDArray normalised = Nd4j.createUninitialized(dataType, subKeyGradient.shape());
    Rms.normalise(
        halves(getParam(ProductKeyLookup.SUB_KEYS)), keys.subKeysInverse(), halves(normalised));
    gradientOf(ProductKeyLookup.KEY_GAIN)
        .assign(subKeyGradient.mul(normalised).sum(2).divi(Math.sqrt(half)));
    subKeyGradient.muli(scale());
    Rms.backward(halves(subKeyGradient), halves(normalised), keys.subKeysInverse());
  }

  @Override
  void backwardOfNothing() {
    valuesBackwardOfNothing();
    paramTable(true).keySet().stream()
        .filter(key -> !rowTables().containsKey(key))
        .forEach(key -> gradientOf(key).assign(0));
  }

  @Override
  void drop() {
    kept = null;
  }

  /** Arrays of the forward pass: kept until backward, or gone with the layer's working memory. */
  private record Scratch(DataType dataType, boolean keep, LayerWorkspaceMgr workspaces) {

    INDArray create(long... shape) {
      return create(dataType, shape);
    }

    INDArray create(DataType type, long... shape) {
      return keep
          ? workspaces.createUninitialized(ArrayType.ACTIVATIONS, type, shape, 'c')
          : Nd4j.createUninitialized(type, shape, 'c');
    }
  }
}
