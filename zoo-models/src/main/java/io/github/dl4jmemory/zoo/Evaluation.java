package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.zoo.Biographies.Relation;
import io.github.dl4jmemory.zoo.BiographyData.Question;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;

/** Measures a trained network on what it was not trained on. */
final class Evaluation {
  private static final int TOKENS = 16_384; // of a forward pass, padding counted

  private Evaluation() {}

  /** Rows of one forward pass. */
  static int rowsAtOnce(int context) {
    return Math.max(1, TOKENS / context);
  }

  /** Mean loss in nats per predicted token of the rows. */
  static double loss(ComputationGraph network, List<int[]> rows, int context) {
    double sum = 0;
    long tokens = 0;
    int atOnce = rowsAtOnce(context);
    for (int from = 0; from < rows.size(); from += atOnce) {
      List<int[]> part = rows.subList(from, Math.min(rows.size(), from + atOnce));
      long count = TrainingData.predicted(part);
      sum += network.score(TrainingData.batch(part, context), false) * count;
      tokens += count;
    }
    network.clearLayerMaskArrays(); // score() of M2.1 leaves those of its last batch behind
    return sum / tokens;
  }

  /**
   * Share of the questions whose whole answer is the model's greedy continuation, for every kind of
   * fact and for "all". A greedy continuation is right if, given the true answer so far, every next
   * token of it is the most probable one: so one forward pass over prompt and answer decides.
   */
  static Map<String, Double> recall(
      ComputationGraph network, List<Question> questions, int context) {
    Map<Relation, int[]> counts = new LinkedHashMap<>();
    for (Relation relation : Relation.values()) {
      counts.put(relation, new int[2]);
    }
    int atOnce = rowsAtOnce(context);
    for (int from = 0; from < questions.size(); from += atOnce) {
      List<Question> part = questions.subList(from, Math.min(questions.size(), from + atOnce));
      int[][] chosen = mostProbable(network, part.stream().map(Question::row).toList(), context);
      for (int q = 0; q < part.size(); q++) {
        int[] count = counts.get(part.get(q).fact().relation());
        count[0] += isRight(part.get(q), chosen[q]) ? 1 : 0;
        count[1]++;
      }
    }
    return shares(counts);
  }

  private static Map<String, Double> shares(Map<Relation, int[]> counts) {
    Map<String, Double> shares = new LinkedHashMap<>();
    double right = counts.values().stream().mapToInt(c -> c[0]).sum();
    shares.put(Assessment.RECALL, right / counts.values().stream().mapToInt(c -> c[1]).sum());
    counts.forEach(
        (relation, c) ->
            shares.put(
                "recall of " + relation.name().toLowerCase(Locale.ROOT), c[0] / (double) c[1]));
    return shares;
  }

  private static boolean isRight(Question question, int[] chosen) {
    int first = question.prompt().length - 1;
    for (int i = 0; i < question.answer().length; i++) {
      if (chosen[first + i] != question.answer()[i]) {
        return false;
      }
    }
    return true;
  }

  private static int[][] mostProbable(ComputationGraph network, List<int[]> rows, int context) {
    MultiDataSet batch = TrainingData.batch(rows, context);
    INDArray p = network.outputSingle(batch.getFeatures(0));
    return p.argMax(2).toIntMatrix();
  }

  /** Some questions with what the model answers, token by token. */
  static List<Answer> answers(
      ComputationGraph network, List<Question> questions, ByteLevelBpe tokens, int count) {
    TextGenerator generator = TextGenerator.greedy(network);
    List<Answer> answers = new ArrayList<>();
    int kinds = Relation.values().length; // one question of each for every person
    int shown = Math.min(count, questions.size());
    for (int i = 0; i < shown; i++) {
      int person = (int) ((long) i * (questions.size() / kinds) / shown);
      Question question = questions.get(person * kinds + i % kinds);
      int[] given =
          generator.generate(question.prompt(), question.answer().length, -1, token -> {});
      int[] asked = java.util.Arrays.copyOfRange(question.prompt(), 1, question.prompt().length);
      answers.add(
          new Answer(
              tokens.decode(asked).strip() + " …",
              tokens.decode(given).strip(),
              tokens.decode(question.answer()).strip()));
    }
    return answers;
  }
}
