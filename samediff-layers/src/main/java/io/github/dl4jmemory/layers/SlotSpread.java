package io.github.dl4jmemory.layers;

import java.util.List;

/**
 * How evenly something, reads or their weights, is spread over the slots of a table. With z_i the
 * part of slot i, of sum 1, and N slots:
 *
 * <pre>
 *   share  = #{z_i &gt; 0} / N
 *   kl     = log N + sum_i z_i log z_i             nats; 0 when all slots have the same part
 *   gini   = 1 - 2 mean(cumsum(sort z))            -1/N when all have the same part, near 1 for one
 *   topQ   = fewest slots that hold Q% together
 *   lorenz = parts of the least used 0%, 5%, …, 100% of the slots
 * </pre>
 *
 * <p>All are 0 when nothing was read.
 *
 * <p>Source: Lample et al., Large Memory Layers with Product Keys, arXiv 1907.05242, section 4.5
 * (share, KL); Gini and top as in that paper's published evaluation.
 *
 * @param share slots with any part, of all
 * @param kl divergence from the uniform distribution, in nats
 * @param gini Gini coefficient
 * @param top50 fewest slots that hold half
 * @param top90 fewest slots that hold 90%
 * @param top99 fewest slots that hold 99%
 * @param lorenz 21 points of the Lorenz curve
 */
public record SlotSpread(
    double share, double kl, double gini, long top50, long top90, long top99, List<Double> lorenz) {

  static final int LORENZ_POINTS = 21;
}
