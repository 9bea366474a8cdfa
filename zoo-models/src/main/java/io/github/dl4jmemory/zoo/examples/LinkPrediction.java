package io.github.dl4jmemory.zoo.examples;

import io.github.dl4jmemory.zoo.examples.KnowledgeGraph.Triple;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * Finds missing facts of an invented {@link KnowledgeGraph}, once with a memory and once with a
 * dense layer of as many multiply-adds, and prints how well. Each is trained with every learning
 * rate of a grid; validation triples choose, test triples are reported.
 */
public final class LinkPrediction {
  private static final int PEOPLE = 500;
  private static final int EPOCHS = 30;
  private static final int BATCH = 128;
  private static final List<Double> RATES = List.of(1e-3, 3e-3, 1e-2, 3e-2);
  private static final List<Long> SEEDS = List.of(1L, 2L, 3L);

  /** A training and what came of it. */
  record Trial(long seed, boolean memory, double rate, LinkRanks validation, LinkRanks test) {
    private String line() {
      return String.format(
          Locale.ROOT,
          "| %d | %s | %.0e | %.4f | %.4f | %.4f | %.4f |",
          seed,
          memory ? "memory" : "dense",
          rate,
          validation.mrr(),
          test.mrr(),
          test.hitsAt1(),
          test.hitsAt10());
    }
  }

  private LinkPrediction() {}

  /**
   * Runs all trainings.
   *
   * @param arguments seeds; 1, 2 and 3 if there are none
   */
  public static void main(String... arguments) {
    List<Long> seeds =
        arguments.length == 0 ? SEEDS : Stream.of(arguments).map(Long::valueOf).toList();
    KnowledgeGraph sizes = new KnowledgeGraph(PEOPLE, 1);
    for (boolean memory : new boolean[] {false, true}) {
      TailScorer scorer = new TailScorer(sizes.entities(), sizes.relations(), memory);
      System.out.printf(
          Locale.ROOT,
          "%s: %,d multiply-adds a question, %,d parameters%n",
          memory ? "memory" : "dense",
          scorer.multiplyAdds(),
          scorer.network(1, 1).numParams());
    }
    List<Trial> all = planned(seeds).stream().map(Planned::run).toList();
    all.forEach(trial -> System.out.println(trial.line()));
    System.out.println("Best by validation:");
    System.out.println("| seed | model | rate | validation MRR | MRR | Hits@1 | Hits@10 |");
    System.out.println("| --- | --- | --- | --- | --- | --- | --- |");
    for (long seed : seeds) {
      System.out.println(best(all, seed, false).line());
      System.out.println(best(all, seed, true).line());
    }
  }

  /** The trial whose validation triples are ranked best. */
  private static Trial best(List<Trial> all, long seed, boolean memory) {
    return all.stream()
        .filter(trial -> trial.seed() == seed && trial.memory() == memory)
        .max(Comparator.comparingDouble(trial -> trial.validation().mrr()))
        .orElseThrow();
  }

  private static List<Planned> planned(List<Long> seeds) {
    List<Planned> all = new ArrayList<>();
    for (long seed : seeds) {
      KnowledgeGraph graph = new KnowledgeGraph(PEOPLE, seed);
      for (double rate : RATES) {
        all.add(new Planned(graph, seed, false, rate));
        all.add(new Planned(graph, seed, true, rate));
      }
    }
    return all;
  }

  private record Planned(KnowledgeGraph graph, long seed, boolean memory, double rate) {
    Trial run() {
      ComputationGraph network = train(graph, memory, rate, seed, EPOCHS);
      return new Trial(
          seed,
          memory,
          rate,
          LinkRanks.of(network, graph, graph.validation()),
          LinkRanks.of(network, graph, graph.test()));
    }
  }

  /** A network that has seen every training triple so many times. */
  static ComputationGraph train(
      KnowledgeGraph graph, boolean memory, double rate, long seed, int epochs) {
    TailScorer scorer = new TailScorer(graph.entities(), graph.relations(), memory);
    ComputationGraph network = scorer.network(rate, seed);
    Random random = new Random(seed);
    List<Triple> triples = new ArrayList<>(graph.training());
    for (int epoch = 0; epoch < epochs; epoch++) {
      Collections.shuffle(triples, random);
      for (int from = 0; from < triples.size(); from += BATCH) {
        network.fit(scorer.batch(triples.subList(from, Math.min(triples.size(), from + BATCH))));
      }
    }
    return network;
  }
}
