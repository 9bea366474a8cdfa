package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** The kernels of UltraMem in Java, for any platform. */
final class PortableUltraMemKernels implements UltraMemKernels {
  @Override
  public long tuckerTopK(
      INDArray query,
      INDArray keys,
      INDArray cores,
      INDArray filters,
      double keyEpsilon,
      INDArray scores,
      INDArray slots) {
    return PortableTuckerTopK.lookup(
        Lanes.of(query), query, keys, cores, filters, keyEpsilon, scores, slots);
  }

  @Override
  public long tuckerSelect(
      INDArray keyScores, INDArray cores, INDArray filters, INDArray scores, INDArray slots) {
    return PortableTuckerTopK.select(Lanes.of(keyScores), keyScores, cores, filters, scores, slots);
  }

  @Override
  public long tuckerTopKGradient(INDArray[] in, INDArray dQuery, INDArray dKeys, INDArray dCores) {
    return new PortableTuckerGradient<>(Lanes.of(dQuery), in).run(dQuery, dKeys, dCores);
  }

  @Override
  public long expandedBag(
      INDArray values, INDArray slots, INDArray blocks, INDArray weights, INDArray out) {
    return new PortableExpandedBag<>(Lanes.of(values), values, slots, blocks, weights, out)
        .forward(weights, out);
  }

  @Override
  public long expandedBagWeightGradient(
      INDArray values, INDArray slots, INDArray blocks, INDArray outGradients, INDArray dWeights) {
    return new PortableExpandedBag<>(
            Lanes.of(values), values, slots, blocks, dWeights, outGradients)
        .weightGradient(outGradients, dWeights);
  }
}
