package io.github.dl4jmemory.ops;

import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.ProductKeyOracle;
import java.util.List;
import java.util.Random;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A small memory as a SameDiff graph: lookup, softmax, bag, sum of squares. */
record MemoryGraph(INDArray query, INDArray subKeys, INDArray values, int topK) {

  static final int TOP_K = 3;
  private static final int BATCH = 3;
  private static final int HEADS = 2;
  private static final int N = 5;
  private static final int KEY_SIZE = 14;
  private static final int VALUE_SIZE = 11;

  /** Random, with scores so far apart that a small step changes no choice of slots. */
  static MemoryGraph random(Random random, DataType type) {
    while (true) {
      MemoryGraph graph =
          new MemoryGraph(
              Elements.uniform(random, type, BATCH, HEADS, KEY_SIZE),
              Elements.uniform(random, type, HEADS, 2, N, KEY_SIZE / 2),
              Elements.uniform(random, type, N * N, VALUE_SIZE),
              TOP_K);
      if (graph.isFarFromTies()) {
        return graph;
      }
    }
  }

  private boolean isFarFromTies() {
    for (double[][] half : ProductKeyOracle.halfScores(query, subKeys)) {
      double[] best = ProductKeyOracle.bestSums(half, topK + 1, DataType.DOUBLE);
      for (int i = 0; i < topK; i++) {
        if (best[i] - best[i + 1] < 1e-3) {
          return false;
        }
      }
    }
    return true;
  }

  /** Variables query, subKeys and values; outputs scores, slots, bag and loss. */
  SameDiff build() {
    SameDiff sd = SameDiff.create();
    SDVariable values = sd.var("values", this.values.dup());
    SDVariable[] top =
        SDMemory.productKeyTopK(
            sd, "top", sd.var("query", query.dup()), sd.var("subKeys", subKeys.dup()), topK);
    SDVariable weights = sd.nn.softmax(top[0]).reshape(BATCH * HEADS, topK);
    SDVariable slots = top[1].reshape(BATCH * HEADS, topK);
    SDVariable bag = SDMemory.weightedBag(sd, "bag", values, slots, weights);
    bag.mul(bag).sum().rename("loss");
    sd.setLossVariables("loss");
    return sd;
  }

  static List<String> variables() {
    return List.of("query", "subKeys", "values");
  }
}
