package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.PooledMemory;
import io.github.dl4jmemory.layers.ProductKeyLookup;
import io.github.dl4jmemory.ops.MemoryOps;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * How evenly the slots of the memories are read.
 *
 * @param shareUsed slots read at least once, of all
 * @param entropy of the distribution of the weights over slots, as a share of its largest value
 *     log(slots); 1 when all slots are read alike (Lample et al. 2019, section 4.5, have KL
 *     instead)
 */
record SlotUsage(double shareUsed, double entropy) {
  private static final int ROWS = 256;
  private static final double EPSILON = 1e-6; // of the query and key norms

  /** Mean over all tables of the network, each read by all its memories, reading these rows. */
  static SlotUsage of(ComputationGraph network, List<int[]> rows, int context) {
    Map<String, double[]> tables = new LinkedHashMap<>();
    for (Layer layer : network.getLayers()) {
      if (layer.conf().getLayer() instanceof ProductKeyLookup memory) {
        int slots = Math.toIntExact(memory.getSubKeys() * memory.getSubKeys());
        double[] weights =
            tables.computeIfAbsent(table(network, memory), name -> new double[slots]);
        addWeights(weights, network, layer, memory, rows, context);
      }
    }
    double used = tables.values().stream().mapToDouble(SlotUsage::share).average().orElseThrow();
    double entropy =
        tables.values().stream()
            .mapToDouble(weights -> entropy(weights) / Math.log(weights.length))
            .average()
            .orElseThrow();
    return new SlotUsage(used, entropy);
  }

  static boolean hasMemory(ComputationGraph network) {
    return java.util.Arrays.stream(network.getLayers())
        .anyMatch(layer -> layer.conf().getLayer() instanceof ProductKeyLookup);
  }

  /** The layer that owns the table: the memory itself, or its pool. */
  private static String table(ComputationGraph network, ProductKeyLookup memory) {
    if (memory instanceof PooledMemory) {
      Map<String, List<String>> inputs = network.getConfiguration().getVertexInputs();
      String link = inputs.get(memory.getLayerName()).get(0); // of the reader's input and its pool
      return inputs.get(link).get(1);
    }
    return memory.getLayerName();
  }

  static double share(double[] weights) {
    long read = java.util.Arrays.stream(weights).filter(w -> w > 0).count();
    return read / (double) weights.length;
  }

  /** In nats. */
  static double entropy(double[] weights) {
    double sum = java.util.Arrays.stream(weights).sum();
    double entropy = 0;
    for (double w : weights) {
      entropy -= w > 0 ? w / sum * Math.log(w / sum) : 0;
    }
    return entropy;
  }

  private static void addWeights(
      double[] weights,
      ComputationGraph network,
      Layer layer,
      ProductKeyLookup memory,
      List<int[]> rows,
      int context) {
    String input = network.getConfiguration().getVertexInputs().get(memory.getLayerName()).get(0);
    INDArray keys = keys(layer, memory);
    for (int from = 0; from < rows.size(); from += ROWS) {
      List<int[]> part = rows.subList(from, Math.min(rows.size(), from + ROWS));
      INDArray ids = TrainingData.batch(part, context).getFeatures(0);
      Map<String, INDArray> activations = network.feedForward(new INDArray[] {ids}, false);
      INDArray query = query(activations.get(input), layer, memory);
      add(weights, MemoryOps.productKeyTopK(query, keys, memory.getTopK()));
    }
  }

  private static INDArray query(INDArray x, Layer layer, ProductKeyLookup memory) {
    INDArray query =
        x.dup('c').reshape('c', -1, memory.getNIn()).mmul(layer.getParam("Wq")).dup('c');
    long half = memory.getKeySize() / 2;
    INDArray halves = query.reshape('c', query.size(0) * memory.getHeads() * 2, half);
    return (memory.isQueryKeyNorm() ? unit(halves) : halves)
        .reshape('c', query.size(0), memory.getHeads(), memory.getKeySize());
  }

  private static INDArray keys(Layer layer, ProductKeyLookup memory) {
    INDArray keys = layer.getParam("K");
    if (!memory.isQueryKeyNorm()) {
      return keys;
    }
    long half = memory.getKeySize() / 2;
    INDArray normed =
        unit(keys.dup('c').reshape('c', keys.length() / half, half))
            .reshape('c', memory.getHeads(), 2, memory.getSubKeys(), half);
    INDArray gain = layer.getParam("g").dup('c').reshape('c', memory.getHeads(), 2, 1, half);
    return normed.mul(gain.broadcast(normed.shape())).div(Math.sqrt(half));
  }

  private static INDArray unit(INDArray rows) {
    INDArray meanSquare = rows.mul(rows).mean(true, 1).addi(EPSILON);
    return rows.div(
        org.nd4j.linalg.ops.transforms.Transforms.sqrt(meanSquare).broadcast(rows.shape()));
  }

  private static void add(double[] weights, MemoryOps.TopK read) {
    long[] slots = read.slots().dup('c').data().asLong();
    double[] scores = read.scores().dup('c').data().asDouble();
    int topK = Math.toIntExact(read.slots().size(2));
    for (int from = 0; from < slots.length; from += topK) {
      double sum = 0;
      for (int i = from; i < from + topK; i++) {
        sum += Math.exp(scores[i] - scores[from]);
      }
      for (int i = from; i < from + topK; i++) {
        weights[(int) slots[i]] += Math.exp(scores[i] - scores[from]) / sum;
      }
    }
  }
}
