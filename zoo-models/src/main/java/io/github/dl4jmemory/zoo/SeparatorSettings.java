package io.github.dl4jmemory.zoo;

import java.util.List;

/**
 * Of separator attention, as {@link MemoryTransformer.Builder#separatorAttention} and {@link
 * MemoryTransformer.Builder#intervalAttention} describe it.
 *
 * @param separators null where tokens at intervals are in their place
 * @param interval of these; not used with separators
 * @param windows one for all blocks, or one for each
 */
record SeparatorSettings(
    List<Integer> separators, int interval, int initial, List<Integer> windows) {
  SeparatorSettings {
    separators = separators == null ? null : List.copyOf(separators);
    windows = List.copyOf(windows);
  }

  boolean atIntervals() {
    return separators == null;
  }

  int window(int block) {
    return windows.get(windows.size() == 1 ? 0 : block);
  }

  /** The keys that all tokens of a sequence see together, separators left out. */
  long visible(int block, int context) {
    long total = 0;
    for (int token = 1; token <= context; token++) {
      total +=
          window(block) == 0 ? token : near(block, token) + (token - near(block, token)) / apart();
    }
    return total;
  }

  private int near(int block, int token) {
    return Math.min(token, initial + window(block));
  }

  private int apart() {
    return atIntervals() ? interval : Integer.MAX_VALUE;
  }
}
