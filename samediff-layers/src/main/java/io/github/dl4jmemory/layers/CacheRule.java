package io.github.dl4jmemory.layers;

/**
 * When a {@link SeparatorCache} drops tokens. The first two keep the same tokens when they do, but
 * do it one step apart; with a initial tokens, s separators, a local window of w tokens and a size
 * of c, once the separators are full:
 *
 * <pre>
 *                  a token attends to          kept between steps      on average
 * STREAMING        a + s + w + 1 … c + 1       a + s + w … c           (a + s + w + c) / 2
 * CACHE            a + s + w … c - 1           a + s + w … c - 1       (a + s + w + c - 1) / 2
 * STREAMING_LLM    c + 1                       c                       c
 * </pre>
 */
public enum CacheRule {
  /**
   * After a step that left more than c tokens. The token of that step still attends to all of them.
   * Source: Chen et al. 2025, arXiv 2412.12094, section 3.3, as their streaming evaluation does it.
   */
  STREAMING,

  /**
   * Within a step that makes it c tokens, before its token attends. Source: as above, as their
   * SepCache does it.
   */
  CACHE,

  /**
   * After a step that left more than c tokens, down to c: the first a and the last c - a, no
   * separators. Source: Xiao et al. 2023, arXiv 2309.17453, section 3.2.
   */
  STREAMING_LLM
}
