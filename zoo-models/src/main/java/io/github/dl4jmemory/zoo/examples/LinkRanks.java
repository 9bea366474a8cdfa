package io.github.dl4jmemory.zoo.examples;

import io.github.dl4jmemory.zoo.examples.KnowledgeGraph.Triple;
import java.util.List;
import java.util.Set;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * How high the true tail stands among all entities, filtered: other true tails of the question are
 * left out. Of entities with its own score half count as above it, of those whose score is no
 * number all.
 *
 * @param mrr mean of 1 / rank
 * @param hitsAt1 share of questions whose tail has rank 1
 * @param hitsAt10 share of questions whose tail has rank 10 or better
 */
record LinkRanks(double mrr, double hitsAt1, double hitsAt10) {
  private static final int ROWS = 512;

  static LinkRanks of(ComputationGraph network, KnowledgeGraph graph, List<Triple> triples) {
    double mrr = 0;
    double first = 0;
    double firstTen = 0;
    for (int from = 0; from < triples.size(); from += ROWS) {
      List<Triple> part = triples.subList(from, Math.min(triples.size(), from + ROWS));
      INDArray scores = network.outputSingle(TailScorer.questions(part));
      for (int i = 0; i < part.size(); i++) {
        Triple triple = part.get(i);
        double rank = rank(scores.getRow(i).toFloatVector(), triple.tail(), graph.answers(triple));
        mrr += 1 / rank;
        first += rank < 2 ? 1 : 0;
        firstTen += rank < 11 ? 1 : 0;
      }
    }
    int n = triples.size();
    return new LinkRanks(mrr / n, first / n, firstTen / n);
  }

  static double rank(float[] scores, int tail, Set<Integer> answers) {
    double rank = 1;
    for (int entity = 0; entity < scores.length; entity++) {
      if (!answers.contains(entity)) {
        rank += scores[entity] < scores[tail] ? 0 : scores[entity] == scores[tail] ? 0.5 : 1;
      }
    }
    return rank;
  }
}
