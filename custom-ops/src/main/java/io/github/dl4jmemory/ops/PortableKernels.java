package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** The kernels in Java, for any platform. */
final class PortableKernels implements Kernels {
  @Override
  public long productKeyTopK(INDArray query, INDArray subKeys, INDArray scores, INDArray slots) {
    return PortableTopK.lookup(Lanes.of(query), query, subKeys, scores, slots);
  }

  @Override
  public long select(INDArray halfScores, INDArray scores, INDArray slots) {
    return PortableTopK.select(Lanes.of(halfScores), halfScores, scores, slots);
  }

  @Override
  public long productKeyTopKGradient(
      INDArray query,
      INDArray subKeys,
      INDArray slots,
      INDArray scoreGradients,
      INDArray queryGradients,
      INDArray subKeyGradients) {
    return new PortableTopKGradient<>(Lanes.of(query), query, subKeys, slots, scoreGradients)
        .run(queryGradients, subKeyGradients);
  }

  @Override
  public long weightedBag(INDArray values, INDArray slots, INDArray weights, INDArray out) {
    return PortableBag.forward(Lanes.of(values), values, slots, weights, out);
  }

  @Override
  public long weightedBagGradient(
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      INDArray rowGradients,
      boolean byRow,
      INDArray weightGradients) {
    return PortableBag.gradient(
        Lanes.of(values),
        values,
        weights,
        outGradients,
        accesses,
        rowGradients,
        byRow,
        weightGradients);
  }

  @Override
  public long weightedBagWeightGradient(
      INDArray values, INDArray slots, INDArray outGradients, INDArray weightGradients) {
    return PortableBag.weightGradient(
        Lanes.of(values), values, slots, outGradients, weightGradients);
  }

  @Override
  public long rowAdam(
      INDArray rows,
      INDArray gradients,
      boolean byRow,
      INDArray m,
      INDArray v,
      INDArray target,
      AdamStep step) {
    return new PortableUpdate<>(Lanes.of(gradients), rows, gradients, byRow, target)
        .adam(m, v, step);
  }

  @Override
  public long rowSgd(
      INDArray rows, INDArray gradients, boolean byRow, INDArray target, double stepSize) {
    return new PortableUpdate<>(Lanes.of(gradients), rows, gradients, byRow, target).sgd(stepSize);
  }

  @Override
  public long bagAdam(
      INDArray values,
      INDArray m,
      INDArray v,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      AdamStep step) {
    return new PortableBagUpdate<>(Lanes.of(values), values, weights, outGradients, accesses)
        .adam(m, v, step);
  }

  @Override
  public long bagSgd(
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      double stepSize) {
    return new PortableBagUpdate<>(Lanes.of(values), values, weights, outGradients, accesses)
        .sgd(stepSize);
  }

  @Override
  public long groupByRow(INDArray slots, long slotCount, Accesses accesses) {
    return PortableGrouping.group(slots, slotCount, accesses);
  }

  @Override
  public long zeroRows(INDArray table, INDArray rows) {
    return PortableUpdate.zero(Lanes.of(table), table, rows);
  }

  @Override
  public long adviseHugePages(INDArray table) {
    return 0;
  }

  @Override
  public UltraMemKernels ultraMem() {
    return new PortableUltraMemKernels();
  }
}
