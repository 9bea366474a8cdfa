package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.List;

/**
 * A streaming cache of one text as lists of tokens, with the attention of one head, written after
 * the description of the authors' cache managers and unlike ours.
 */
final class StreamingOracle {

  /** A token that is kept. */
  record Entry(long position, boolean separator, double[] key, double[] value) {}

  private final SeparatorCacheSettings settings;
  private int s;
  private int c;
  private int sepEnd; // 0: not yet set
  private long seen;
  private List<Entry> cache = new ArrayList<>();

  /** What the last token attended to. */
  List<Entry> attended = List.of();

  StreamingOracle(SeparatorCacheSettings settings) {
    this.settings = settings;
    s = settings.separators();
    c = settings.size();
  }

  /** One token; returns its output. */
  double[] step(double[] query, double[] key, double[] value, boolean separator) {
    cache.add(new Entry(seen++, separator, key, value));
    switch (settings.rule()) {
      case CACHE -> {
        if (cache.size() >= c) {
          compress();
        }
        attended = List.copyOf(cache);
      }
      case STREAMING -> {
        attended = List.copyOf(cache);
        if (cache.size() > c) {
          compress();
        }
      }
      case STREAMING_LLM -> {
        attended = List.copyOf(cache);
        if (cache.size() > c) {
          List<Entry> kept = new ArrayList<>(cache.subList(0, settings.initial()));
          kept.addAll(cache.subList(cache.size() - (c - settings.initial()), cache.size()));
          cache = kept;
        }
      }
      default -> throw new IllegalStateException();
    }
    return query == null ? null : attend(query);
  }

  /** One token of a prompt that is kept whole. */
  void prefill(double[] key, double[] value, boolean separator) {
    cache.add(new Entry(seen++, separator, key, value));
  }

  private void compress() {
    int a = settings.initial();
    int local = cache.size() - settings.window();
    if (sepEnd <= 0) {
      sepEnd = a;
    }
    if (local <= sepEnd) {
      throw new IllegalStateException("no past window");
    }
    List<Entry> separators = new ArrayList<>(cache.subList(a, sepEnd));
    for (Entry entry : cache.subList(sepEnd, local)) {
      if (entry.separator()) {
        separators.add(entry);
      }
    }
    if (settings.keepsAllSeparators()) {
      int more = separators.size() - s;
      if (more > 0) {
        s += more;
        c += more;
      }
    } else if (separators.size() > s) {
      separators = separators.subList(separators.size() - s, separators.size());
    }
    sepEnd = a + separators.size();
    List<Entry> kept = new ArrayList<>(cache.subList(0, a));
    kept.addAll(separators);
    kept.addAll(cache.subList(local, cache.size()));
    cache = kept;
  }

  private double[] attend(double[] query) {
    int last = attended.size() - 1;
    double[] q = turned(query, position(last));
    double[] out = new double[query.length];
    double total = 0;
    for (int j = 0; j < attended.size(); j++) {
      double[] k = turned(attended.get(j).key(), position(j));
      double score = 0;
      for (int i = 0; i < q.length; i++) {
        score += q[i] * k[i];
      }
      double e = Math.exp(score / Math.sqrt(q.length));
      total += e;
      for (int i = 0; i < q.length; i++) {
        out[i] += e * attended.get(j).value()[i];
      }
    }
    for (int i = 0; i < out.length; i++) {
      out[i] /= total;
    }
    return out;
  }

  private long position(int place) {
    return settings.positions() == KeyPositions.IN_CACHE ? place : attended.get(place).position();
  }

  private double[] turned(double[] x, long position) {
    int half = settings.rotary() / 2;
    double[] y = x.clone();
    for (int i = 0; i < half; i++) {
      double angle = position * Math.pow(settings.theta(), -2.0 * i / settings.rotary());
      y[i] = x[i] * Math.cos(angle) - x[i + half] * Math.sin(angle);
      y[i + half] = x[i + half] * Math.cos(angle) + x[i] * Math.sin(angle);
    }
    return y;
  }

  int s() {
    return s;
  }

  int c() {
    return c;
  }

  List<Long> stored() {
    return positions(cache);
  }

  static List<Long> positions(List<Entry> entries) {
    return entries.stream().map(Entry::position).toList();
  }
}
