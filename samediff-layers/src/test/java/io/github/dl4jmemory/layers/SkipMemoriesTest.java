package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.ops.transforms.Transforms;

@ExtendWith(Seeded.class)
class SkipMemoriesTest {

  private static final int BLOCKS = 5;

  /** in - block0 - ... - block4 - out, each of 5 features. */
  private static GraphBuilder chain() {
    GraphBuilder graph =
        Networks.settings(DataType.DOUBLE, new NoOp())
            .graphBuilder()
            .addInputs("in")
            .setInputTypes(InputType.feedForward(Networks.IN));
    String last = "in";
    for (int block = 0; block < BLOCKS; block++) {
      String name = "block" + block;
      graph.addLayer(
          name, new DenseLayer.Builder().nOut(5).activation(Activation.TANH).build(), last);
      last = name;
    }
    return graph.addLayer("out", Networks.output(), last).setOutputs("out");
  }

  private static TuckerMemory memory(int seed) {
    return TuckerMemories.first().permutationSeed(seed).valuesUpdater(new NoOp()).build();
  }

  private static ComputationGraph network(GraphBuilder graph) {
    ComputationGraph network = new ComputationGraph(graph.build());
    network.init();
    return network;
  }

  /** Two spans that overlap, one inside of both, two that end together, one of a single vertex. */
  @Test
  void overlappingSpansEqualTheSumsByHand(Random random) {
    GraphBuilder graph = chain();
    SkipMemories.addTo(
        graph,
        new SkipMemories.Span("m0", "block0", "block2", memory(1)),
        new SkipMemories.Span("m1", "block1", "block3", memory(2)),
        new SkipMemories.Span("m2", "in", "block3", memory(3)),
        new SkipMemories.Span("m3", "block2", "block2", TuckerMemories.second().build()));
    ComputationGraph network = network(graph);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, 7, Networks.IN);
    Map<String, INDArray> got = new HashMap<>();
    network.feedForward(new INDArray[] {x}, false, true).forEach((k, v) -> got.put(k, v.dup()));

