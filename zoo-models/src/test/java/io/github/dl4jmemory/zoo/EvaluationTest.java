package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.layers.PoolUsage;
import io.github.dl4jmemory.zoo.Biographies.Fact;
import io.github.dl4jmemory.zoo.BiographyData.Question;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;

class EvaluationTest {
  @Test
  void recallIsWhatGreedyGenerationAnswers() {
    Biographies people = Biographies.of(3, 2);
    try (ByteLevelBpe tokens = ByteLevelBpe.train(people.sentences(), 400)) {
      BiographyData data = new BiographyData(people, tokens, 10, 2);
      ComputationGraph network =
          MemoryTransformerTest.tiny()
              .vocabulary(tokens.vocabularySize())
              .model(24)
              .learningRate(1e-2)
              .build()
              .init();
      new Trainer(data, 250, () -> false).train(network, Progress.start(), (progress, loss) -> {});
      List<Question> all = new ArrayList<>(data.choosing());
      all.addAll(data.reported());
      int right = 0;
      for (Question question : all) {
        int[] given =
            TextGenerator.greedy(network)
                .generate(question.prompt(), question.answer().length, -1, t -> {});
        right += Arrays.equals(given, question.answer()) ? 1 : 0;
      }
      Map<String, Double> recall = Evaluation.recall(network, all, data.context());
      assertEquals(right / 12.0, recall.get("recall"), 1e-12);
      assertTrue(right > 0, "none right: the comparison would say nothing");
      assertEquals(8, Evaluation.answers(network, all, tokens, 8).size());
    }
  }

  @Test
  void usageOfSlots() {
    ComputationGraph network = MemoryTransformerTest.tiny().build().init();
    SlotUsage usage = SlotUsage.of(network, List.of(new int[] {1, 2, 3}), 7);
    assertTrue(usage.shareUsed() > 0 && usage.shareUsed() <= 7 * 6 / 121.0, usage.toString());
    assertTrue(usage.entropy() > 0 && usage.entropy() < 1, usage.toString());
  }

  @Test
  void usageOfSharedPool() {
    ComputationGraph network =
        MemoryTransformerTest.tiny().layers(2).memoryBlocks(0, 1).sharedPool(true).build().init();
    List<PoolUsage> tables = SlotUsage.tables(network, List.of(new int[] {1, 2, 3}), 7);
    assertEquals(List.of("pool"), tables.stream().map(PoolUsage::pool).toList());
    assertEquals(2, tables.get(0).readers().size());
    assertTrue(SlotUsage.hasMemory(network));
    assertFalse(SlotUsage.hasMemory(MemoryTransformerTest.tiny().memoryBlocks().build().init()));
  }

  @Test
  void usageOfAPoolIsThatOfAllItsReaders() {
    MemoryTransformerTest.assertPoolOfOneReaderIsAMemory(
        (own, pooled) -> {
          List<int[]> rows = List.of(new int[] {1, 2, 3, 9, 8, 7, 6, 5});
          assertEquals(SlotUsage.of(own, rows, 7), SlotUsage.of(pooled, rows, 7));
        });
    ComputationGraph two =
        MemoryTransformerTest.tiny().memoryBlocks(0, 2).sharedPool(true).build().init();
    List<int[]> rows = List.of(new int[] {1, 2});
    double share = SlotUsage.of(two, rows, 1).shareUsed();
    assertTrue(share > 6 / 121.0 && share <= 12 / 121.0, "6 accesses of each reader: " + share);
  }

  @Test
  void lossLeavesNoMaskBehind() {
    ComputationGraph network = MemoryTransformerTest.tiny().build().init();
    List<int[]> rows = List.of(new int[] {1, 2, 3}, new int[] {4, 5, 6, 7}, new int[] {8, 9});
    double loss = Evaluation.loss(network, rows, 7);
    assertTrue(SlotUsage.of(network, rows.subList(0, 2), 7).shareUsed() > 0);
    double sum = 0;
    for (int[] row : rows) {
      sum += Evaluation.loss(network, List.of(row), 7) * (row.length - 1);
    }
    assertEquals(sum / 6, loss, 1e-6, "mean over tokens, not over rows");
  }

  @Test
  void everyRoundStatesEveryFactOnceAndFollowsFromTheStep() {
    Biographies people = Biographies.of(6, 2);
    try (ByteLevelBpe tokens = ByteLevelBpe.train(people.sentences(), 300)) {
      BiographyData data = new BiographyData(people, tokens, 8, 3);
      TrainingData.Batches batches = data.batches();
      List<int[]> third = batches.rows(2);
      String round =
          java.util.stream.Stream.of(batches.rows(0), batches.rows(1), third)
              .flatMap(List::stream)
              .map(row -> tokens.decode(row))
              .map(text -> text.substring(text.lastIndexOf(' ')))
              .sorted()
              .toList()
              .toString();
      assertEquals(
          people.facts().stream()
              .map(fact -> fact.answer())
              .map(answer -> answer.substring(answer.lastIndexOf(' ')))
              .sorted()
              .toList()
              .toString(),
          round);
      batches.rows(7);
      List<int[]> again = batches.rows(2);
      for (int i = 0; i < 8; i++) {
        assertArrayEquals(third.get(i), again.get(i));
      }
      assertEquals(3, data.steps(1));
    }
  }

  @Test
  void everyFourthPersonChoosesTheRateAndTheOthersAreReported() {
    Biographies people = Biographies.of(8, 2);
    try (ByteLevelBpe tokens = ByteLevelBpe.train(people.sentences(), 300)) {
      BiographyData data = new BiographyData(people, tokens, 8, 3);
      List<Fact> choosing = data.choosing().stream().map(Question::fact).toList();
      List<Fact> reported = data.reported().stream().map(Question::fact).toList();
      assertEquals(8, choosing.size());
      assertEquals(24, reported.size());
      assertEquals(
          people.facts().subList(16, 20), choosing.subList(4, 8), "the person with index 4");
      Set<String> both = new HashSet<>(choosing.stream().map(Fact::person).toList());
      both.retainAll(reported.stream().map(Fact::person).toList());
      assertEquals(Set.of(), both);
      Set<Fact> all = new HashSet<>(choosing);
      all.addAll(reported);
      assertEquals(new HashSet<>(people.facts()), all);
      assertEquals(24, data.heldOut().size(), "the loss is of those reported");
      assertEquals(4, data.steps(1), "all facts are trained");
    }
  }

  @Test
  void theRateIsChosenByTheChoosingPeopleAlone() {
    Biographies people = Biographies.of(8, 2);
    try (ByteLevelBpe tokens = ByteLevelBpe.train(people.sentences(), 400)) {
      BiographyData data = new BiographyData(people, tokens, 10, 2);
      ComputationGraph network =
          MemoryTransformerTest.tiny().vocabulary(tokens.vocabularySize()).build().init();
      List<int[]> stated = data.choosing().stream().map(Question::row).toList();
      for (int i = 0; i < 150; i++) {
        network.fit(TrainingData.batch(stated, data.context())); // it knows these people only
      }
      Assessment assessment = Assessment.of(network, data);
      double reported = assessment.scores().get("recall");
      assertEquals(assessment.score(), assessment.scores().get("recall that chose the rate"));
      assertTrue(assessment.score() > reported + 0.3, assessment.toString());
    }
  }
}
