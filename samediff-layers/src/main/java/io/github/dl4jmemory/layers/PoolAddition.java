package io.github.dl4jmemory.layers;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.transferlearning.TransferLearning;

/** A pool and its readers on their way into a graph, all checked before the graph is touched. */
final class PoolAddition {

  /** A builder's addLayer. */
  interface Layers {
    void add(String name, Layer layer, String... inputs);
  }

  /** A builder's addVertex. */
  interface Vertices {
    void add(String name, GraphVertex vertex, String... inputs);
  }

  private final MemoryPool pool;
  private final String name;
  private final String input;
  private final List<MemoryPool.Reader> readers;
  private final String title;

  PoolAddition(MemoryPool pool, String name, String input, MemoryPool.Reader[] readers) {
    this.pool = pool;
    this.name = name;
    this.input = input;
    title = "MemoryPool " + name;
    for (MemoryPool.Reader reader : readers) {
      Require.that(
          reader != null && reader.memory() != null,
          title,
          "readers",
          "readers with a memory",
          reader,
          "pass new MemoryPool.Reader(name, input, PooledMemory.builder().build())");
    }
    this.readers = List.of(readers);
    Require.that(input != null, title, "input", "a layer or network input", input, "name one");
  }

  /** Refuses names that are taken, and readers that do not fit. */
  void requireFitting(GraphBuilder graph) {
    requireBuilder(graph);
    Set<String> taken = new HashSet<>(graph.getVertices().keySet());
    taken.addAll(graph.getNetworkInputs());
    requireNames(taken);
    readers.forEach(
        reader -> reader.memory().requireReadable(graph, reader.name(), reader.input()));
  }

  /** The same as far as DL4J lets one see: it keeps the names of a trained network to itself. */
  void requireFitting(TransferLearning.GraphBuilder graph) {
    requireBuilder(graph);
    requireNames(new HashSet<>());
  }

  private void requireBuilder(Object graph) {
    Require.that(graph != null, title, "graph", "a graph builder", graph, "pass graphBuilder()");
  }

  private void requireNames(Set<String> taken) {
    requireFree("name", name, taken);
    for (MemoryPool.Reader reader : readers) {
      requireFree("readers", reader.name(), taken);
      requireFree("readers", PooledMemory.link(reader.name()), taken);
      reader.memory().requireTopK(reader.name(), pool);
    }
  }

  private void requireFree(String parameter, String vertex, Set<String> taken) {
    Require.that(
        vertex != null && taken.add(vertex),
        title,
        parameter,
        "a name that is unique in the graph",
        vertex == null ? "null" : "a second vertex " + vertex,
        "use another name");
  }

  void addTo(Layers layers, Vertices vertices) {
    layers.add(name, pool.clone(), input);
    for (MemoryPool.Reader reader : readers) {
      String link = PooledMemory.link(reader.name());
      vertices.add(link, new PoolLink(), reader.input(), name);
      layers.add(reader.name(), reader.memory().reading(pool), link);
    }
  }
}
