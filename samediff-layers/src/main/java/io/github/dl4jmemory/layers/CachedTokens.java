package io.github.dl4jmemory.layers;

import java.util.Arrays;
import org.nd4j.linalg.api.buffer.DataType;

/** The tokens that a cache keeps, row by row, and the memory for their keys and values. */
final class CachedTokens {

  private static final int AT_ONCE = 4096; // places at most before a token comes

  private final SeparatorCacheSettings settings;
  private final KeptTokens[] rows;
  private final KeyValueMemory memory;
  private boolean oversized;

  CachedTokens(
      SeparatorCacheSettings settings, DataType dataType, int batch, int groups, int headSize) {
    this.settings = settings;
    rows = new KeptTokens[batch];
    Arrays.setAll(rows, row -> new KeptTokens(settings));
    int places = Math.min(settings.size() + 1, AT_ONCE);
    memory = new KeyValueMemory(dataType, batch, groups, headSize, places);
  }

  KeptTokens[] rows() {
    return rows;
  }

  KeyValueMemory memory() {
    return memory;
  }

  /** Appends token t of each row; where the rule says so, drops others at once. */
  void append(NewTokens tokens, int t, OffHeapBytes keys, OffHeapBytes values) {
    add(tokens, t, keys, values);
    if (settings.rule() == CacheRule.CACHE) {
      compressFull();
    }
  }

  /** Drops tokens where the rule wants it after a step. */
  void finishStep() {
    if (settings.rule() != CacheRule.CACHE) {
      compressFull();
    }
  }

  /** Appends all tokens of a prompt, and drops none. */
  void addAll(NewTokens tokens, OffHeapBytes keys, OffHeapBytes values) {
    reserve(longest() + tokens.time() + 1);
    oversized = memory.capacity() > usual();
    for (int t = 0; t < tokens.time(); t++) {
      add(tokens, t, keys, values);
    }
  }

  private void add(NewTokens tokens, int t, OffHeapBytes keys, OffHeapBytes values) {
    reserve(longest() + 1);
    for (int row = 0; row < rows.length; row++) {
      if (!tokens.isPadding(row, t)) {
        int place = rows[row].append(tokens.isSeparator(row, t));
        memory.put(row, place, keys, values, (long) row * tokens.time() + t);
      }
    }
  }

  private void compressFull() {
    for (int row = 0; row < rows.length; row++) {
      if (rows[row].isFull()) {
        int number = row;
        rows[row].compress((from, to, length) -> memory.move(number, from, to, length));
      }
    }
  }

  int longest() {
    int longest = 0;
    for (KeptTokens row : rows) {
      longest = Math.max(longest, row.count());
    }
    return longest;
  }

  /** Places for the longest that a row can be within a step. */
  private int usual() {
    int usual = 0;
    for (KeptTokens row : rows) {
      usual = Math.max(usual, row.capacity());
    }
    return usual;
  }

  private void reserve(int places) {
    if (places > memory.capacity()) {
      int most = settings.keepsAllSeparators() ? Integer.MAX_VALUE : usual();
      memory.resize((int) Math.max(places, Math.min(memory.capacity() * 3L / 2, most)));
    }
  }

  /** Gives back what a prompt needed, once no row is longer than usual. */
  void shrink() {
    if (oversized && longest() < usual()) {
      memory.resize(fitting());
      oversized = false;
    }
  }

  private int fitting() {
    return Math.min(usual(), Math.max(longest() + 1, AT_ONCE));
  }

  void clear() {
    for (KeptTokens row : rows) {
      row.clear();
    }
    shrinkIfLarger();
  }

  void restore(SeparatorCacheState state) {
    state.into(rows);
    reserve(longest() + 1);
    memory.restore(state.keys(), state.values());
    shrinkIfLarger();
  }

  private void shrinkIfLarger() {
    oversized = memory.capacity() > fitting();
    shrink();
  }
}
