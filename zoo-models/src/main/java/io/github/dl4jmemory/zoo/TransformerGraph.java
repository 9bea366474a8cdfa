package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.CausalAttention;
import io.github.dl4jmemory.layers.IntervalMarks;
import io.github.dl4jmemory.layers.MemoryPool;
import io.github.dl4jmemory.layers.MixtureOfExperts;
import io.github.dl4jmemory.layers.NextTokenOutput;
import io.github.dl4jmemory.layers.PooledMemory;
import io.github.dl4jmemory.layers.ProductKeyMemory;
import io.github.dl4jmemory.layers.RmsNorm;
import io.github.dl4jmemory.layers.SeparatorAttention;
import io.github.dl4jmemory.layers.SeparatorMarks;
import io.github.dl4jmemory.layers.SkipMemories;
import io.github.dl4jmemory.layers.SwiGlu;
import io.github.dl4jmemory.layers.TokenEmbedding;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.weights.WeightInit;
import org.nd4j.linalg.learning.config.Adam;

/**
 * The graph of a {@link MemoryTransformer} or {@link MoeTransformer}.
 *
 * @param experts of the feed-forward layers; null where they have none
 * @param memories beside the blocks; null where there are none
 */
record TransformerGraph(
    TransformerSettings settings, ExpertSettings experts, SkipSettings memories) {
  private static final String POOL = "pool";
  private static final String SEPARATORS = "separators";

  /** Uniform in ±1/sqrt(inputs): layers that add to a residual stream begin small. */
  private static final WeightInit SMALL = WeightInit.UNIFORM;

  /** Of the second moment; a row of a table is seen rarely, so that its mean has to be long. */
  private static final double BETA2 = 0.98;

  private static final double VALUES_BETA2 = 0.999;

  ComputationGraphConfiguration conf() {
    GraphBuilder graph =
        new NeuralNetConfiguration.Builder()
            .seed(settings.seed())
            .dataType(settings.dataType())
            .updater(adam(settings.learningRate(), BETA2))
            .graphBuilder()
            .addInputs("ids")
            .setInputTypes(InputType.recurrent(1))
            .addLayer("embedding", embedding(), "ids");
    if (settings.sharedPool()) {
      graph.addLayer(POOL, pool(), "ids");
    }
    if (settings.attention() != null) {
      graph.addLayer(SEPARATORS, separators(), "ids");
    }
    String last = "embedding";
    for (int block = 0; block < settings.layers(); block++) {
      last = block(graph, block, last);
    }
    graph
        .addLayer("norm", RmsNorm.builder().build(), last)
        .addLayer(
            "next", NextTokenOutput.builder().vocabulary(settings.vocabulary()).build(), "norm")
        .setOutputs("next");
    if (memories != null) {
      SkipMemories.addTo(graph, memories.asynchronous(), memories.places());
    }
    return graph.build();
  }

  private TokenEmbedding embedding() {
    return TokenEmbedding.builder()
        .vocabulary(settings.vocabulary())
        .nOut(settings.model())
        .weightInit(WeightInit.VAR_SCALING_NORMAL_FAN_OUT) // variance 1 / model
        .build();
  }

  private String block(GraphBuilder graph, int block, String in) {
    String attended = "attended" + block;
    String normed = "feedForwardNorm" + block;
    graph.addLayer("attentionNorm" + block, RmsNorm.builder().build(), in);
    addAttention(graph, block, "attentionNorm" + block);
    graph
        .addVertex(attended, add(), in, "attention" + block)
        .addLayer(normed, RmsNorm.builder().build(), attended);
    if (settings.hasFeedForward(block)) {
      graph.addLayer("feedForward" + block, feedForward(), normed);
    }
    if (settings.hasMemory(block)) {
      addMemory(graph, "memory" + block, normed);
    }
    String out = "block" + block;
    if (settings.hasFeedForward(block) && settings.hasMemory(block)) {
      graph.addVertex(out, add(), attended, "feedForward" + block, "memory" + block);
    } else {
      graph.addVertex(
          out, add(), attended, (settings.hasMemory(block) ? "memory" : "feedForward") + block);
    }
    return out;
  }

  private void addAttention(GraphBuilder graph, int block, String in) {
    String name = "attention" + block;
    if (settings.attention() == null) {
      graph.addLayer(
          name, CausalAttention.builder().heads(settings.heads()).weightInit(SMALL).build(), in);
    } else {
      SeparatorAttention.builder()
          .heads(settings.heads())
          .initial(settings.attention().initial())
          .window(settings.attention().window(block))
          .weightInit(SMALL)
          .build()
          .addTo(graph, name, in, SEPARATORS);
    }
  }

  private Layer separators() {
    SeparatorSettings attention = settings.attention();
    if (attention.atIntervals()) {
      return IntervalMarks.builder()
          .interval(attention.interval())
          .initial(attention.initial())
          .build();
    }
    int[] ids = attention.separators().stream().mapToInt(id -> id).toArray();
    return SeparatorMarks.builder().separators(ids).build();
  }

  private Layer feedForward() {
    if (experts == null) {
      return SwiGlu.builder().hiddenSize(settings.hidden()).weightInit(SMALL).build();
    }
    return MixtureOfExperts.builder()
        .experts(experts.experts())
        .topK(experts.topK())
        .normalizeTopK(experts.normalizeTopK())
        .balanceLoss(experts.balanceLoss())
        .hiddenSize(settings.hidden())
        .weightInit(SMALL)
        .build();
  }

  private static ElementWiseVertex add() {
    return new ElementWiseVertex(ElementWiseVertex.Op.Add);
  }

  private MemoryPool pool() {
    return MemoryPool.builder()
        .subKeys(settings.subKeys())
        .valueSize(settings.valueWidth())
        .valuesUpdater(adam(settings.valueLearningRate(), VALUES_BETA2))
        .build();
  }

  private void addMemory(GraphBuilder graph, String name, String in) {
    if (settings.sharedPool()) {
      PooledMemory.builder()
          .nOut(settings.model())
          .heads(settings.memoryHeads())
          .keySize(settings.keySize())
          .topK(settings.topK())
          .queryBatchNorm(settings.queryBatchNorm())
          .build()
          .addTo(graph, name, in, POOL);
    } else {
      graph.addLayer(name, memory(), in);
    }
  }

  private ProductKeyMemory memory() {
    return ProductKeyMemory.builder()
        .nOut(settings.model())
        .heads(settings.memoryHeads())
        .subKeys(settings.subKeys())
        .keySize(settings.keySize())
        .topK(settings.topK())
        .queryBatchNorm(settings.queryBatchNorm())
        .valueSize(settings.valueWidth())
        .valuesUpdater(adam(settings.valueLearningRate(), VALUES_BETA2))
        .build();
  }

  private Adam adam(double learningRate, double beta2) {
    Adam.Builder adam = Adam.builder().learningRate(learningRate).beta1(0.9).beta2(beta2);
    return settings.steps() == 0
        ? adam.build()
        : adam.learningRateSchedule(
                new WarmupDecay(learningRate, settings.warmup(), settings.steps()))
            .build();
  }
}
