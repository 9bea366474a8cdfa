package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** The expanded bag and the gradient of its weights in Java. */
final class PortableExpandedBag<A> {
  private final Lanes<A> lanes;
  private final int bagSize;
  private final int cores;
  private final int expansion;
  private final int width;
  private final Slab<A> table;
  private final Slab<long[]> slots;
  private final Slab<long[]> blocks;

  /**
   * Takes values [slots, valueSize], slots and blocks [bags, bagSize], weights [bags, bagSize,
   * cores] (or their gradients), sums [bags, expansion, valueSize] (or their gradients).
   */
  PortableExpandedBag(
      Lanes<A> lanes,
      INDArray values,
      INDArray slots,
      INDArray blocks,
      INDArray weights,
      INDArray sums) {
    this.lanes = lanes;
    this.bagSize = Math.toIntExact(slots.size(1));
    this.cores = Math.toIntExact(weights.size(2));
    this.expansion = Math.toIntExact(sums.size(1));
    this.width = Math.toIntExact(values.size(1) / cores);
    this.table = lanes.slab(values);
    this.slots = Slab.longs(slots);
    this.blocks = Slab.longs(blocks);
  }

  private final class Scratch {
    final long[] slots = new long[bagSize];
    final long[] blocks = new long[bagSize];
    final A weights = lanes.array(bagSize * cores);

    /** One slice of a value, and the slices of all sums. */
    final A value = lanes.array(width);

    final A products = lanes.array(width);
    final A[] sums = lanes.arrays(expansion * cores, width);

    void load(long bag) {
      PortableExpandedBag.this.slots.read(bag * bagSize, slots, 0, bagSize);
      PortableExpandedBag.this.blocks.read(bag * bagSize, blocks, 0, bagSize);
    }

    A sum(int k, int core) {
      return sums[(int) blocks[k] * cores + core];
    }
  }

  long forward(INDArray weights, INDArray out) {
    Slab<A> w = lanes.slab(weights);
    Slab<A> sums = lanes.slab(out);
    Parallel.run(
        out.size(0),
        Scratch::new,
        (bag, mine) -> {
          mine.load(bag);
          w.read(bag * bagSize * cores, mine.weights, 0, bagSize * cores);
          for (A sum : mine.sums) {
            lanes.zero(sum, width);
          }
          for (int k = 0; k < bagSize; k++) {
            for (int c = 0; c < cores; c++) {
              table.read((mine.slots[k] * cores + c) * width, mine.value, 0, width);
              double weight = lanes.get(mine.weights, k * cores + c);
              lanes.addRow(mine.sum(k, c), weight, mine.value, width);
            }
          }
          for (int i = 0; i < mine.sums.length; i++) {
            sums.write((bag * mine.sums.length + i) * width, mine.sums[i], 0, width);
          }
        });
    return Kernels.OK;
  }

  long weightGradient(INDArray outGradients, INDArray weightGradients) {
    Slab<A> gradients = lanes.slab(outGradients);
    Slab<A> out = lanes.slab(weightGradients);
    Parallel.run(
        outGradients.size(0),
        Scratch::new,
        (bag, mine) -> {
          mine.load(bag);
          for (int i = 0; i < mine.sums.length; i++) {
            gradients.read((bag * mine.sums.length + i) * width, mine.sums[i], 0, width);
          }
          for (int k = 0; k < bagSize; k++) {
            for (int c = 0; c < cores; c++) {
              table.read((mine.slots[k] * cores + c) * width, mine.value, 0, width);
              double dot = lanes.dot(mine.sum(k, c), mine.value, width, mine.products);
              lanes.set(mine.weights, k * cores + c, dot);
            }
          }
          out.write(bag * bagSize * cores, mine.weights, 0, bagSize * cores);
        });
    return Kernels.OK;
  }
}
