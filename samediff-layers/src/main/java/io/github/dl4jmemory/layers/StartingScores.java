package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.UltraMemOps;
import java.util.Map;
import java.util.Random;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.random.impl.UniformDistribution;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The scores that new keys and cores give to what they find, by simulation: normal queries of a
 * fixed seed, normalised like the keys, without gains.
 *
 * @param mean mean of the scores of the topK slots found, over all cores
 * @param variance their variance
 */
record StartingScores(double mean, double variance) {

  private static final int QUERIES = 32;
  private static final long SEED = 12;

  /** Draws queries, keys and cores, and sets filters and gains so that the mean score is 1. */
  static StartingScores initialize(TuckerMemory layer, Map<String, INDArray> params) {
    double deviation = 1 / Math.sqrt(layer.rankKeySize());
    ProductKeyLookup.normal(params.get(TuckerMemory.QUERY), deviation);
    ProductKeyLookup.normal(params.get(TuckerMemory.KEYS), deviation);
    INDArray cores = params.get(TuckerMemory.CORES);
    Nd4j.exec(new UniformDistribution(cores, 0, 1));
    params.get(TuckerMemory.FILTERS).assign(UltraMemOps.tuckerFilters(cores, null));
    StartingScores scores = of(layer, params);
    if (layer.isQueryKeyNorm()) {
      params.get(TuckerMemory.QUERY_GAIN).assign(1 / Math.sqrt(scores.mean));
      params.get(TuckerMemory.KEY_GAIN).assign(deviation);
    }
    return scores;
  }

  /** Variance of the scores once gains have brought their mean to 1. */
  double relativeVariance() {
    return variance / (mean * mean);
  }

  /** The scores of these keys and cores. */
  static StartingScores of(TuckerMemory layer, Map<String, INDArray> params) {
    INDArray keys = normalised(params.get(TuckerMemory.KEYS).dup('c'));
    keys.muli(1 / Math.sqrt(layer.rankKeySize()));
    long[] shape = {QUERIES, layer.getHeads(), 2, layer.getRank(), layer.rankKeySize()};
    Random random = new Random(SEED);
    INDArray query = normalised(gaussian(random, keys, shape));
    INDArray scores =
        UltraMemOps.tuckerTopK(
                query,
                keys,
                params.get(TuckerMemory.CORES),
                params.get(TuckerMemory.FILTERS),
                layer.getTopK())
            .scores();
    double mean = scores.meanNumber().doubleValue();
    double variance = scores.varNumber().doubleValue();
    return mean > 0 ? new StartingScores(mean, variance) : new StartingScores(1, 0);
  }

  private static INDArray gaussian(Random random, INDArray like, long... shape) {
    long length = 1;
    for (long size : shape) {
      length *= size;
    }
    double[] elements = new double[Math.toIntExact(length)];
    for (int i = 0; i < elements.length; i++) {
      elements[i] = random.nextGaussian();
    }
    return Nd4j.createFromArray(elements).castTo(like.dataType()).reshape('c', shape);
  }

  private static INDArray normalised(INDArray array) {
    INDArray rows = array.reshape('c', array.length() / array.size(4), array.size(4));
    Rms.normalise(rows, Rms.inverse(rows, TuckerMemory.NORM_EPSILON), rows);
    return array;
  }
}
