package io.github.dl4jmemory.layers;

import java.util.List;
import java.util.stream.Stream;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;

/** Small Tucker memories, every size a prime of its own, in every kind of settings. */
final class TuckerMemories {

  private TuckerMemories() {}

  /** 25 slots, 100 virtual ones; nIn is that of {@link Networks}. */
  static UltraMem.Builder first() {
    return UltraMem.builder()
        .nOut(5)
        .subKeys(5)
        .keySize(6)
        .topK(3)
        .valueSize(2)
        .singularValueLoss(0.7)
        .singularValueMargin(0.01)
        .permutationSeed(19);
  }

  static UltraMemV2.Builder second() {
    return UltraMemV2.builder()
        .nOut(5)
        .subKeys(5)
        .keySize(3)
        .topK(4)
        .valueSize(4)
        .preValueSize(3)
        .permutationSeed(23);
  }

  /** Each option at another value than its default, one at a time and together. */
  static List<TuckerMemory> all() {
    return all(new Adam(1e-3));
  }

  static List<TuckerMemory> all(IUpdater values) {
    return Stream.<TuckerMemoryBuilder<?>>of(
            first(),
            first().heads(3).sharedQuery(false),
            first().heads(1),
            first().rank(1),
            first().rank(3),
            first().cores(1),
            first().expansion(1),
            first().expansion(9).cores(1).valueSize(3),
            first().queryKeyNorm(false),
            first().softmax(true),
            first().queryConvolution(3),
            first().queryConvolution(1).queryKeyNorm(false).softmax(true).sharedQuery(false),
            second(),
            second().rank(3).cores(1),
            second().expansion(1).queryConvolution(2).queryKeyNorm(false),
            second().singularValueLoss(0.3).singularValueMargin(0))
        .map(builder -> (TuckerMemory) builder.valuesUpdater(values).build())
        .toList();
  }
}
