package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.zoo.Biographies.Fact;
import io.github.dl4jmemory.zoo.Biographies.Relation;
import io.github.dl4jmemory.zoo.BiographyData.Question;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.dataset.MultiDataSet;

/**
 * Facts about some people that have changed: one of each of so many people, in turn of every kind,
 * with the value that the same fact of another of these people has.
 */
final class FactChange {

  /**
   * What a network answers.
   *
   * @param changed share of the changed facts that it answers with the new value
   * @param old share of the changed facts that it still answers with the old value
   * @param others share of the other facts about the same people that it answers rightly
   */
  record Recall(double changed, double old, double others) {
    /** By which settings are chosen: what was learned and what was kept count alike. */
    double score() {
      return (changed + others) / 2;
    }
  }

  private final BiographyData edits;
  private final List<Question> old;
  private final List<Question> others;
  private final int context;

  private FactChange(BiographyData edits, List<Question> old, List<Question> others, int context) {
    this.edits = edits;
    this.old = old;
    this.others = others;
    this.context = Math.max(context, edits.context());
  }

  /**
   * Changes facts.
   *
   * @param known questions about the people, four in a row for a person
   * @param count people with a changed fact, at most all
   */
  static FactChange of(
      List<Question> known, int count, int context, ByteLevelBpe tokens, int batch, long seed) {
    List<Fact> facts = changed(known, count, seed);
    Set<String> gone = new HashSet<>();
    facts.forEach(fact -> gone.add(subject(fact)));
    return new FactChange(
        new BiographyData(Biographies.of(facts), tokens, batch, seed),
        known.stream().filter(question -> gone.contains(subject(question.fact()))).toList(),
        known.stream().filter(question -> !gone.contains(subject(question.fact()))).toList(),
        context);
  }

  private static String subject(Fact fact) {
    return fact.relation() + " of " + fact.person();
  }

  /** The changed facts, with their new values. */
  static List<Fact> changed(List<Question> known, int count, long seed) {
    int kinds = Relation.values().length;
    List<Integer> people =
        new ArrayList<>(IntStream.range(0, known.size() / kinds).boxed().toList());
    Random random = new Random(seed);
    Collections.shuffle(people, random);
    List<Fact> facts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Fact fact = known.get(people.get(i) * kinds + i % kinds).fact();
      List<String> values =
          known.stream()
              .map(Question::fact)
              .filter(other -> other.relation() == fact.relation())
              .map(Fact::value)
              .filter(value -> !value.equals(fact.value()))
              .toList();
      facts.add(
          new Fact(fact.person(), fact.relation(), values.get(random.nextInt(values.size()))));
    }
    return facts;
  }

  /** The steps of an edit in order: every round states every changed fact once. */
  TrainingData.Batches batches() {
    return edits.batches();
  }

  MultiDataSet batch(List<int[]> rows) {
    return TrainingData.batch(rows, context);
  }

  /** Steps after which every changed fact was stated so many times. */
  int steps(int exposures) {
    return edits.steps(exposures);
  }

  Recall recall(ComputationGraph network) {
    return new Recall(
        share(network, edits.questions()), share(network, old), share(network, others));
  }

  private double share(ComputationGraph network, List<Question> questions) {
    return Evaluation.recall(network, questions, context).get(Assessment.RECALL);
  }
}
