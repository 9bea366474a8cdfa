package io.github.dl4jmemory.layers;

/** Which position a rotary embedding gives the keys of a {@link SeparatorCache}. */
public enum KeyPositions {
  /**
   * Their place in the cache, 0 to c. Keys are kept as they were projected and turned as they are
   * read, so their distance from the token shrinks when tokens between are dropped, and no position
   * is ever larger than in a text of c tokens: for texts longer than those of the training.
   */
  IN_CACHE,

  /**
   * Their place in the text, padding not counted. Keys are turned once, when they are appended: for
   * texts as long as those of the training at most.
   */
  ORIGINAL
}
