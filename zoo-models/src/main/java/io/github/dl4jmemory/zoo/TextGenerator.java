package io.github.dl4jmemory.zoo;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Continues a prompt token by token with {@code rnnTimeStep}: the prompt is read once, every
 * further token costs one step.
 *
 * <p>The next token is the most probable one ({@link #greedy}), or drawn from {@code p^(1 /
 * temperature)} cut to the smallest set of most probable tokens whose sum reaches {@code topP}
 * ({@link #sampled}; Holtzman et al. 2020, arXiv 1904.09751, section 3.1). Equal probabilities go
 * to the smaller id.
 *
 * <p>Uses the network's stored state: one generator for a network at a time.
 */
public final class TextGenerator {
  private static final String OWNER = "TextGenerator";

  private final ComputationGraph network;
  private final double temperature;
  private final double topP;
  private final Random random;

  private TextGenerator(ComputationGraph network, double temperature, double topP, long seed) {
    this.network = network;
    this.temperature = temperature;
    this.topP = topP;
    this.random = new Random(seed);
  }

  /**
   * Always takes the most probable token.
   *
   * @param network a language model: one input of ids, one output of probabilities
   * @return the generator
   */
  public static TextGenerator greedy(ComputationGraph network) {
    return new TextGenerator(network, 0, 1, 0);
  }

  /**
   * Draws tokens at random.
   *
   * @param network a language model: one input of ids, one output of probabilities
   * @param temperature positive; under 1 sharpens the probabilities, over 1 flattens them
   * @param topP over 0, at most 1; 1 draws from all tokens
   * @param seed the same seed gives the same tokens
   * @return the generator
   * @throws IllegalArgumentException when temperature or topP is out of range
   */
  public static TextGenerator sampled(
      ComputationGraph network, double temperature, double topP, long seed) {
    Require.that(
        temperature > 0 && temperature < Double.POSITIVE_INFINITY,
        OWNER,
        "temperature",
        "a positive number",
        temperature,
        "use 0.8, or greedy(...) for the most probable token");
    Require.that(
        topP > 0 && topP <= 1, OWNER, "topP", "over 0 and at most 1", topP, "use 0.9, or 1");
    return new TextGenerator(network, temperature, topP, seed);
  }

  /**
   * Continues a prompt.
   *
   * @param prompt token ids, at least one
   * @param maxTokens largest number of new tokens
   * @param stopToken id that ends the text (it is not part of it), or -1
   * @param onToken told each new token as soon as it is known
   * @return the new tokens
   * @throws IllegalArgumentException when the prompt is empty or maxTokens negative
   */
  public int[] generate(int[] prompt, int maxTokens, int stopToken, IntConsumer onToken) {
    Require.that(
        prompt.length > 0, OWNER, "prompt", "at least one token", "none", "begin with end-of-text");
    Require.that(maxTokens >= 0, OWNER, "maxTokens", "at least 0", maxTokens, "use 50");
    List<Integer> tokens = new ArrayList<>();
    network.rnnClearPreviousState();
    try {
      int[] step = prompt;
      while (tokens.size() < maxTokens) {
        int next = choose(next(step));
        if (next == stopToken) {
          break;
        }
        tokens.add(next);
        onToken.accept(next);
        step = new int[] {next};
      }
    } finally {
      network.rnnClearPreviousState();
    }
    return tokens.stream().mapToInt(Integer::intValue).toArray();
  }

  private double[] next(int[] ids) {
    INDArray probabilities =
        network.rnnTimeStep(Nd4j.createFromArray(ids).reshape(1, ids.length))[0];
    return probabilities.slice(0).slice(probabilities.size(1) - 1).toDoubleVector();
  }

  private int choose(double[] p) {
    if (temperature == 0) {
      return IntStream.range(0, p.length).reduce((a, b) -> p[b] > p[a] ? b : a).orElseThrow();
    }
    double most = IntStream.range(0, p.length).mapToDouble(i -> p[i]).max().orElseThrow();
    double[] weight = new double[p.length];
    double sum = 0;
    for (int i = 0; i < p.length; i++) {
      weight[i] = Math.pow(p[i] / most, 1 / temperature);
      sum += weight[i];
    }
    return draw(weight, sum);
  }

  private int draw(double[] weight, double sum) {
    List<Integer> order =
        IntStream.range(0, weight.length)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer i) -> -weight[i]))
            .toList();
    int kept = 0;
    double mass = 0;
    while (kept < order.size() && (kept == 0 || mass < topP * sum)) {
      mass += weight[order.get(kept++)];
    }
    double left = random.nextDouble() * mass;
    for (int i = 0; i < kept - 1; i++) {
      left -= weight[order.get(i)];
      if (left < 0) {
        return order.get(i);
      }
    }
    return order.get(kept - 1);
  }
}
