package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.UltraMemOps;
import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

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
   * @param query [tokens, heads, 2, rank, width]; with the normalisation times both gains, since
   *     {@code <gq q, gk k> = <gq gk q, k>}
   * @param normalised the queries before the gains, [tokens * queries * 2, rank * width]; null
   *     without normalisation, like the inverse root mean squares
   */
  record Lookup(INDArray query, INDArray normalised, INDArray queryInverse) {}

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
    if (!normalises) {
      return new Lookup(perHead(query, room), null, null);
    }
    INDArray queryInverse = room.create(query.length() / width, 1);
    queryInverse.assign(Rms.inverse(parts(query), TuckerMemory.NORM_EPSILON));
    Rms.normalise(parts(query), queryInverse, parts(query));
    INDArray normalised = sides(query);
    INDArray gained = room.create(normalised.shape());
    Matrices.scaleColumns(normalised, gains(), gained);
    return new Lookup(perHead(gained, room), normalised, queryInverse);
  }

  /** The slots found; keys are normalised on the way. */
  UltraMemOps.TuckerTopK find(Lookup lookup, int topK) {
    INDArray keys = runtime.getParam(TuckerMemory.KEYS);
    INDArray cores = runtime.getParam(TuckerMemory.CORES);
    INDArray filters = runtime.getParam(TuckerMemory.FILTERS);
    return normalises
        ? UltraMemOps.tuckerTopKOfNormalisedKeys(
            lookup.query(), keys, cores, filters, topK, TuckerMemory.NORM_EPSILON)
        : UltraMemOps.tuckerTopK(lookup.query(), keys, cores, filters, topK);
  }

  /** A query that heads share, once for each. */
  private INDArray perHead(INDArray query, TuckerMemoryRuntime.Room room) {
    long size = 2 * rank * width;
    long tokens = query.length() / (queries * size);
    if (queries == heads) {
      return query.reshape('c', tokens, heads, 2, rank, width);
    }
    INDArray[] copies = new INDArray[heads];
    Arrays.fill(copies, query.reshape('c', tokens, size));
    INDArray all = room.keep(Nd4j.concat(1, copies));
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
   * Assigns the gradients of C, K and the gains; returns that of x Wq.
   *
   * @param found virtual slots [tokens, heads, topK]
   * @param scoreGradient [tokens, heads, topK, cores]
   * @return [tokens, queries * 2 * rank * width]
   */
  INDArray backward(Lookup lookup, INDArray found, INDArray scoreGradient) {
    INDArray keys = runtime.getParam(TuckerMemory.KEYS);
    INDArray inverse = null;
    if (normalises) {
      inverse = Rms.inverse(parts(keys), TuckerMemory.NORM_EPSILON);
      INDArray normalised = Nd4j.createUninitialized(keys.dataType(), keys.shape());
      Rms.normalise(parts(keys), inverse, parts(normalised));
      keys = normalised;
    }
    UltraMemOps.TuckerTopKGradient gradient =
        UltraMemOps.tuckerTopKGradient(
            lookup.query(), keys, runtime.getParam(TuckerMemory.CORES), found, scoreGradient);
    runtime.gradientOf(TuckerMemory.CORES).assign(gradient.cores());
    INDArray keysGradient = runtime.gradientOf(TuckerMemory.KEYS).assign(gradient.keys());
    if (normalises) {
      Rms.backward(parts(keysGradient), parts(keys), inverse);
    }
    return queryBackward(lookup, gradient.query());
  }

  private INDArray queryBackward(Lookup lookup, INDArray queryGradient) {
    long tokens = queryGradient.size(0);
    INDArray gradient = queryGradient;
    if (queries < heads) {
      gradient = queryGradient.reshape('c', tokens, heads, 2 * rank * width).sum(1);
    }
    gradient = Matrices.contiguous(gradient);
    if (normalises) {
      gainsBackward(lookup, sides(gradient));
    }
    return gradient.reshape('c', tokens, queries * 2 * rank * width);
  }

  private void gainsBackward(Lookup lookup, INDArray gradient) {
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
