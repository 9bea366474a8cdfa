package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The keys of a {@link KeyOverlay} that belong to one layer, and the last step of its top-k: the
 * product top-k of a head and all keys of the overlay for that head are candidates, the best topK
 * of them by score stay; of equal ones slots come before keys of the overlay, and those by id.
 *
 * <p>A key takes the place of the worst slot. What no key enters keeps its scores, slots and
 * weights as they are. Sums are in double; a score is rounded to the dtype of the layer once.
 */
final class OverlayKeys {

  /** A key of one head and the value that it stands for. */
  record Entry(int head, double[] key, double[] value) {}

  /** An entry in the bag of a token. */
  private record Hit(long token, long place, Entry entry) {}

  private record Candidate(double score, Entry entry) {}

  private final Map<Long, Entry> entries = new TreeMap<>();

  Map<Long, Entry> entries() {
    return entries;
  }

  boolean isEmpty() {
    return entries.isEmpty();
  }

  /**
   * Lets keys take places of slots.
   *
   * @param query [tokens, heads, keySize], as the top-k took it
   * @param gain factors [heads, 2, keySize/2] of keys with normalised halves; null: keys as given
   * @param scores [tokens, heads, topK], descending; scores of keys are put in
   * @param slots LONG [tokens, heads, topK]; places of keys get the first slot of the head
   * @return what was put in
   */
  Hits merge(INDArray query, double[] gain, INDArray scores, INDArray slots) {
    List<Hit> hits = new ArrayList<>();
    Map<Integer, List<Entry>> heads = new TreeMap<>();
    for (Entry entry : entries.values()) {
      Entry scaled = gain == null ? entry : scaled(entry, gain);
      heads.computeIfAbsent(entry.head, head -> new ArrayList<>()).add(scaled);
    }
    double[] queries = query.dup('c').data().asDouble();
    double[] products = scores.dup('c').data().asDouble();
    int headCount = Math.toIntExact(scores.size(1));
    int topK = Math.toIntExact(scores.size(2));
    for (int token = 0; token < scores.size(0); token++) {
      for (Map.Entry<Integer, List<Entry>> head : heads.entrySet()) {
        int bag = token * headCount + head.getKey();
        List<Candidate> best = best(head.getValue(), queries, bag, scores.dataType());
        int taken = 0;
        while (taken < Math.min(topK, best.size())
            && best.get(taken).score > products[bag * topK + topK - 1 - taken]) {
          taken++;
        }
        long first = taken == 0 ? 0 : slots.getLong(token, head.getKey(), 0);
        for (int i = 0; i < taken; i++) {
          int rank = topK - 1 - i;
          scores.putScalar(new long[] {token, head.getKey(), rank}, best.get(i).score);
          slots.putScalar(new long[] {token, head.getKey(), rank}, first);
          hits.add(new Hit(token, (long) head.getKey() * topK + rank, best.get(i).entry));
        }
      }
    }
    return new Hits(hits);
  }

  /** Keys of a head by score descending, then in their order. */
  private static List<Candidate> best(
      List<Entry> keys, double[] queries, int bag, DataType dataType) {
    List<Candidate> candidates = new ArrayList<>();
    for (Entry entry : keys) {
      double score = 0;
      for (int d = 0; d < entry.key.length; d++) {
        score += queries[bag * entry.key.length + d] * entry.key[d];
      }
      candidates.add(new Candidate(dataType == DataType.DOUBLE ? score : (float) score, entry));
    }
    candidates.sort(Comparator.comparingDouble(candidate -> -candidate.score));
    return candidates;
  }

  private static Entry scaled(Entry entry, double[] gain) {
    int half = entry.key.length / 2;
    double[] key = new double[2 * half];
    for (int side = 0; side < 2; side++) {
      double squares = 0;
      for (int d = 0; d < half; d++) {
        squares += entry.key[side * half + d] * entry.key[side * half + d];
      }
      double inverse = 1 / Math.sqrt(squares / half + ProductKeyLookup.NORM_EPSILON);
      for (int d = 0; d < half; d++) {
        double factor = gain[(entry.head * 2 + side) * half + d] / Math.sqrt(half);
        key[side * half + d] = entry.key[side * half + d] * inverse * factor;
      }
    }
    return new Entry(entry.head, key, entry.value);
  }

  /** The keys that took places. */
  static final class Hits {

    private final List<Hit> hits;
    private final double[] weights;

    private Hits(List<Hit> hits) {
      this.hits = hits;
      this.weights = new double[hits.size()];
    }

    /** Takes the weights of the keys out of [tokens, heads*topK]: no slot is read for them. */
    void takeWeights(INDArray bags) {
      for (int i = 0; i < weights.length; i++) {
        Hit hit = hits.get(i);
        weights[i] = bags.getDouble(hit.token, hit.place);
        bags.putScalar(hit.token, hit.place, 0);
      }
    }

    /** Adds the values of the keys, by their weights, to [tokens, valueSize]. */
    void addTo(INDArray read) {
      for (int i = 0; i < weights.length; i++) {
        Hit hit = hits.get(i);
        for (int d = 0; d < hit.entry.value.length; d++) {
          double sum = read.getDouble(hit.token, d) + weights[i] * hit.entry.value[d];
          read.putScalar(hit.token, d, sum);
        }
      }
    }
  }
}
