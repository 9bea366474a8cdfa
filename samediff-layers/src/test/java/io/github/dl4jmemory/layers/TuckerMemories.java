package io.github.dl4jmemory.layers;

import java.util.List;

/** Small Tucker memories, every size a prime of its own, in every kind of settings. */
final class TuckerMemories {

  private TuckerMemories() {}

  /** 49 slots, 196 virtual ones; nIn is that of {@link Networks}. */
  static UltraMem.Builder first() {
    return UltraMem.builder()
        .nOut(5)
        .subKeys(7)
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
        .subKeys(7)
        .keySize(3)
        .topK(4)
        .valueSize(4)
        .preValueSize(3)
        .permutationSeed(23);
  }

  /** Each option at another value than its default, one at a time and together. */
  static List<TuckerMemory> all() {
    return List.of(
        first().build(),
        first().heads(3).sharedQuery(false).build(),
        first().heads(1).build(),
        first().rank(1).build(),
        first().rank(3).build(),
        first().cores(1).build(),
        first().expansion(1).build(),
        first().expansion(9).cores(1).valueSize(3).build(),
        first().queryKeyNorm(false).build(),
        first().softmax(true).build(),
        first().queryConvolution(3).build(),
        first().queryConvolution(1).queryKeyNorm(false).softmax(true).sharedQuery(false).build(),
        second().build(),
        second().rank(3).cores(1).build(),
        second().expansion(1).queryConvolution(2).queryKeyNorm(false).build(),
        second().singularValueLoss(0.3).singularValueMargin(0).build());
  }
}
