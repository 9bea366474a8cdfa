package io.github.dl4jmemory.zoo;

import java.util.List;

/**
 * Of separator attention, as {@link MemoryTransformer.Builder#separatorAttention} describes it.
 *
 * @param windows one for all blocks, or one for each
 */
record SeparatorSettings(List<Integer> separators, int initial, List<Integer> windows) {
  SeparatorSettings {
    separators = List.copyOf(separators);
    windows = List.copyOf(windows);
  }

  int window(int block) {
    return windows.get(windows.size() == 1 ? 0 : block);
  }

  /** The keys that all tokens of a sequence see together, separators left out. */
  long visible(int block, int context) {
    long total = 0;
    for (int token = 1; token <= context; token++) {
      total += window(block) == 0 ? token : Math.min(token, initial + window(block));
    }
    return total;
  }
}
