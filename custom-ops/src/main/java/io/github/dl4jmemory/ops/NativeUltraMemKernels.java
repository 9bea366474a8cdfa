package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** The kernels of UltraMem in libdl4jmemory.so. */
final class NativeUltraMemKernels implements UltraMemKernels {
  @Override
  public long tuckerTopK(
      INDArray query,
      INDArray keys,
      INDArray cores,
      INDArray filters,
      double keyEpsilon,
      INDArray scores,
      INDArray slots) {
    long status =
        NativeFunctions.tuckerTopk(
            NativeKernels.isDouble(query),
            NativeKernels.at(query),
            NativeKernels.at(keys),
            NativeKernels.at(cores),
            NativeKernels.at(filters),
            keyEpsilon,
            query.size(0),
            query.size(1),
            query.size(3),
            cores.size(1),
            keys.size(3),
            query.size(4),
            slots.size(2),
            NativeKernels.at(scores),
            NativeKernels.at(slots),
            Parallel.threads());
    NativeKernels.keep(query, keys, cores, filters, scores, slots);
    return status;
  }

  @Override
  public long tuckerSelect(
      INDArray keyScores, INDArray cores, INDArray filters, INDArray scores, INDArray slots) {
    long status =
        NativeFunctions.tuckerSelect(
            NativeKernels.isDouble(keyScores),
            NativeKernels.at(keyScores),
            NativeKernels.at(cores),
            NativeKernels.at(filters),
            keyScores.size(0),
            keyScores.size(1),
            keyScores.size(3),
            cores.size(1),
            keyScores.size(4),
            slots.size(2),
            NativeKernels.at(scores),
            NativeKernels.at(slots),
            Parallel.threads());
    NativeKernels.keep(keyScores, cores, filters, scores, slots);
    return status;
  }

  @Override
  public long tuckerTopKGradient(INDArray[] in, INDArray dQuery, INDArray dKeys, INDArray dCores) {
    INDArray query = in[0];
    INDArray keys = in[1];
    INDArray cores = in[2];
    INDArray slots = in[3];
    long status =
        NativeFunctions.tuckerTopkBp(
            NativeKernels.isDouble(query),
            NativeKernels.at(query),
            NativeKernels.at(keys),
            NativeKernels.at(cores),
            NativeKernels.at(slots),
            NativeKernels.at(in[4]),
            query.size(0),
            query.size(1),
            query.size(3),
            cores.size(1),
            keys.size(3),
            query.size(4),
            slots.size(2),
            NativeKernels.at(dQuery),
            NativeKernels.at(dKeys),
            NativeKernels.at(dCores),
            Parallel.threads());
    NativeKernels.keep(query, keys, cores, slots, in[4], dQuery, dKeys, dCores);
    return status;
  }

  @Override
  public long expandedBag(
      INDArray values, INDArray slots, INDArray blocks, INDArray weights, INDArray out) {
    long status =
        NativeFunctions.expandedBag(
            NativeKernels.isDouble(values),
            NativeKernels.at(values),
            NativeKernels.at(slots),
            NativeKernels.at(blocks),
            NativeKernels.at(weights),
            slots.size(0),
            slots.size(1),
            weights.size(2),
            out.size(1),
            values.size(1),
            NativeKernels.at(out),
            Parallel.threads());
    NativeKernels.keep(values, slots, blocks, weights, out);
    return status;
  }

  @Override
  public long expandedBagWeightGradient(
      INDArray values, INDArray slots, INDArray blocks, INDArray outGradients, INDArray dWeights) {
    long status =
        NativeFunctions.expandedBagWeightsBp(
            NativeKernels.isDouble(values),
            NativeKernels.at(values),
            NativeKernels.at(slots),
            NativeKernels.at(blocks),
            NativeKernels.at(outGradients),
            slots.size(0),
            slots.size(1),
            dWeights.size(2),
            outGradients.size(1),
            values.size(1),
            NativeKernels.at(dWeights),
            Parallel.threads());
    NativeKernels.keep(values, slots, blocks, outGradients, dWeights);
    return status;
  }
}
