package io.github.dl4jmemory.layers;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Which experts the tokens of a step go to, and how much of each. A <i>row</i> is one token on its
 * way through one expert: there are tokens * topK of them, sorted by expert, then by token.
 *
 * @param <A> float[] or double[]
 */
final class ExpertRouting<A> {

  private static final int CHUNK = 64; // tokens

  private final Reals<A> reals;
  private final int experts;
  private final int topK;
  private final boolean normalize;

  private int tokens;
  private A p; // [tokens, experts], the router's probabilities
  private int[] chosen = {}; // [tokens, topK], the best first
  private int[] rowOf = {}; // [tokens, topK]
  private int[] tokenOf = {}; // of a row
  private double[] weight = {}; // of a row
  private int[] starts = {}; // rows of expert e: starts[e] to starts[e + 1]

  ExpertRouting(Reals<A> reals, MixtureOfExperts layer) {
    this.reals = reals;
    experts = layer.getExperts();
    topK = layer.getTopK();
    normalize = layer.isNormalizeTopK();
  }

  /** Routes the tokens whose scores [tokens, experts] these are. */
  void route(String layer, INDArray scores) {
    tokens = Math.toIntExact(scores.size(0));
    p = reals.atLeast(p, scores.length());
    reals.read(scores, p);
    int rows = tokens * topK;
    chosen = chosen.length == rows ? chosen : new int[rows];
    Parallel.forEach(chunks(), chunk -> forTokens(chunk, this::choose));
    for (int token = 0; token < tokens; token++) {
      double best = reals.get(p, token * experts + chosen[token * topK]);
      Require.that(
          best > 0, // not if any score is NaN, or the best infinite
          layer,
          "router scores",
          "finite numbers",
          "NaN or infinity for token " + token,
          "look for NaN in the input, or lower the learning rate");
    }
    sort();
    Parallel.forEach(chunks(), chunk -> forTokens(chunk, this::weigh));
  }

  private interface Token {
    void visit(int token);
  }

  private int chunks() {
    return (tokens + CHUNK - 1) / CHUNK;
  }

  private void forTokens(int chunk, Token action) {
    for (int t = chunk * CHUNK; t < Math.min(tokens, (chunk + 1) * CHUNK); t++) {
      action.visit(t);
    }
  }

  /** The experts of the largest scores, of equal ones the lower; then the softmax, in place. */
  private void choose(int token) {
    int scores = token * experts;
    int first = token * topK;
    for (int expert = 0; expert < experts; expert++) {
      double score = reals.get(p, scores + expert);
      int rank = Math.min(expert, topK);
      while (rank > 0 && score > reals.get(p, scores + chosen[first + rank - 1])) {
        if (rank < topK) {
          chosen[first + rank] = chosen[first + rank - 1];
        }
        rank--;
      }
      if (rank < topK) {
        chosen[first + rank] = expert;
      }
    }
    reals.softmax(p, scores, experts);
  }

  /** Counting sort of the rows by expert. */
  private void sort() {
    int rows = chosen.length;
    rowOf = rowOf.length == rows ? rowOf : new int[rows];
    tokenOf = tokenOf.length == rows ? tokenOf : new int[rows];
    weight = weight.length == rows ? weight : new double[rows];
    starts = new int[experts + 1];
    for (int expert : chosen) {
      starts[expert + 1]++;
    }
    for (int expert = 0; expert < experts; expert++) {
      starts[expert + 1] += starts[expert];
    }
    int[] next = starts.clone();
    for (int i = 0; i < rows; i++) {
      rowOf[i] = next[chosen[i]]++;
      tokenOf[rowOf[i]] = i / topK;
    }
  }

  private void weigh(int token) {
    double sum = normalize ? chosenSum(token) : 1;
    for (int i = token * topK; i < (token + 1) * topK; i++) {
      weight[rowOf[i]] = reals.get(p, token * experts + chosen[i]) / sum;
    }
  }

