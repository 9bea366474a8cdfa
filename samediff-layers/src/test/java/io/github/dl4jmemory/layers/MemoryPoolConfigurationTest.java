package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.learning.config.Sgd;

class MemoryPoolConfigurationTest {

  @Test
  void builderRefusals() {
    says(
        () -> PoolGraphs.pool().subKeys(0).build(),
        "[MemoryPool] subKeys: expected 1 to 65536, got 0. Fix: use subKeys(1024), for 1024²"
            + " slots.");
    says(
        () -> MemoryPool.builder().build(),
        "[MemoryPool] valueSize: expected a positive number, got 0. Fix: call valueSize(...).");
    says(
        () -> PoolGraphs.pool().subKeys(1 << 14).build(),
        "[MemoryPool] subKeys: expected a table of fewer than 2^28 values, the most that DL4J saves"
            + " and restores with Adam state, got 268435456 slots of 3 values. Fix: use fewer"
            + " slots or smaller values, or keep the table of a MemoryPool or UltraMem in a file(...).");
    says(
        () -> PoolGraphs.pool().valuesUpdater(new Nesterovs()),
        "[MemoryPool] valuesUpdater: expected Adam or Sgd, which can be applied to the touched rows"
            + " alone, or NoOp, got Nesterovs. Fix: use new Adam(1e-3) or new Sgd(0.1), with a"
            + " learning rate or schedule of its own.");
    says(
        () -> PooledMemory.builder().topK(0).build(),
        "[PooledMemory] topK: expected a positive number, got 0. Fix: use topK(32).");
    says(
        () -> PooledMemory.builder().keySize(3).build(),
        "[PooledMemory] keySize: expected a positive even number, both halves together, got 3. Fix:"
            + " use keySize(256).");
  }

  @Test
  void aReaderNeedsAPool() {
    for (String name : new String[] {"nowhere", "hidden", "in"}) {
      refusedAndUntouched(
          graph -> PoolGraphs.wide().addTo(graph, "memory", "hidden", name),
          "[PooledMemory memory] pool: expected the name of a MemoryPool in the graph, got "
              + name
              + ". Fix: call graph.addLayer(\"pool\", MemoryPool.builder()...build(), \"in\")"
              + " before.");
    }
  }

  @Test
  void aReaderHasOnePool() {
    refusedAndUntouched(
        graph -> {
          PoolGraphs.wide().addTo(graph, "memory", "hidden", "pool");
          graph.addLayer("pool2", PoolGraphs.pool().build(), "in");
          PoolGraphs.wide().addTo(graph, "memory", "hidden", "pool2");
        },
        "[PooledMemory memory] name: expected a name that is unique in the graph, got a second"
            + " vertex memory. Fix: use another name; a reader has one pool.",
        "memory-pool",
        "memory",
        "pool2");
  }

  @Test
  void otherArgumentsOfAddTo() {
    refusedAndUntouched(
        graph -> PoolGraphs.wide().addTo(graph, "memory", "pool", "pool"),
        "[PooledMemory memory] input: expected the layer or network input to read for, got the pool"
            + " pool. Fix: pass the layer before the memory.");
    refusedAndUntouched(
        graph -> PooledMemory.builder().topK(12).build().addTo(graph, "memory", "hidden", "pool"),
        "[PooledMemory memory] topK: expected 1 to subKeys = 11, got 12. Fix: use fewer accesses or"
            + " more sub-keys.");
    refusedAndUntouched(
        graph -> PoolGraphs.wide().addTo(graph, "", "hidden", "pool"),
        "[PooledMemory] name: expected the name of the layer, got . Fix: pass a name that is unique"
            + " in the graph.");
    says(
        () -> PoolGraphs.wide().addTo(null, "memory", "hidden", "pool"),
        "[PooledMemory] graph: expected a graph builder, got null. Fix: pass graphBuilder().");
  }

