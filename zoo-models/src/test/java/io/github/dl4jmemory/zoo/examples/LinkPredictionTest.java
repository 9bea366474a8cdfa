package io.github.dl4jmemory.zoo.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.PageExample;
import io.github.dl4jmemory.zoo.examples.KnowledgeGraph.Relation;
import io.github.dl4jmemory.zoo.examples.KnowledgeGraph.Triple;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;

class LinkPredictionTest {
  private static final KnowledgeGraph GRAPH = new KnowledgeGraph(53, 7);

  /** The trained triples of a relation, tail by head. */
  private static Map<Integer, Integer> trained(Relation relation) {
    return GRAPH.training().stream()
        .filter(triple -> triple.relation() == relation.ordinal())
        .collect(Collectors.toMap(Triple::head, Triple::tail));
  }

  @Test
  void everyTripleThatIsAskedFollowsFromTrainedOnes() {
    Map<Integer, Integer> bornIn = trained(Relation.BORN_IN);
    Map<Integer, Integer> livesIn = trained(Relation.LIVES_IN);
    Map<Integer, Integer> worksFor = trained(Relation.WORKS_FOR);
    Map<Integer, Integer> townOf = trained(Relation.TOWN_OF_FIRM);
    Map<Integer, Integer> countryOf = trained(Relation.COUNTRY_OF_TOWN);
    List<Triple> asked = new ArrayList<>(GRAPH.validation());
    asked.addAll(GRAPH.test());
    assertEquals(2 * (5 * 53 / 10), asked.size());
    for (Triple triple : asked) {
      int head = triple.head();
      int expected =
          switch (Relation.values()[triple.relation()]) {
            case NATIVE_OF -> bornIn.get(head);
            case WORKS_IN -> townOf.get(worksFor.get(head));
            case NATIONALITY -> countryOf.get(bornIn.get(head));
            case RESIDENT_OF -> countryOf.get(livesIn.get(head));
            case EMPLOYS -> worksFor.get(triple.tail()) == head ? triple.tail() : -1;
            default -> -1;
          };
      assertEquals(expected, triple.tail(), triple.toString());
    }
  }

  @Test
  void noTripleIsInTwoParts() {
    Set<Triple> all = new HashSet<>(GRAPH.training());
    all.addAll(GRAPH.validation());
    all.addAll(GRAPH.test());
    int parts = GRAPH.training().size() + GRAPH.validation().size() + GRAPH.test().size();
    assertEquals(parts, all.size());
    assertEquals(8 * 53 + 2 * 5, all.size(), "3 drawn and 5 derived a person; 5 towns and firms");
    int highest = all.stream().mapToInt(t -> Math.max(t.head(), t.tail())).max().orElseThrow();
    assertEquals(53 + 5 + 5 + 2, GRAPH.entities());
    assertTrue(highest < GRAPH.entities());
    all.forEach(triple -> assertTrue(GRAPH.answers(triple).contains(triple.tail())));
  }

  @Test
  void rankLeavesOtherTrueTailsOutAndSharesTies() {
    float[] scores = {0.1f, 0.9f, 0.5f, 0.7f, 0.5f, 0.5f};
    assertEquals(4, LinkRanks.rank(scores, 2, Set.of(2)), "two above, two halves beside");
    assertEquals(3, LinkRanks.rank(scores, 2, Set.of(1, 2)));
    assertEquals(1, LinkRanks.rank(scores, 1, Set.of(1)));
    assertEquals(3, LinkRanks.rank(new float[] {Float.NaN, 1, Float.NaN}, 2, Set.of(2)));
  }

  @Test
  void bothNetworksCostTheSameAndLearn() {
    TailScorer[] scorers = {scorer(false), scorer(true)};
    assertEquals(1, scorers[0].multiplyAdds() / (double) scorers[1].multiplyAdds(), 0.02);
    ComputationGraph dense = scorers[0].network(1e-3, 1);
    long answer = dense.getLayer("hidden").numParams() + dense.getLayer("answer").numParams();
    assertEquals(scorers[0].multiplyAdds(), answer + 32L * GRAPH.entities());
    for (boolean memory : new boolean[] {false, true}) {
      LinkRanks before = LinkRanks.of(scorer(memory).network(1, 1), GRAPH, GRAPH.training());
      ComputationGraph network = LinkPrediction.train(GRAPH, memory, 1e-2, 1, 15);
      LinkRanks after = LinkRanks.of(network, GRAPH, GRAPH.training());
      assertTrue(after.mrr() > 2 * before.mrr(), before + ", then " + after);
      assertTrue(after.hitsAt1() <= after.mrr() && after.mrr() <= after.hitsAt10(), "" + after);
    }
  }

  private static TailScorer scorer(boolean memory) {
    return new TailScorer(GRAPH.entities(), GRAPH.relations(), memory);
  }

  @Test
  void thePageHoldsThisCode() throws IOException {
    PageExample.assertStandsOn("docs/how-to/knowledge-graph.md", TailScorer.class);
  }
}
