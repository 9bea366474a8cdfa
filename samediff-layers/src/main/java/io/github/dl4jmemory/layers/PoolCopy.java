package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Copies values between pools of the same size, whatever their shards. */
final class PoolCopy {

  private PoolCopy() {}

  static void values(Layer from, Layer to) {
    MemoryPoolRuntime source = requirePool("from", from);
    MemoryPoolRuntime target = requirePool("to", to);
    MemoryPool given = source.layerConf();
    MemoryPool wanted = target.layerConf();
    Require.that(
        given.getSlots() == wanted.getSlots() && given.getValueSize() == wanted.getValueSize(),
        target.title(),
        "from",
        "a pool of " + size(wanted),
        size(given),
        "copy between pools of the same subKeys and valueSize");
    for (int shard = 0; shard < wanted.getShards(); shard++) {
      for (int part = 0; part < given.getShards(); part++) {
        copy(source, part, target, shard);
      }
    }
  }

  /** The columns that a part of the source and a shard of the target have both. */
  private static void copy(
      MemoryPoolRuntime source, int part, MemoryPoolRuntime target, int shard) {
    ColumnShards given = source.layerConf().columns();
    ColumnShards wanted = target.layerConf().columns();
    long first = Math.max(given.from(part), wanted.from(shard));
    long end = Math.min(given.from(part + 1), wanted.from(shard + 1));
    if (first < end) {
      columns(target, shard, first - wanted.from(shard), end - wanted.from(shard))
          .assign(columns(source, part, first - given.from(part), end - given.from(part)));
    }
  }

  private static INDArray columns(MemoryPoolRuntime pool, int shard, long from, long to) {
    INDArray values = pool.getParam(pool.layerConf().valueKeys().get(shard));
    return values.get(NDArrayIndex.all(), NDArrayIndex.interval(from, to));
  }

  private static String size(MemoryPool pool) {
    return pool.getSlots() + " slots of " + pool.getValueSize() + " values";
  }

  private static MemoryPoolRuntime requirePool(String parameter, Layer layer) {
    Layer inside = layer;
    while (inside instanceof BaseWrapperLayer wrapper) {
      inside = wrapper.getUnderlying();
    }
    Require.that(
        inside instanceof MemoryPoolRuntime,
        "MemoryPool",
        parameter,
        "the layer of a pool",
        inside == null ? "null" : inside.getClass().getSimpleName(),
        "pass network.getLayer(\"pool\")");
    MemoryPoolRuntime pool = (MemoryPoolRuntime) inside;
    Require.that(
        pool.fileTables().isEmpty(),
        "MemoryPool",
        parameter,
        "a pool whose table is in the network's parameters",
        pool.title() + ", which has a file",
        "copy the model with its file by PoolFiles.saveCopy");
    return pool;
  }
}
