package io.github.dl4jmemory.layers;

import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A table split by columns: each shard is a table of its own columns, with a worker of its own.
 *
 * <pre>
 *   read            slots, weights to all; every shard reads its columns of all bags: out[:, columns]
 *   weightGradient  slots to all, outGradients[:, columns] to each; the partial sums over the shards'
 *                   columns are added in the order of the shards
 *   backward        slots, weights to all, outGradients[:, columns] to each; every shard keeps the
 *                   gradient of its own columns, which is complete
 * </pre>
 *
 * <p>A shard is asked nothing but what {@link PoolTable} says: it may be anywhere.
 *
 * <p>Source: Berges et al., Memory Layers at Scale, arXiv 2412.09764, section 3.1.2.
 */
final class ShardedTable implements PoolTable {

  private final ColumnShards columns;
  private final List<? extends PoolTable> shards;
  private final ShardWorkers workers;

  ShardedTable(ColumnShards columns, List<? extends PoolTable> shards, ShardWorkers workers) {
    this.columns = columns;
    this.shards = List.copyOf(shards);
    this.workers = workers;
  }

  @Override
  public void read(INDArray slots, INDArray weights, INDArray out) {
    BagMessage sent = BagMessage.of(slots, weights);
    workers.forEach(
        shard -> {
          INDArray mine =
              Nd4j.createUninitialized(
                  out.dataType(), new long[] {out.size(0), columns.count(shard)}, 'c');
          shards.get(shard).read(sent.slots(), sent.weights(), mine);
          ColumnCopy.copy(mine, columns.of(out, shard));
        });
  }

  @Override
  public void weightGradient(INDArray slots, INDArray outGradients, INDArray weightGradientsOut) {
    BagMessage sent = BagMessage.of(slots, null);
    INDArray[] partial = new INDArray[shards.size()];
    workers.forEach(
        shard -> {
          partial[shard] =
              shard == 0
                  ? weightGradientsOut
                  : Nd4j.createUninitialized(outGradients.dataType(), slots.shape(), 'c');
          shards.get(shard).weightGradient(sent.slots(), part(outGradients, shard), partial[shard]);
        });
    for (int shard = 1; shard < partial.length; shard++) {
      weightGradientsOut.addi(partial[shard]);
    }
  }

  @Override
  public void backward(INDArray slots, INDArray weights, INDArray outGradients) {
    BagMessage sent = BagMessage.of(slots, weights);
    workers.forEach(
        shard ->
            shards.get(shard).backward(sent.slots(), sent.weights(), part(outGradients, shard)));
  }

  /** What a shard is sent of an array [bags, valueSize]. */
  private INDArray part(INDArray rows, int shard) {
    return ColumnCopy.of(columns.of(rows, shard));
  }

  @Override
  public void backwardOfNothing() {
    shards.forEach(PoolTable::backwardOfNothing);
  }
}
