package io.github.dl4jmemory.ops;

/**
 * The keys that a query sees: first those of the initial tokens and separators before its window,
 * then its window.
 */
final class VisibleKeys {
  private final int time;
  private final long initial;
  private final long window;
  private final Slab<byte[]> kinds;
  private final byte[] kind;
  private final int[] kept;
  private final int[] seen;
  private int keptCount;

  VisibleKeys(AttentionInput in) {
    time = Math.toIntExact(in.time());
    initial = in.initial();
    window = in.window();
    kinds = Slab.bytes(in.kinds());
    kind = new byte[time];
    kept = new int[time];
    seen = new int[time];
  }

  /** Reads the kinds of an example. */
  void load(long example) {
    kinds.read(example * time, kind, 0, time);
    keptCount = 0;
    long tokens = 0;
    for (int j = 0; j < time; j++) {
      if (kind[j] != AttentionInput.PADDING) {
        if (tokens++ < initial || kind[j] == AttentionInput.SEPARATOR) {
          kept[keptCount++] = j;
        }
      }
    }
  }

  /** Finds the keys of query i; returns their number, none for padding. */
  int of(int i) {
    int count = 0;
    if (kind[i] == AttentionInput.PADDING) {
      return count;
    }
    for (int k = 0; k < keptCount && kept[k] <= i - window; k++) {
      seen[count++] = kept[k];
    }
    for (int j = (int) Math.max(0, i - window + 1); j <= i; j++) {
      if (kind[j] != AttentionInput.PADDING) {
        seen[count++] = j;
      }
    }
    return count;
  }

  /** The position of the n-th key found. */
  int at(int n) {
    return seen[n];
  }
}
