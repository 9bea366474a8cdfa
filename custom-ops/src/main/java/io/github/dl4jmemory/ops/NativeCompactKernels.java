package io.github.dl4jmemory.ops;

import java.lang.ref.Reference;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The kernels of compact tables in libdl4jmemory.so: arrays become addresses and sizes. */
final class NativeCompactKernels implements CompactKernels {
  @Override
  public long weightedBag(CompactTable table, INDArray slots, INDArray weights, INDArray out) {
    long status =
        NativeFunctions.compactBag(
            storage(table),
            values(table),
            scales(table),
            at(slots),
            at(weights),
            slots.size(0),
            slots.size(1),
            table.slots(),
            table.valueSize(),
            at(out),
            Parallel.threads());
    keep(table, slots, weights, out);
    return status;
  }

  @Override
  public long weightedBagWeightGradient(
      CompactTable table, INDArray slots, INDArray outGradients, INDArray weightGradients) {
    long status =
        NativeFunctions.compactBagWeightsBp(
            storage(table),
            values(table),
            scales(table),
            at(slots),
            at(outGradients),
            slots.size(0),
            slots.size(1),
            table.slots(),
            table.valueSize(),
            at(weightGradients),
            Parallel.threads());
    keep(table, slots, outGradients, weightGradients);
    return status;
  }

  @Override
  public long bagAdam(
      CompactTable table,
      INDArray m,
      INDArray v,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      AdamStep step,
      long seed) {
    INDArray order = accesses.order();
    INDArray rows = accesses.rows();
    INDArray numbers = accesses.numbers();
    INDArray starts = accesses.starts();
    long status =
        NativeFunctions.compactBagAdam(
            storage(table),
            values(table),
            scales(table),
            at(m),
            at(v),
            at(weights),
            at(outGradients),
            weights.size(1),
            table.valueSize(),
            at(order),
            at(rows),
            at(numbers),
            at(starts),
            rows.length(),
            step.stepSize(),
            step.beta1(),
            step.beta2(),
            step.epsilon(),
            step.gradientScale(),
            seed,
            Parallel.threads());
    keep(table, m, v, weights, outGradients, order, rows, numbers, starts);
    return status;
  }

  @Override
  public long bagSgd(
      CompactTable table,
      INDArray weights,
      INDArray outGradients,
      Accesses accesses,
      double stepSize,
      long seed) {
    INDArray order = accesses.order();
    INDArray rows = accesses.rows();
    INDArray numbers = accesses.numbers();
    INDArray starts = accesses.starts();
    long status =
        NativeFunctions.compactBagSgd(
            storage(table),
            values(table),
            scales(table),
            at(weights),
            at(outGradients),
            weights.size(1),
            table.valueSize(),
            at(order),
            at(rows),
            at(numbers),
            at(starts),
            rows.length(),
            stepSize,
            seed,
            Parallel.threads());
    keep(table, weights, outGradients, order, rows, numbers, starts);
    return status;
  }

  @Override
  public long readRows(CompactTable table, INDArray rows, INDArray out) {
    long status =
        NativeFunctions.readRows(
            storage(table),
            values(table),
            scales(table),
            table.slots(),
            table.valueSize(),
            at(rows),
            rows.length(),
            at(out),
            Parallel.threads());
    keep(table, rows, out);
    return status;
  }

  @Override
  public void writeRows(CompactTable table, INDArray rows, INDArray source, long seed) {
    NativeFunctions.writeRows(
        storage(table),
        values(table),
        scales(table),
        table.valueSize(),
        at(rows),
        rows.length(),
        at(source),
        seed,
        Parallel.threads());
    keep(table, rows, source);
  }

  @Override
  public long initialiseNormal(CompactTable table, double deviation, long seed) {
    long status =
        NativeFunctions.initialiseNormal(
            storage(table),
            values(table),
            scales(table),
            table.slots(),
            table.valueSize(),
            deviation,
            seed,
            Parallel.threads());
    keep(table);
    return status;
  }

  private static int storage(CompactTable table) {
    return table.storage().ordinal();
  }

  private static long values(CompactTable table) {
    return at(table.values());
  }

  private static long scales(CompactTable table) {
    return table.scales() == null ? 0 : at(table.scales());
  }

  private static long at(INDArray array) {
    return Dense.address(array);
  }

  /** The arrays must not be collected while native code uses their memory. */
  private static void keep(CompactTable table, INDArray... arrays) {
    Reference.reachabilityFence(table);
    Reference.reachabilityFence(arrays);
  }
}
