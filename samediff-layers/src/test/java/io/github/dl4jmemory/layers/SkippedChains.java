package io.github.dl4jmemory.layers;

import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.activations.impl.ActivationTanH;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** Graphs with memories beside a chain in - block0 - ... - block4 - out of 5 features each. */
final class SkippedChains {

  static final int BLOCKS = 5;

  private SkippedChains() {}

  /** Rank 2; what the third block does beside its own work is the probe's. */
  static GraphBuilder dense(DataType type, Probe probe) {
    GraphBuilder graph = empty(type, InputType.feedForward(Networks.IN));
    String last = "in";
    for (int block = 0; block < BLOCKS; block++) {
      DenseLayer.Builder layer = new DenseLayer.Builder().nOut(5).activation(Activation.TANH);
      if (block == 2) {
        layer.activation(probe);
      }
      graph.addLayer("block" + block, layer.build(), last);
      last = "block" + block;
    }
    return graph.addLayer("out", Networks.output(), last).setOutputs("out");
  }

  static GraphBuilder sequences(DataType type, RNNFormat format) {
    GraphBuilder graph = empty(type, InputType.recurrent(Networks.IN, format));
    String last = "in";
    for (int block = 0; block < BLOCKS; block++) {
      graph.addLayer("block" + block, SwiGlu.builder().nOut(5).hiddenSize(7).build(), last);
      last = "block" + block;
    }
    return graph
        .addLayer(
            "out",
            new RnnOutputLayer.Builder(LossFunctions.LossFunction.MSE)
                .nOut(Networks.OUT)
                .dataFormat(format)
                .activation(Activation.IDENTITY)
                .build(),
            last)
        .setOutputs("out");
  }

  private static GraphBuilder empty(DataType type, InputType input) {
    return Networks.settings(type, new Adam(1e-2))
        .graphBuilder()
        .addInputs("in")
        .setInputTypes(input);
  }

  /** Two that overlap, two that begin together, two that end together, one of one block. */
  static SkipMemories.Span[] spans(TuckerMemory memory) {
    return new SkipMemories.Span[] {
      new SkipMemories.Span("m0", "block0", "block2", memory),
      new SkipMemories.Span("m1", "block1", "block3", memory),
      new SkipMemories.Span("m2", "block0", "block3", TuckerMemories.second().build()),
      new SkipMemories.Span("m3", "block2", "block2", TuckerMemories.first().build())
    };
  }

  /** The network of memories that work in their turn, and the same of asynchronous ones. */
  static List<ComputationGraph> both(Supplier<GraphBuilder> graph, SkipMemories.Span... spans) {
    return List.of(network(graph.get(), false, spans), network(graph.get(), true, spans));
  }

  static ComputationGraph network(
      GraphBuilder graph, boolean asynchronous, SkipMemories.Span... spans) {
    SkipMemories.addTo(graph, asynchronous, spans);
    ComputationGraph network = new ComputationGraph(graph.build());
    network.init();
    return network;
  }

  static TuckerMemoryRuntime memory(ComputationGraph network, String name) {
    return (TuckerMemoryRuntime) PoolLinkVertex.inside(network.getLayer(name));
  }

  /** A hyperbolic tangent that tells of its use. */
  static final class Probe extends ActivationTanH {
    private static final long serialVersionUID = 1L;
    private final transient Runnable forward;
    private final transient Runnable backward;

    Probe(Runnable forward, Runnable backward) {
      this.forward = forward;
      this.backward = backward;
    }

    @Override
    public INDArray getActivation(INDArray in, boolean training) {
      forward.run();
      return super.getActivation(in, training);
    }

    @Override
    public Pair<INDArray, INDArray> backprop(INDArray in, INDArray epsilon) {
      backward.run();
      return super.backprop(in, epsilon);
    }
  }

  /** An UltraMem that tells when it looks up, and when its gradients get to the scores. */
  static final class ProbedMemory extends TuckerMemory {
    private static final long serialVersionUID = 1L;
    private final transient Runnable lookup;
    private final transient Runnable backward;
    private boolean lookedUp;

    ProbedMemory(Runnable lookup, Runnable backward) {
      super(TuckerMemories.first());
      this.lookup = lookup;
      this.backward = backward;
    }

    /** Asked for in a lookup, before the next. */
    @Override
    public int getPermutationSeed() {
      lookedUp = true;
      lookup.run();
      return super.getPermutationSeed();
    }

    /** Asked for in a lookup and in a backward pass. */
    @Override
    public boolean isSoftmax() {
      if (!lookedUp) {
        backward.run();
      }
      lookedUp = false;
      return false;
    }

    @Override
    long rankKeySize() {
      return getKeySize() / getRank();
    }

    @Override
    int outputBlocks() {
      return getExpansion();
    }

    @Override
    long preValueWidth() {
      return 0;
    }

    @Override
    long defaultValueSize() {
      return 2;
    }

    @Override
    void initializeValues(Map<String, INDArray> params, StartingScores scores) {
      ProductKeyLookup.normal(params.get(VALUES), 1);
      ProductKeyLookup.normal(params.get(OUTPUT), 1);
    }

    @Override
    double valuesDeviation(StartingScores scores) {
      return 1;
    }
  }
}