  private double chosenSum(int token) {
    double sum = 0;
    for (int i = token * topK; i < (token + 1) * topK; i++) {
      sum += reals.get(p, token * experts + chosen[i]);
    }
    return sum;
  }

  int rows() {
    return chosen.length;
  }

  /** First row of an expert; of the number of experts: all rows. */
  int start(int expert) {
    return starts[expert];
  }

  /** First rows of the experts, and at the end the number of rows, as LONG. */
  INDArray starts() {
    return Nd4j.createFromArray(Arrays.stream(starts).asLongStream().toArray());
  }

  /** Whether the experts that have rows have at most so many, on average. */
  boolean hasFewRows(int few) {
    return rows()
        <= few * IntStream.range(0, experts).filter(e -> starts[e] < starts[e + 1]).count();
  }

  double weight(int row) {
    return weight[row];
  }

  /** The tokens' values, one line a row: [tokens, n] to [rows, n]. */
  INDArray gather(INDArray ofTokens) {
    return Nd4j.pullRows(ofTokens, 1, tokenOf, 'c');
  }

  /** out = the sum over the rows of each token: [rows, n] to [tokens, n]. */
  void sum(INDArray ofRows, INDArray out) {
    int[] rank = new int[tokens];
    for (int k = 0; k < topK; k++) {
      for (int token = 0; token < tokens; token++) {
        rank[token] = rowOf[token * topK + k];
      }
      if (k == 0) {
        Nd4j.pullRows(ofRows, out, 1, rank);
      } else {
        out.addi(Nd4j.pullRows(ofRows, 1, rank, 'c'));
      }
    }
  }

  // ------------------------------------------------------------------------------------ the losses

  /** experts * sum over experts of their share of the rows times their mean probability. */
  double imbalance() {
    double[] means = new double[experts];
    for (int token = 0; token < tokens; token++) {
      for (int expert = 0; expert < experts; expert++) {
        means[expert] += reals.get(p, token * experts + expert) / tokens;
      }
    }
    double sum = 0;
    for (int expert = 0; expert < experts; expert++) {
      sum += share(expert) * means[expert];
    }
    return experts * sum;
  }

  private double share(int expert) {
    return (starts[expert + 1] - starts[expert]) / (double) rows();
  }

  /**
   * Gradient of the scores that {@link #route} was given.
   *
   * @param weightGradients of the rows
   * @param balance factor of {@link #imbalance} in the loss
   * @param to [tokens, experts], to be assigned
   */
  void scoreGradient(double[] weightGradients, double balance, INDArray to) {
    A gradient = reals.allocate(tokens * experts);
    double[] ofMeans = new double[experts];
    Arrays.setAll(ofMeans, expert -> balance * experts * share(expert) / tokens);
    Parallel.forEach(
        chunks(),
        chunk -> forTokens(chunk, t -> scoreGradient(t, weightGradients, ofMeans, gradient)));
    reals.write(gradient, to);
  }

  private void scoreGradient(int token, double[] weightGradients, double[] ofMeans, A gradient) {
    int at = token * experts;
    for (int expert = 0; expert < experts; expert++) {
      reals.set(gradient, at + expert, ofMeans[expert]);
    }
    double sum = normalize ? chosenSum(token) : 1;
    double mean = normalize ? meanGradient(token, weightGradients) : 0;
    for (int i = token * topK; i < (token + 1) * topK; i++) {
      double own = (weightGradients[rowOf[i]] - mean) / sum;
      reals.set(gradient, at + chosen[i], ofMeans[chosen[i]] + own);
    }
    reals.softmaxBackward(p, at, gradient, at, experts, 1);
  }

  /** Mean of the gradients of a token's weights, by those weights, which sum to 1. */
  private double meanGradient(int token, double[] weightGradients) {
    double mean = 0;
    for (int i = token * topK; i < (token + 1) * topK; i++) {
      mean += weight[rowOf[i]] * weightGradients[rowOf[i]];
    }
    return mean;
  }
}
