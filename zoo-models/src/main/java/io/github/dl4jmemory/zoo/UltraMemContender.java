package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.DecayingMultiple;
import io.github.dl4jmemory.layers.TuckerMemory;
import io.github.dl4jmemory.layers.UltraMem;
import io.github.dl4jmemory.layers.UltraMemV2;
import org.nd4j.linalg.learning.config.Adam;

/**
 * The transformers with UltraMem of a {@link ModelComparison}. Their tables have, all together, as
 * many values as the pool of the product-key memories, and a token reads as many slots.
 */
record UltraMemContender(Settings settings) {
  private static final double VALUES_BETA2 = 0.999;
  private static final double VALUE_RATE = 10; // times that of the others, falling to once

  TokenZooModel model(boolean second, int vocabulary, double learningRate, int hidden) {
    Settings.Shape shape = settings.shape();
    UltraMemTransformer.Builder builder =
        UltraMemTransformer.builder()
            .vocabulary(vocabulary)
            .context(settings.context())
            .model(shape.model())
            .layers(shape.layers())
            .heads(shape.heads())
            .hidden(hidden)
            .learningRate(learningRate)
            .schedule(Contender.warmup(settings), settings.steps())
            .seed(settings.seed())
            .memory(memory(second, learningRate));
    if (second) {
      return builder.spanOfEveryBlock().build();
    }
    for (int block = 0; block + 1 < shape.layers(); block += 2) {
      builder.span(block, block + 1);
    }
    return builder.build();
  }

  private TuckerMemory memory(boolean second, double learningRate) {
    Settings.Shape shape = settings.shape();
    Adam values =
        Adam.builder()
            .beta2(VALUES_BETA2)
            .learningRateSchedule(
                new DecayingMultiple(
                    new WarmupDecay(learningRate, Contender.warmup(settings), settings.steps()),
                    VALUE_RATE,
                    settings.steps()))
            .build();
    int memories = second ? shape.layers() : shape.layers() / 2;
    return second
        ? UltraMemV2.builder()
            .subKeys(subKeys(memories, shape.model() / 2))
            .keySize(shape.keySize())
            .valueSize(shape.model() / 4)
            .topK(topK(memories, 1))
            .transformerLayers(shape.layers())
            .valuesUpdater(values)
            .build()
        : UltraMem.builder()
            .subKeys(subKeys(memories, shape.model() / 2))
            .keySize(shape.keySize())
            .topK(topK(memories, 2))
            .transformerLayers(shape.layers())
            .valuesUpdater(values)
            .build();
  }

  /** Sub-keys for tables of as many values of this size as the pool has. */
  private long subKeys(int memories, int rowSize) {
    Settings.Shape shape = settings.shape();
    double slots = (double) shape.subKeys() * shape.subKeys() * shape.model() / rowSize / memories;
    return Math.round(Math.sqrt(slots));
  }

  private int topK(int memories, int heads) {
    Settings.Shape shape = settings.shape();
    int readers = MemoryTransformer.centredBlocks(shape.layers()).length;
    return Math.max(1, readers * shape.memoryHeads() * shape.topK() / (memories * heads));
  }
}
