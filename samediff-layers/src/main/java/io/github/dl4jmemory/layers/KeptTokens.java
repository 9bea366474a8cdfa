package io.github.dl4jmemory.layers;

import java.util.Arrays;

/**
 * Which tokens of one sequence a cache keeps, by their places: initial tokens, separators, past
 * window, local window. What is kept depends on the separators alone, not on keys and values.
 */
final class KeptTokens {

  /** Told which places become others; in ascending order, each to a lower one. */
  interface Mover {
    void move(int from, int to, int length);
  }

  private final SeparatorCacheSettings settings;
  private long[] positions = new long[0];
  private boolean[] marks = new boolean[0];
  private int count;
  private int separators; // in their block, behind the initial tokens
  private int separatorLimit; // s and c, which grow where all separators are kept
  private int size;
  private long seen;

  KeptTokens(SeparatorCacheSettings settings) {
    this.settings = settings;
    clear();
  }

  void clear() {
    count = 0;
    separators = 0;
    separatorLimit = settings.separators();
    size = settings.size();
    seen = 0;
  }

  /** Goes on where another cache of these settings was. */
  void restore(long[] keptPositions, boolean[] keptMarks, int inBlock, int grown, long seenTokens) {
    positions = keptPositions.clone();
    marks = keptMarks.clone();
    count = keptPositions.length;
    separators = inBlock;
    separatorLimit = settings.separators() + grown;
    size = settings.size() + grown;
    seen = seenTokens;
  }

  /** Appends a token; returns its place. */
  int append(boolean separator) {
    if (count == positions.length) {
      int larger = Math.max(64, count + count / 2);
      positions = Arrays.copyOf(positions, larger);
      marks = Arrays.copyOf(marks, larger);
    }
    positions[count] = seen++;
    marks[count] = separator && settings.rule() != CacheRule.STREAMING_LLM;
    return count++;
  }

  /** Whether the rule wants tokens dropped. */
  boolean isFull() {
    return settings.rule() == CacheRule.CACHE ? count >= size : count > size;
  }

  /**
   * Drops the tokens of the past window that are no separators, and the oldest separators that are
   * too many.
   */
  void compress(Mover mover) {
    int past = settings.initial() + separators;
    int local = count - settings.window();
    int dropped = separatorsToDrop(past, local);
    int old = Math.min(dropped, separators);
    int to = settings.initial();
    to = move(mover, to + old, to, separators - old);
    dropped -= old;
    for (int place = past; place < local; place++) {
      if (marks[place] && dropped-- <= 0) {
        to = move(mover, place, to, 1);
      }
    }
    separators = to - settings.initial();
    count = move(mover, local, to, settings.window());
  }

  private int separatorsToDrop(int past, int local) {
    int all = separators;
    for (int place = past; place < local; place++) {
      all += marks[place] ? 1 : 0;
    }
    int excess = Math.max(0, all - separatorLimit);
    if (settings.keepsAllSeparators()) {
      separatorLimit += excess;
      size += excess;
      return 0;
    }
    return excess;
  }

  private int move(Mover mover, int from, int to, int length) {
    if (from != to && length > 0) {
      System.arraycopy(positions, from, positions, to, length);
      System.arraycopy(marks, from, marks, to, length);
      mover.move(from, to, length);
    }
    return to + length;
  }

  int count() {
    return count;
  }

  int separators() {
    return separators;
  }

  /** Places that this sequence needs when it is as long as can be. */
  int capacity() {
    return size + 1;
  }

  /** By how much s and c have grown. */
  int grown() {
    return size - settings.size();
  }

  long seen() {
    return seen;
  }

  long[] positions() {
    return Arrays.copyOf(positions, count);
  }

  boolean isSeparator(int place) {
    return marks[place];
  }
}
