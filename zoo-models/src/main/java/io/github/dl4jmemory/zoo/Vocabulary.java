package io.github.dl4jmemory.zoo;

import java.io.IOException;
import java.nio.file.Path;

/**
 * What a model has to know of its tokenizer and its text.
 *
 * @param size number of token ids
 * @param separators ids of the separators
 * @param interval of so many tokens one is to be seen for as many as there are separators
 */
record Vocabulary(int size, int[] separators, int interval) {

  /** That of a folder with a tokenizer, and of the rows that are trained on. */
  static Vocabulary of(Path folder, ByteLevelBpe tokenizer, TextData data) throws IOException {
    int[] separators = Separators.of(folder.resolve("tokenizer.json")).ids();
    int interval =
        VisibleTokens.separators(Contender.INITIAL, separators)
            .closestInterval(data.training(), Contender.WINDOW);
    return new Vocabulary(tokenizer.vocabularySize(), separators, interval);
  }
}
