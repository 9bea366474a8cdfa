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
  public long halfTopK(INDArray query, INDArray subKeys, INDArray scores, INDArray indices) {
    return PortableHalves.find(
        Lanes.of(query), Dense.in(query), Dense.in(subKeys), scores, indices);
  }

  @Override
  public long mergeHalves(Half first, Half second, long subKeys, INDArray scores, INDArray slots) {
    return PortableHalves.merge(Lanes.of(scores), first, second, subKeys, scores, slots);
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
    return forward(Lanes.of(values), values, slots, weights, out);
  }

  private static <A> long forward(
      Lanes<A> lanes, INDArray values, INDArray slots, INDArray weights, INDArray out) {
    return PortableBag.forward(lanes, TableRows.of(lanes, values), slots, weights, out);
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
    return weightGradient(Lanes.of(values), values, slots, outGradients, weightGradients);
  }

  private static <A> long weightGradient(
      Lanes<A> lanes, INDArray values, INDArray slots, INDArray outGradients, INDArray out) {
    return PortableBag.weightGradient(lanes, TableRows.of(lanes, values), slots, outGradients, out);
  }

  @Override
  public long groupedMatmul(INDArray rows, INDArray weights, INDArray starts, INDArray out) {
    return PortableGroupedMatmul.run(Lanes.of(rows), rows, weights, starts, out);
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
    return update(Lanes.of(values), values, weights, outGradients, accesses).adam(m, v, step);
  }

  @Override
  public long bagSgd(
      INDArray values,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      double stepSize) {
    return update(Lanes.of(values), values, weights, outGradients, accesses).sgd(stepSize);
  }

  private static <A> PortableBagUpdate<A> update(
      Lanes<A> lanes, INDArray values, INDArray weights, INDArray outGradients, Accesses accesses) {
    return new PortableBagUpdate<>(
        lanes, TableRows.of(lanes, values), weights, outGradients, accesses);
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
  public AttentionKernels attention() {
    return PortableAttention.kernels();
  }

  @Override
  public long adviseHugePages(INDArray table) {
    return 0;
  }

  @Override
  public CompactKernels compact() {
    return new PortableCompactKernels();
  }

  @Override
  public UltraMemKernels ultraMem() {
    return new PortableUltraMemKernels();
  }

  @Override
  public DecodeKernels decode() {
    return PortableDecode.kernels();
  }
}