  /** Readers may take layers that are added later. */
  @Test
  void poolAndReadersByOneCall() {
    MemoryPool pool = PoolGraphs.pool().build();
    GraphBuilder graph =
        pool.addTo(
            empty(),
            "facts",
            "in",
            new MemoryPool.Reader("memory1", "hidden", PoolGraphs.wide()),
            new MemoryPool.Reader("memory2", "later", PoolGraphs.narrow()));
    assertNull(pool.getLayerName(), "the object given stays as it was");
    graph
        .addLayer("later", new DenseLayer.Builder().nOut(PoolGraphs.HIDDEN).build(), "memory1")
        .removeVertex("pool")
        .addLayer("out", Networks.output(), "memory2")
        .setOutputs("out");
    ComputationGraph made = PoolGraphs.initialised(graph);
    INDArray before = made.getLayer("facts").getParam("V").dup();
    made.fit(PoolGraphs.batch(DataType.FLOAT, 1));
    assertNotEquals(before, made.getLayer("facts").getParam("V"));
    assertEquals(11, ((PooledMemory) made.getLayer("memory2").conf().getLayer()).getSubKeys());
  }

  @Test
  void refusalsOfOneCall() {
    MemoryPool pool = PoolGraphs.pool().build();
    MemoryPool.Reader reader = new MemoryPool.Reader("memory", "hidden", PoolGraphs.wide());
    says(
        () -> pool.addTo((GraphBuilder) null, "facts", "in", reader),
        "[MemoryPool facts] graph: expected a graph builder, got null. Fix: pass graphBuilder().");
    refusedAndUntouched(
        graph -> pool.addTo(graph, "facts", null, reader),
        "[MemoryPool facts] input: expected a layer or network input, got null. Fix: name one.");
    refusedAndUntouched(
        graph -> pool.addTo(graph, "hidden", "in", reader),
        "[MemoryPool hidden] name: expected a name that is unique in the graph, got a second vertex"
            + " hidden. Fix: use another name.");
    refusedAndUntouched(
        graph -> pool.addTo(graph, null, "in", reader),
        "[MemoryPool null] name: expected a name that is unique in the graph, got null. Fix: use"
            + " another name.");
    refusedAndUntouched(
        graph -> pool.addTo(graph, "facts", "in", reader, reader),
        "[MemoryPool facts] readers: expected a name that is unique in the graph, got a second"
            + " vertex memory. Fix: use another name.");
    refusedAndUntouched(
        graph -> pool.addTo(graph, "facts", "in", reader, null),
        "[MemoryPool facts] readers: expected readers with a memory, got null. Fix: pass new"
            + " MemoryPool.Reader(name, input, PooledMemory.builder().build()).");
    PooledMemory wide = PooledMemory.builder().topK(12).build();
    refusedAndUntouched(
        graph ->
            pool.addTo(
                graph, "facts", "in", reader, new MemoryPool.Reader("memory2", "hidden", wide)),
        "[PooledMemory memory2] topK: expected 1 to subKeys = 11, got 12. Fix: use fewer accesses or"
            + " more sub-keys.");
  }

  @Test
  void aReaderOutsideOfAddToHasNoPool() {
    says(
        () ->
            PoolGraphs.initialised(
                empty()
                    .addLayer("memory", PoolGraphs.wide(), "hidden")
                    .setOutputs("memory", "pool")),
        "[PooledMemory memory] pool: expected a reader that was tied to its pool, got none. Fix:"
            + " add the layer by addTo(graph, name, input, pool).");
  }

  /** A pool that was replaced by one of other sizes, or by something else. */
  @Test
  void sizesOfThePoolThatDiffer() {
    ComputationGraph graph = PoolGraphs.forTraining();
    says(
        () -> replaced(graph).addLayer("pool", table(7, 3), "in").build(),
        "[PooledMemory memory1] subKeys: expected 11, as when it was added, got 7 of its pool pool."
            + " Fix: keep the pool, or remove the reader and add it again.");
    says(
        () -> replaced(graph).addLayer("pool", table(11, 5), "in").build(),
        "[PooledMemory memory1] valueSize: expected 3, as when it was added, got 5 of its pool"
            + " pool. Fix: keep the pool, or remove the reader and add it again.");
    says(
        () ->
            replaced(graph)
                .addLayer("pool", new DenseLayer.Builder().nIn(5).nOut(1).build(), "in")
                .build(),
        "[PooledMemory memory1] pool: expected a MemoryPool, got vertex pool. Fix: give a"
            + " MemoryPool that name.");
  }