    INDArray block0 = dense(network, "block0", x);
    INDArray block1 = dense(network, "block1", block0);
    INDArray block2 = dense(network, "block2", block1);
    INDArray m0 = read(network, "m0", block0);
    INDArray m3 = read(network, "m3", block2);
    INDArray block3 = dense(network, "block3", block2.add(m0).add(m3));
    INDArray m1 = read(network, "m1", block1);
    INDArray m2 = read(network, "m2", x);
    INDArray block4 = dense(network, "block4", block3.add(m1).add(m2));
    AssertClose.close("block3", block3, got.get("block3"), 1e-12);
    AssertClose.close("block4", block4, got.get("block4"), 1e-12);
  }

  @Test
  void gradientsReachEveryMemory() {
    GraphBuilder graph = chain();
    SkipMemories.addTo(
        graph,
        new SkipMemories.Span("m0", "block0", "block2", memory(1)),
        new SkipMemories.Span("m1", "block1", "block3", memory(2)));
    Random random = new Random(5);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, 5, Networks.IN);
    INDArray y = Elements.uniform(random, DataType.DOUBLE, 5, Networks.OUT);
    MultiDataSet data = new MultiDataSet(new INDArray[] {x}, new INDArray[] {y});
    AssertGradient.of(network(graph), data, Set.of("m0_F", "m1_F"));
  }

  /** DL4J's dropout holds the mask of a pass: every copy of a layer needs one of its own. */
  @Test
  void memoriesOfOneConfigurationDropOutEachForItself(Random random) {
    TuckerMemory memory = TuckerMemories.first().dropOut(0.7).valuesUpdater(new NoOp()).build();
    GraphBuilder graph = chain();
    SkipMemories.addTo(
        graph,
        new SkipMemories.Span("m0", "block0", "block2", memory),
        new SkipMemories.Span("m1", "block1", "block3", memory));
    ComputationGraph network = network(graph);
    INDArray x = Elements.uniform(random, DataType.DOUBLE, 5, Networks.IN);
    INDArray y = Elements.uniform(random, DataType.DOUBLE, 5, Networks.OUT);
    network.fit(new MultiDataSet(new INDArray[] {x}, new INDArray[] {y}));
    assertTrue(network.score() > 0);
  }

  @Test
  void theGraphIsSavedAsOthersAreAndGrowsAtItsEnd() {
    GraphBuilder graph = chain();
    SkipMemories.addTo(graph, new SkipMemories.Span("m0", "block0", "block4", memory(1)));
    assertEquals(List.of("block4-memories"), graph.getVertexInputs().get("out"));
    assertEquals(List.of("block4", "m0"), graph.getVertexInputs().get("block4-memories"));
    ComputationGraphConfiguration conf = network(graph).getConfiguration();
    assertEquals(conf, ComputationGraphConfiguration.fromJson(conf.toJson()));
    GraphBuilder open = chain().removeVertex("out");
    open.setLastAdded("block4");
    open.setNetworkOutputs(new java.util.ArrayList<>());
    SkipMemories.addTo(
        open,
        new SkipMemories.Span("m0", "block0", "block4", memory(1)),
        new SkipMemories.Span("m1", "block0", "block1", memory(1)));
    open.appendLayer("end", Networks.output());
    assertEquals(List.of("block4-memories"), open.getVertexInputs().get("end"));
  }

  @Test
  void refusals() {
    refuses(
        new SkipMemories.Span("m0", "block3", "block1", memory(1)),
        "[SkipMemories m0] from: expected a vertex that does not depend on block1, got block3."
            + " Fix: read at an earlier vertex, or add after a later one.");
    refuses(
        new SkipMemories.Span("m0", "none", "block1", memory(1)),
        "[SkipMemories m0] from: expected a vertex of the graph, got none. Fix: add the layers of"
            + " the graph first, or name one of them.");
    refuses(
        new SkipMemories.Span("m0", "in", "in", memory(1)),
        "[SkipMemories m0] after: expected a vertex of the graph, got in. Fix: add the layers of"
            + " the graph first, or name one of them.");
    refuses(
        new SkipMemories.Span("m0", "in", "out", memory(1)),
        "[SkipMemories m0] after: expected a vertex before the outputs of the network, got the"
            + " output out. Fix: add the memory to the vertex that the output reads.");
    refuses(
        new SkipMemories.Span("block2", "in", "block1", memory(1)),
        "[SkipMemories] name: expected a name that is unique in the graph, got a second vertex"
            + " block2. Fix: use another name, and add all memories in one call.");
    refuses(
        new SkipMemories.Span(null, "in", "block1", memory(1)),
        "[SkipMemories] name: expected a name that is unique in the graph, got null. Fix: use"
            + " another name, and add all memories in one call.");
    refuses(
        null,
        "[SkipMemories] spans: expected spans with a memory, got null. Fix: pass new"
            + " SkipMemories.Span(name, from, after, UltraMem.builder().build()).");
    GraphBuilder twice = chain();
    SkipMemories.addTo(twice, new SkipMemories.Span("m0", "block0", "block1", memory(1)));
    SkipMemories.Span again = new SkipMemories.Span("m1", "block0", "block1", memory(1));
    says(
        () -> SkipMemories.addTo(twice, again),
        "[SkipMemories] name: expected a name that is unique in the graph, got a second vertex"
            + " block1-memories. Fix: use another name, and add all memories in one call.");
    says(
        () -> SkipMemories.addTo(null, again),
        "[SkipMemories] graph: expected a graph builder, got null. Fix: pass graphBuilder().");
  }

  private static void refuses(SkipMemories.Span span, String message) {
    GraphBuilder graph = chain();
    SkipMemories.Span good = new SkipMemories.Span("good", "block0", "block1", memory(1));
    says(() -> SkipMemories.addTo(graph, good, span), message);
    assertEquals(chain().getVertexInputs(), graph.getVertexInputs(), "the graph is as it was");
  }

  private static void says(Executable action, String message) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action).getMessage());
  }

  private static INDArray dense(ComputationGraph network, String name, INDArray x) {
    Layer layer = network.getLayer(name);
    return Transforms.tanh(x.mmul(layer.getParam("W")).addRowVector(layer.getParam("b")));
  }

  private static INDArray read(ComputationGraph network, String name, INDArray x) {
    return network.getLayer(name).activate(x, false, LayerWorkspaceMgr.noWorkspaces()).dup();
  }
}
