package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.zoo.BiographyData.Question;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
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
      new Trainer(data, 250, () -> false, true).train("", network, Progress.start());
      int right = 0;
      for (Question question : data.questions()) {
        int[] given =
            TextGenerator.greedy(network)
                .generate(question.prompt(), question.answer().length, -1, t -> {});
        right += Arrays.equals(given, question.answer()) ? 1 : 0;
      }
      Map<String, Double> recall = Evaluation.recall(network, data.questions(), data.context());
      assertEquals(right / 12.0, recall.get("recall"), 1e-12);
      assertTrue(right > 0, "none right: the comparison would say nothing");
      assertEquals(8, Evaluation.answers(network, data.questions(), tokens, 8).size());
    }
  }

  @Test
  void usageOfSlots() {
    assertEquals(0.5, SlotUsage.share(new double[] {0, 2, 0, 1}));
    assertEquals(Math.log(4), SlotUsage.entropy(new double[] {3, 3, 3, 3}), 1e-12);
    assertEquals(0, SlotUsage.entropy(new double[] {0, 3, 0, 0}), 1e-12);
    ComputationGraph network = MemoryTransformerTest.tiny().build().init();
    SlotUsage usage = SlotUsage.of(network, List.of(new int[] {1, 2, 3}), 7);
    assertTrue(usage.shareUsed() > 0 && usage.shareUsed() <= 7 * 6 / 121.0, usage.toString());
    assertTrue(usage.entropy() > 0 && usage.entropy() < 1, usage.toString());
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
      List<int[]> third = data.rows(2);
      String round =
          java.util.stream.Stream.of(data.rows(0), data.rows(1), third)
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
      data.rows(7);
      List<int[]> again = data.rows(2);
      for (int i = 0; i < 8; i++) {
        assertArrayEquals(third.get(i), again.get(i));
      }
      assertEquals(3, data.steps(1));
      assertEquals(24, data.heldOut().size());
    }
  }
}
