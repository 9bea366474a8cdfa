package io.github.dl4jmemory.zoo;

import java.util.Arrays;

/**
 * What a model has to know of its tokenizer.
 *
 * @param size number of token ids
 * @param separators ids of the separators, ascending
 */
record Vocabulary(int size, int[] separators) {

  boolean isSeparator(int id) {
    return Arrays.binarySearch(separators, id) >= 0;
  }

  /**
   * Pairs of a token and a token that it sees, of a row of inputs: the first tokens, separators and
   * the last tokens up to itself.
   *
   * @param window of the last tokens, itself included; 0 for all
   */
  long visiblePairs(int[] row, int inputs, int initial, int window) {
    if (window == 0) {
      return (long) inputs * (inputs + 1) / 2;
    }
    long pairs = 0;
    long far = 0; // of what has left the window, how many are still seen
    for (int t = 0; t < inputs; t++) {
      int left = t - window;
      if (left >= 0 && (left < initial || isSeparator(row[left]))) {
        far++;
      }
      pairs += Math.min(t + 1, window) + far;
    }
    return pairs;
  }
}
