package io.github.dl4jmemory.zoo;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * What a trained network is worth.
 *
 * @param score by which the learning rate is chosen; more is better
 * @param loss nats a token on what was held out
 * @param scores named results in the order they are shown
 */
record Assessment(double score, double loss, Map<String, Double> scores) {
  static final String RECALL = "recall";
  static final String CHOOSING_RECALL = "recall that chose the rate";
  static final String PER_TOKEN = "perplexity per token";
  static final String PER_BYTE = "perplexity per byte";
  static final int USAGE_ROWS = 4096;

  static Assessment of(ComputationGraph network, TrainingData data) {
    double loss = Evaluation.loss(network, data.heldOut(), data.context());
    Map<String, Double> scores = new LinkedHashMap<>();
    if (data instanceof BiographyData people) {
      scores.putAll(Evaluation.recall(network, people.reported(), data.context()));
      scores.put(
          CHOOSING_RECALL,
          Evaluation.recall(network, people.choosing(), data.context()).get(RECALL));
    } else if (data instanceof TextData text) {
      long predicted = TrainingData.predicted(text.heldOut());
      scores.put(PER_TOKEN, Math.exp(loss));
      scores.put(PER_BYTE, Math.exp(loss * predicted / text.heldOutBytes()));
    }
    addUsage(scores, network, data);
    return new Assessment(score(scores, loss), loss, scores);
  }

  /** A loss that is no number is the worst. */
  private static double score(Map<String, Double> scores, double loss) {
    double byLoss = Double.isNaN(loss) ? Double.NEGATIVE_INFINITY : -loss;
    return scores.getOrDefault(CHOOSING_RECALL, byLoss);
  }

  private static void addUsage(
      Map<String, Double> scores, ComputationGraph network, TrainingData data) {
    if (SlotUsage.hasMemory(network)) {
      List<int[]> rows = data.heldOut();
      rows = rows.subList(0, Math.min(rows.size(), USAGE_ROWS));
      SlotUsage usage = SlotUsage.of(network, rows, data.context());
      scores.put("share of slots read", usage.shareUsed());
      scores.put("entropy of slot use (1 is even)", usage.entropy());
    }
  }
}