  private static TransferLearning.GraphBuilder replaced(ComputationGraph graph) {
    return new TransferLearning.GraphBuilder(graph).removeVertexKeepConnections("pool");
  }

  private static MemoryPool table(long subKeys, long valueSize) {
    return MemoryPool.builder().subKeys(subKeys).valueSize(valueSize).build();
  }

  /** DL4J refuses layers that lead nowhere; where it is told not to, the pool does. */
  @Test
  void aPoolWithoutReaders() {
    GraphBuilder builder = empty().addLayer("out", Networks.output(), "hidden").setOutputs("out");
    IllegalStateException e = assertThrows(IllegalStateException.class, builder::build);
    assertTrue(e.getMessage().contains("disconnected vertices found - [pool]"), e.getMessage());
    ComputationGraph graph = PoolGraphs.initialised(builder.allowDisconnected(true));
    says(
        () -> graph.fit(PoolGraphs.batch(DataType.FLOAT, 1)),
        "[MemoryPool pool] readers: expected at least one PooledMemory, got none. Fix: call"
            + " PooledMemory.builder().build().addTo(graph, name, input, pool), or remove the"
            + " pool.");
  }

  @Test
  void notOnSameDiffGraphs() {
    SameDiff sd = SameDiff.create();
    UnsupportedOperationException e =
        assertThrows(
            UnsupportedOperationException.class,
            () -> table(7, 3).addTo(sd, "pool", sd.placeHolder("x", DataType.FLOAT, -1, 5)));
    assertEquals(
        "[MemoryPool] sd: expected a ComputationGraph, where readers find their pool, got a"
            + " SameDiff graph. Fix: use ProductKeyMemory on SameDiff graphs.",
        e.getMessage());
  }

  @Test
  void equalsCloneAndUpdatersOfItsOwn() {
    MemoryPool pool = table(11, 3);
    assertEquals(pool, table(11, 3));
    assertEquals(pool.hashCode(), table(11, 3).hashCode());
    assertNotEquals(pool, table(11, 5));
    assertNotEquals(pool, PoolGraphs.pool().valuesUpdater(new Sgd(1)).build());
    MemoryPool clone = pool.clone();
    assertEquals(pool, clone);
    clone.getUpdaterByParam("V").setLrAndSchedule(7, null);
    assertEquals(new Adam(1e-3), pool.getValuesUpdater());
    assertEquals(PoolGraphs.wide(), PoolGraphs.wide());
    assertNotEquals(PoolGraphs.wide(), PoolGraphs.narrow());
  }

  /** The same reader object may be added twice: addTo leaves it as it is. */
  @Test
  void addToDoesNotChangeTheReader() {
    PooledMemory reader = PoolGraphs.wide();
    GraphBuilder graph = empty();
    reader.addTo(graph, "memory1", "hidden", "pool");
    reader.addTo(graph, "memory2", "memory1", "pool");
    assertEquals(PoolGraphs.wide(), reader);
    assertEquals(0, reader.getSubKeys());
    ComputationGraph made = PoolGraphs.initialised(graph.setOutputs("memory2"));
    assertEquals(11, ((PooledMemory) made.getLayer("memory2").conf().getLayer()).getSubKeys());
  }

  private static GraphBuilder empty() {
    return Networks.settings(DataType.FLOAT, new Adam(1e-2))
        .graphBuilder()
        .addInputs("in")
        .setInputTypes(InputType.feedForward(Networks.IN))
        .addLayer("pool", PoolGraphs.pool().build(), "in")
        .addLayer("hidden", new DenseLayer.Builder().nOut(PoolGraphs.HIDDEN).build(), "in");
  }

  private interface Addition {
    void addTo(GraphBuilder graph);
  }

  private static void refusedAndUntouched(Addition addition, String message, String... before) {
    GraphBuilder graph = empty();
    says(() -> addition.addTo(graph), message);
    List<String> expected = new ArrayList<>(List.of("pool", "hidden"));
    expected.addAll(List.of(before));
    assertEquals(expected, List.copyOf(graph.getVertices().keySet()));
  }

  private static void says(Executable action, String message) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action).getMessage());
  }
}
