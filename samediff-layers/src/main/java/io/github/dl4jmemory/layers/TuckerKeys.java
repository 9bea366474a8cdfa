package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Queries and keys of a {@link TuckerMemory} as the lookup takes them, and the way back of their
 * gradients: normalisation, gains, and the copies of a query that heads share.
 */
final class TuckerKeys {

  private final TuckerMemoryRuntime runtime;
  private final int heads;
  private final int queries;
  private final int rank;
  private final long width; // of one dot product
  private final boolean normalises;

  /**
   * What a lookup takes, and what backward needs of how it came about.
   *
   * @param query [tokens, heads, 2, rank, width]
   * @param keys [heads, 2, rank, sideKeys, width], normalised, without their gain: with the
   *     normalisation, both gains are factors of the query, since {@code <gq q, gk k> = <gq gk q,
   *     k>}
   * @param normalised the queries before the gains, [tokens * queries * 2, rank * width]; null
   *     without normalisation, like the inverse root mean squares
   */
  record Lookup(
      INDArray query,
      INDArray keys,
      INDArray normalised,
      INDArray queryInverse,
      INDArray keysInverse) {}

  TuckerKeys(TuckerMemoryRuntime runtime, TuckerMemory layer) {
    this.runtime = runtime;
    heads = layer.getHeads();
    queries = layer.sharesQuery() ? 1 : heads;
    rank = layer.getRank();
    width = layer.rankKeySize();
    normalises = layer.isQueryKeyNorm();
  }

  // ------------------------------------------------------------------------------------- forward

  /** The lookup of tokens [tokens, nIn]; arrays are made by the room. */
  Lookup of(INDArray x, TuckerMemoryRuntime.Room room) {
    INDArray query = room.create(x.size(0), queries * 2 * rank * width);
    Matrices.product(x, runtime.getParam(TuckerMemory.QUERY), query);
    INDArray keys = runtime.getParam(TuckerMemory.KEYS);
    if (!normalises) {
      return new Lookup(perHead(query, room), keys, null, null, null);
    }
    INDArray queryInverse = room.create(query.length() / width, 1);
    queryInverse.assign(Rms.inverse(parts(query), TuckerMemory.NORM_EPSILON));
    Rms.normalise(parts(query), queryInverse, parts(query));
    INDArray normalised = sides(query);
    INDArray gained = room.create(normalised.shape());
    Matrices.scaleColumns(normalised, gains(), gained);
    INDArray keysInverse = room.create(keys.length() / width, 1);
    keysInverse.assign(Rms.inverse(parts(keys), TuckerMemory.NORM_EPSILON));
    INDArray normalisedKeys = room.create(keys.shape());
    Rms.normalise(parts(keys), keysInverse, parts(normalisedKeys));
    return new Lookup(perHead(gained, room), normalisedKeys, normalised, queryInverse, keysInverse);
  }

  /** A query that heads share, once for each. */
  private INDArray perHead(INDArray query, TuckerMemoryRuntime.Room room) {
    long size = 2 * rank * width;
    long tokens = query.length() / (queries * size);
    if (queries == heads) {
      return query.reshape('c', tokens, heads, 2, rank, width);
    }
    INDArray all = room.create(tokens, heads, size);
    INDArray one = query.reshape('c', tokens, size);
    for (int head = 0; head < heads; head++) {
      all.get(NDArrayIndex.all(), NDArrayIndex.point(head), NDArrayIndex.all()).assign(one);
    }
    return all.reshape('c', tokens, heads, 2, rank, width);
  }

  /** Rows that a dot product takes. */
  private INDArray parts(INDArray array) {
    return array.reshape('c', array.length() / width, width);
  }

  /** Rows of the features of one side, all ranks. */
  private INDArray sides(INDArray queryArray) {
    return queryArray.reshape('c', queryArray.length() / (rank * width), rank * width);
  }

  private INDArray gain(String key) {
    return runtime.getParam(key).reshape('c', 1, rank * width);
  }

  private INDArray gains() {
    return gain(TuckerMemory.QUERY_GAIN).mul(gain(TuckerMemory.KEY_GAIN));
  }

  // ------------------------------------------------------------------------------------ backward

  /**
   * Assigns the gradients of K and of the gains; returns that of x Wq.
   *
   * @param queryGradient [tokens, heads, 2, rank, width]
   * @param keysGradient [heads, 2, rank, sideKeys, width]
   * @return [tokens, queries * 2 * rank * width]
   */
  INDArray backward(Lookup lookup, INDArray queryGradient, INDArray keysGradient) {
    long tokens = queryGradient.size(0);
    INDArray gradient = queryGradient;
    if (queries < heads) {
      gradient = queryGradient.reshape('c', tokens, heads, 2 * rank * width).sum(1);
    }
    gradient = Matrices.contiguous(gradient);
    INDArray keys = runtime.gradientOf(TuckerMemory.KEYS);
    keys.assign(keysGradient);
    if (normalises) {
      queryBackward(lookup, sides(gradient));
      Rms.backward(parts(keys), parts(lookup.keys()), lookup.keysInverse());
    }
    return gradient.reshape('c', tokens, queries * 2 * rank * width);
  }

  private void queryBackward(Lookup lookup, INDArray gradient) {
    INDArray both = gradient.mul(lookup.normalised()).sum(true, 0);
    gainGradient(TuckerMemory.QUERY_GAIN, both.mul(gain(TuckerMemory.KEY_GAIN)));
    gainGradient(TuckerMemory.KEY_GAIN, both.mul(gain(TuckerMemory.QUERY_GAIN)));
    Matrices.scaleColumns(gradient, gains(), gradient);
    Rms.backward(parts(gradient), parts(lookup.normalised()), lookup.queryInverse());
  }

  private void gainGradient(String key, INDArray gradient) {
    runtime.gradientOf(key).assign(gradient.reshape('c', rank, width));
  }
}
