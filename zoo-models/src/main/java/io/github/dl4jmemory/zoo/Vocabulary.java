package io.github.dl4jmemory.zoo;

/**
 * What a model has to know of its tokenizer and its text.
 *
 * @param size number of token ids
 * @param separators ids of the separators
 * @param interval of so many tokens one is to be seen for as many as there are separators
 */
record Vocabulary(int size, int[] separators, int interval) {}
