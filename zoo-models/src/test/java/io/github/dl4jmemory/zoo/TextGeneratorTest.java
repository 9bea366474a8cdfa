package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.factory.Nd4j;

class TextGeneratorTest {
  private static final int[] PROMPT = {4, 9, 1};

  private static ComputationGraph network() {
    return MemoryTransformerTest.tiny().build().init();
  }

  @Test
  void greedyIsTheArgmaxOfTheFullForwardPass() {
    greedyIsTheArgmax(network());
  }

  @Test
  void greedyIsTheArgmaxOfTheFullForwardPassWithASharedPool() {
    greedyIsTheArgmax(
        MemoryTransformerTest.tiny().memoryBlocks(0, 2).sharedPool(true).build().init());
  }

  private static void greedyIsTheArgmax(ComputationGraph network) {
    for (int[] prompt : new int[][] {{4, 9, 1}, {22}, {7, 3}, {0, 5, 11, 13, 2}, {18, 6, 17}}) {
      List<Integer> streamed = new ArrayList<>();
      int[] generated = TextGenerator.greedy(network).generate(prompt, 9, -1, streamed::add);
      int[] text = prompt;
      for (int token : generated) {
        int[] full =
            network
                .outputSingle(Nd4j.createFromArray(text).reshape(1, text.length))
                .argMax(2)
                .toIntVector();
        assertEquals(full[full.length - 1], token, "after " + Arrays.toString(text));
        text = IntStream.concat(IntStream.of(text), IntStream.of(token)).toArray();
      }
      assertEquals(9, generated.length);
      assertEquals(streamed, Arrays.stream(generated).boxed().toList());
    }
  }

  @Test
  void sameSeedSameTokens() {
    ComputationGraph network = network();
    int[] one = TextGenerator.sampled(network, 2, 1, 5).generate(PROMPT, 30, -1, t -> {});
    int[] two = TextGenerator.sampled(network, 2, 1, 5).generate(PROMPT, 30, -1, t -> {});
    int[] other = TextGenerator.sampled(network, 2, 1, 6).generate(PROMPT, 30, -1, t -> {});
    assertArrayEquals(one, two);
    assertNotEquals(Arrays.toString(one), Arrays.toString(other));
  }

  @Test
  void coldOrNarrowSamplingIsGreedy() {
    ComputationGraph network = network();
    int[] greedy = TextGenerator.greedy(network).generate(PROMPT, 12, -1, t -> {});
    assertArrayEquals(
        greedy, TextGenerator.sampled(network, 1e-4, 1, 7).generate(PROMPT, 12, -1, t -> {}));
    assertArrayEquals(
        greedy, TextGenerator.sampled(network, 1, 1e-9, 7).generate(PROMPT, 12, -1, t -> {}));
  }

  @Test
  void hotSamplingReachesManyTokens() {
    long kinds =
        Arrays.stream(
                TextGenerator.sampled(network(), 100, 1, 7).generate(PROMPT, 200, -1, t -> {}))
            .distinct()
            .count();
    assertTrue(kinds > 15, kinds + " of 23 tokens");
  }

  @Test
  void stopsAtTheStopTokenWithoutIt() {
    ComputationGraph network = network();
    int[] free = TextGenerator.greedy(network).generate(PROMPT, 5, -1, t -> {});
    int[] stopped = TextGenerator.greedy(network).generate(PROMPT, 5, free[0], t -> {});
    assertEquals(0, stopped.length);
    assertEquals(0, TextGenerator.greedy(network).generate(PROMPT, 0, -1, t -> {}).length);
  }

  @Test
  void refusesBadArguments() {
    ComputationGraph network = network();
    refuses(
        "[TextGenerator] temperature: expected a positive number, got 0.0. Fix: use 0.8, or"
            + " greedy(...) for the most probable token.",
        () -> TextGenerator.sampled(network, 0, 1, 1));
    refuses(
        "[TextGenerator] topP: expected over 0 and at most 1, got 1.5. Fix: use 0.9, or 1.",
        () -> TextGenerator.sampled(network, 1, 1.5, 1));
    refuses(
        "[TextGenerator] prompt: expected at least one token, got none. Fix: begin with"
            + " end-of-text.",
        () -> TextGenerator.greedy(network).generate(new int[0], 1, -1, t -> {}));
    refuses(
        "[TextGenerator] maxTokens: expected at least 0, got -1. Fix: use 50.",
        () -> TextGenerator.greedy(network).generate(PROMPT, -1, -1, t -> {}));
  }

  private static void refuses(String message, org.junit.jupiter.api.function.Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }
}
