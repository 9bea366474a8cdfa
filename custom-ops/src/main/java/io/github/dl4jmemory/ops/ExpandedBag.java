package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Checks the arguments of expandedBag and of its gradients, and calls the kernels. */
final class ExpandedBag {
  private static final String BAG = "[bags, bagSize]";
  private static final String WEIGHTS = "[bags, bagSize, cores]";
  private static final String OUT = "[bags, expansion, valueSize]";

  private ExpandedBag() {}

  /** Slots and blocks as kernels want them. */
  record Places(INDArray slots, INDArray blocks) {}

  static INDArray sum(
      INDArray values, INDArray slots, INDArray blocks, INDArray weights, int expansion) {
    Require require = Require.op("expandedBag");
    Places places = requireBags(require, values, slots, blocks, weights, expansion);
    INDArray out = Nd4j.create(values.dataType(), slots.size(0), expansion, values.size(1));
    if (!slots.isEmpty()) {
      long status =
          kernels()
              .expandedBag(
                  Dense.in(values), places.slots(), places.blocks(), Dense.in(weights), out);
      require.ok(status, "slots", places.slots(), values.size(0));
    }
    return out;
  }

  static INDArray weightGradient(
      INDArray values, INDArray slots, INDArray blocks, INDArray outGradients, int cores) {
    Require require = Require.op("expandedBagWeightGradient");
    Table.require(require, "values", values);
    requireOut(require, values, outGradients);
    int expansion = (int) outGradients.size(1);
    Places places = requirePlaces(require, values.size(0), slots, blocks, expansion);
    require.shape("outGradients", outGradients, OUT, slots.size(0), ANY, values.size(1));
    requireCores(require, cores, values.size(1), values);
    INDArray out = Nd4j.create(values.dataType(), slots.size(0), slots.size(1), cores);
    if (!slots.isEmpty()) {
      long status =
          kernels()
              .expandedBagWeightGradient(
                  Dense.in(values), places.slots(), places.blocks(), Dense.in(outGradients), out);
      require.ok(status, "slots", places.slots(), values.size(0));
    }
    return out;
  }

  static UltraMemOps.ExpandedBagGradient gradient(
      INDArray values, INDArray slots, INDArray blocks, INDArray weights, INDArray outGradients) {
    Require require = Require.op("expandedBagGradient");
    Table.require(require, "values", values);
    requireOut(require, values, outGradients);
    int expansion = (int) outGradients.size(1);
    Places places = requireBags(require, values, slots, blocks, weights, expansion);
    require.shape("outGradients", outGradients, OUT, slots.size(0), expansion, values.size(1));
    INDArray dense = Dense.in(values);
    ExpandedRows rows = new ExpandedRows();
    rows.group(dense, places, weights, expansion);
    long cores = weights.size(2);
    long width = values.size(1) / cores;
    long touched = rows.touched().count();
    INDArray dRows = Nd4j.create(values.dataType(), touched, width);
    if (touched > 0) {
      KernelChoice.kernels()
          .weightedBagGradient(
              rows.table(dense),
              rows.weights(),
              rows.gradients(Dense.in(outGradients)),
              rows.touched().accesses(),
              dRows,
              false,
              null);
    }
    INDArray dWeights = weightGradient(values, slots, blocks, outGradients, (int) cores);
    return new UltraMemOps.ExpandedBagGradient(
        wholeRows(rows.touched().rows(), cores), dRows.reshape(touched / cores, -1), dWeights);
  }

  /** All slices of a row are touched together: every cores-th row of slices, as a row. */
  private static INDArray wholeRows(INDArray slices, long cores) {
    long[] all = slices.isEmpty() ? new long[0] : slices.dup().data().asLong();
    INDArray rows = Nd4j.create(DataType.INT64, all.length / cores);
    for (int j = 0; j < rows.length(); j++) {
      rows.putScalar(j, all[(int) (j * cores)] / cores);
    }
    return rows;
  }

  static Places requireBags(
      Require require,
      INDArray values,
      INDArray slots,
      INDArray blocks,
      INDArray weights,
      int expansion) {
    Table.require(require, "values", values);
    Places places = requirePlaces(require, values.size(0), slots, blocks, expansion);
    require.shape("weights", weights, WEIGHTS, slots.size(0), slots.size(1), ANY);
    require.type("weights", weights, values.dataType());
    requireCores(require, weights.size(2), values.size(1), values);
    return places;
  }

  /** Of a table that is no array. */
  static Places requireBags(
      Require require,
      long slotCount,
      long valueSize,
      INDArray slots,
      INDArray blocks,
      INDArray weights,
      int expansion) {
    Places places = requirePlaces(require, slotCount, slots, blocks, expansion);
    require.shape("weights", weights, WEIGHTS, slots.size(0), slots.size(1), ANY);
    require.floating("weights", weights);
    requireCores(require, weights.size(2), valueSize, weights);
    return places;
  }

  private static void requireOut(Require require, INDArray values, INDArray outGradients) {
    require.shape("outGradients", outGradients, OUT, ANY, ANY, values.size(1));
    require.type("outGradients", outGradients, values.dataType());
  }

  private static void requireCores(Require require, long cores, long valueSize, INDArray shown) {
    if (cores < 1 || valueSize % cores != 0) {
      throw require.error(
          "cores",
          "a divisor of valueSize = " + valueSize,
          Long.toString(cores),
          shown,
          "choose valueSize as a multiple of cores");
    }
  }

  private static Places requirePlaces(
      Require require, long slotCount, INDArray slots, INDArray blocks, int expansion) {
    require.shape("slots", slots, BAG, ANY, ANY);
    require.positive("slots", slots, 1, "bagSize");
    INDArray longSlots = Dense.in(require.longs("slots", slots));
    require.shape("blocks", blocks, BAG, slots.shape());
    INDArray longBlocks = Dense.in(require.longs("blocks", blocks));
    if (expansion < 1) {
      throw require.error(
          "expansion", "1 or more", Integer.toString(expansion), "pass the number of blocks");
    }
    if (!slots.isEmpty()) {
      requireRange(require, "slots", longSlots, slotCount, "pass rows of the table");
      requireRange(require, "blocks", longBlocks, expansion, "pass the blocks of expandSlots");
    }
    return new Places(longSlots, longBlocks);
  }

  private static void requireRange(
      Require require, String parameter, INDArray numbers, long count, String fix) {
    requireInside(
        require, parameter, numbers, PortableBag.range(Slab.longs(numbers), count), count, fix);
  }

  /** Turns a status that says where a number is out of range into an exception. */
  static void requireInside(
      Require require, String parameter, INDArray numbers, long status, long count, String fix) {
    if ((status & 0xff) == Kernels.OUT_OF_RANGE) {
      long where = status >>> 8;
      throw require.error(
          parameter,
          "numbers in [0, " + count + ")",
          numbers.getLong(where) + " at flat index " + where,
          numbers,
          fix);
    }
  }

  private static UltraMemKernels kernels() {
    return KernelChoice.kernels().ultraMem();
  }
}
