package io.github.dl4jmemory.zoo;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Learns the merges of a byte-level BPE: while the vocabulary is not full, the pair of neighbouring
 * symbols that occurs most often becomes a new symbol (Sennrich et al. 2016, algorithm 1). Ties go
 * to the pair with the smaller symbol numbers, so the result depends on the text alone.
 */
final class BpeTrainer {
  /** How GPT-2 and the tokenizers library split text before they merge. */
  private static final Pattern WORDS =
      Pattern.compile(
          "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
          Pattern.UNICODE_CHARACTER_CLASS);

  /** Vocabulary entries in id order (special token first, then bytes, then merges) and merges. */
  record Merges(List<String> vocabulary, List<String> merges) {}

  private final List<int[]> words = new ArrayList<>();
  private final List<Long> counts = new ArrayList<>();
  private final List<String> symbols = new ArrayList<>();
  private final Map<Long, Long> pairCounts = new HashMap<>();
  private final Map<Long, Set<Integer>> pairWords = new HashMap<>();

  static Merges train(Iterable<String> texts, int vocabulary, String specialToken) {
    return new BpeTrainer(texts, specialToken).run(vocabulary);
  }

  private BpeTrainer(Iterable<String> texts, String specialToken) {
    symbols.add(specialToken);
    for (int b = 0; b < 256; b++) {
      symbols.add(String.valueOf(ByteAlphabet.character((byte) b)));
    }
    Map<String, Long> words = new HashMap<>();
    for (String text : texts) {
      Matcher word = WORDS.matcher(text);
      while (word.find()) {
        words.merge(word.group(), 1L, Long::sum);
      }
    }
    words.forEach(this::add);
  }

  private void add(String word, long count) {
    byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
    int[] ids = new int[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      ids[i] = 1 + (bytes[i] & 0xff);
    }
    words.add(ids);
    counts.add(count);
    countPairs(words.size() - 1, 1);
  }

  private Merges run(int vocabulary) {
    List<String> merges = new ArrayList<>();
    while (symbols.size() < vocabulary) {
      Long best = mostFrequent();
      if (best == null) {
        break;
      }
      String left = symbols.get((int) (best >>> 32));
      String right = symbols.get((int) (long) best);
      merges.add(left + " " + right);
      symbols.add(left + right);
      merge(best, symbols.size() - 1);
    }
    return new Merges(List.copyOf(symbols), merges);
  }

  /** The most frequent pair seen at least twice, or null. */
  private Long mostFrequent() {
    Long best = null;
    long bestCount = 1;
    for (Map.Entry<Long, Long> pair : pairCounts.entrySet()) {
      long count = pair.getValue();
      if (count > bestCount || (best != null && count == bestCount && pair.getKey() < best)) {
        best = pair.getKey();
        bestCount = count;
      }
    }
    return best;
  }

  private void merge(long pair, int symbol) {
    for (int word : List.copyOf(pairWords.get(pair))) {
      countPairs(word, -1);
      words.set(word, replace(words.get(word), pair, symbol));
      countPairs(word, 1);
    }
  }

  private static int[] replace(int[] ids, long pair, int symbol) {
    int[] merged = new int[ids.length];
    int length = 0;
    for (int i = 0; i < ids.length; i++) {
      if (i + 1 < ids.length && pair(ids[i], ids[i + 1]) == pair) {
        merged[length++] = symbol;
        i++;
      } else {
        merged[length++] = ids[i];
      }
    }
    return java.util.Arrays.copyOf(merged, length);
  }

  private void countPairs(int word, int sign) {
    int[] ids = words.get(word);
    long count = sign * counts.get(word);
    for (int i = 0; i + 1 < ids.length; i++) {
      long pair = pair(ids[i], ids[i + 1]);
      if (pairCounts.merge(pair, count, Long::sum) == 0) {
        pairCounts.remove(pair);
      }
      Set<Integer> holders = pairWords.computeIfAbsent(pair, p -> new HashSet<>());
      if (sign > 0) {
        holders.add(word);
      } else {
        holders.remove(word);
      }
    }
  }

  private static long pair(int left, int right) {
    return ((long) left << 32) | right;
  }
}
