package io.github.dl4jmemory.layers;

/**
 * How {@link MemoryEditor} scores the rows that an edit batch reads; the rows with the highest
 * scores are changed. Both prefer rows that the batch reads often and the background rarely.
 *
 * <pre>
 *   c(i)    accesses of the batch to row i through which the gradient of the loss comes
 *   B       background batches
 *   df(i)   background batches that read row i
 *   p(i)    = c(i) / sum_j c(j)
 * </pre>
 */
public enum RowChoice {
  /**
   * {@code p(i) * log((B + 1) / (df(i) + 1))}. A row that every background batch reads scores 0.
   *
   * <p>Source: Lin et al. 2025, Continual Learning via Sparse Memory Finetuning, arXiv 2510.15103.
   */
  TF_IDF {
    @Override
    double score(double share, int readBy, AccessCounts.Table background) {
      return share * Math.log((background.batches() + 1.0) / (readBy + 1.0));
    }
  },

  /**
   * {@code p(i) * log(p(i) / q(i))}, the row's part of the Kullback-Leibler divergence of the batch
   * from the background {@code q(i) = (df(i) + 1) / sum_j (df(j) + 1)}.
   *
   * <p>Source: the divergence as the score is that of Goyal et al. 2026, Improving Sparse Memory
   * Finetuning, arXiv 2604.05248; the background in numbers of batches, and the 1 that keeps it
   * positive, are ours.
   */
  KL {
    @Override
    double score(double share, int readBy, AccessCounts.Table background) {
      double among = (readBy + 1.0) / background.sumWithOnes();
      return share * Math.log(share / among);
    }
  };

  /**
   * The score of a row that is read.
   *
   * @param share p(i), over 0
   * @param readBy df(i)
   */
  abstract double score(double share, int readBy, AccessCounts.Table background);
}
