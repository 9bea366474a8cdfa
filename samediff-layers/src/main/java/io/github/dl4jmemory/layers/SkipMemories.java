package io.github.dl4jmemory.layers;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;

/**
 * Memories beside the layers of a graph: each reads at one vertex and is added to the output of
 * another, further on.
 *
 * <pre>
 * SkipMemories.addTo(graph,
 *     new SkipMemories.Span("memory0", "norm2", "block4", UltraMem.builder().build()),
 *     new SkipMemories.Span("memory1", "norm3", "block6", UltraMem.builder().build()));
 * </pre>
 *
 * <p>For every vertex that memories are added to there is a sum vertex, named {@code
 * after-memories}, and whatever took the output of {@code after} takes the sum instead. The
 * memories themselves read a vertex without what this call adds to it. Spans may overlap, begin or
 * end together, and begin where they end.
 *
 * <p>Source: Huang et al. 2024, arXiv 2411.12364, section 3: a large memory is split into several
 * small ones, each read at one layer and added at a later one. (The authors' program holds one
 * output at a time, and so loses one where spans overlap.)
 */
public final class SkipMemories {

  private static final String TITLE = "SkipMemories";

  private SkipMemories() {}

  /**
   * One memory and where it stands.
   *
   * @param name name of the memory's layer, unique in the graph
   * @param from the vertex, layer or network input that it reads
   * @param after the vertex or layer to whose output it is added
   * @param memory the memory, of as many outputs as {@code after}; its configuration is copied
   */
  public record Span(String name, String from, String after, TokenwiseLayer memory) {}

  /**
   * Adds memories to a graph whose other vertices are all there: what is added later takes the sum
   * by its name, {@code after-memories}.
   *
   * @param graph the builder of the graph
   * @param spans the memories
   * @throws IllegalArgumentException if a name is missing, taken or unknown, there is no memory, a
   *     memory would read what depends on its own output, or {@code after} is an output of the
   *     network; the graph is then as it was
   */
  public static void addTo(GraphBuilder graph, Span... spans) {
    addTo(graph, false, spans);
  }

  /**
   * As {@link #addTo(GraphBuilder, Span...)}, with memories that may work beside the layers between
   * {@code from} and {@code after}.
   *
   * <p>An asynchronous {@link UltraMem} or {@link UltraMemV2} has a thread of its own: it starts
   * when the vertex that it reads is done (in training and with a {@code queryConvolution}, when
   * DL4J comes to its own vertex, which may be after other readers of the same vertex), and the sum
   * vertex waits for it; the backward pass runs the same way round, from sum to memory. Results are
   * the same bit for bit, parameters and their order too. What the work throws, the sum vertex
   * throws. The thread is a daemon that ends after a second without work; a clone of the network
   * has threads of its own. Where DL4J gives activations to the user ({@code feedForward}, {@code
   * output} of a named vertex) or has no workspaces, where something beside the sum vertex reads
   * the memory's output, and for other kinds of memories, each works when its turn comes.
   *
   * <p>It pays where processors are left beside the threads that an operation takes
   * (OMP_NUM_THREADS): otherwise both sides wait for the same ones.
   *
   * @param graph the builder of the graph
   * @param asynchronous whether memories work beside the layers of their spans
   * @param spans the memories
   * @throws IllegalArgumentException as without
   */
  public static void addTo(GraphBuilder graph, boolean asynchronous, Span... spans) {
    Require.that(graph != null, TITLE, "graph", "a graph builder", null, "pass graphBuilder()");
    Map<String, List<String>> sums = new LinkedHashMap<>();
    Set<String> taken = new HashSet<>(graph.getVertices().keySet());
    taken.addAll(graph.getNetworkInputs());
    for (Span span : spans) {
      require(graph, span);
      requireFree(taken, span.name());
      sums.computeIfAbsent(span.after(), after -> new ArrayList<>(List.of(after))).add(span.name());
    }
    sums.keySet().forEach(after -> requireFree(taken, sum(after)));
    String last = graph.getLastAdded();
    graph
        .getVertexInputs()
        .replaceAll(
            (vertex, inputs) ->
                inputs.stream().map(in -> sums.containsKey(in) ? sum(in) : in).toList());
    for (Span span : spans) {
      graph.addLayer(span.name(), span.memory().clone(), span.from());
    }
    sums.forEach(
        (after, terms) ->
            graph.addVertex(
                sum(after),
                asynchronous ? new MemorySum() : new ElementWiseVertex(ElementWiseVertex.Op.Add),
                terms.toArray(new String[0])));
    graph.setLastAdded(sums.containsKey(last) ? sum(last) : last);
  }

  private static String sum(String after) {
    return after + "-memories";
  }

  private static void require(GraphBuilder graph, Span span) {
    Require.that(
        span != null && span.memory() != null,
        TITLE,
        "spans",
        "spans with a memory",
        span,
        "pass new SkipMemories.Span(name, from, after, UltraMem.builder().build())");
    requireKnown(
        span,
        "from",
        span.from(),
        graph.getVertices().containsKey(span.from())
            || graph.getNetworkInputs().contains(span.from()));
    requireKnown(span, "after", span.after(), graph.getVertices().containsKey(span.after()));
    Require.that(
        !graph.getNetworkOutputs().contains(span.after()),
        TITLE + " " + span.name(),
        "after",
        "a vertex before the outputs of the network",
        "the output " + span.after(),
        "add the memory to the vertex that the output reads");
    Require.that(
        span.from().equals(span.after()) || !depends(graph, span.from(), span.after()),
        TITLE + " " + span.name(),
        "from",
        "a vertex that does not depend on " + span.after(),
        span.from(),
        "read at an earlier vertex, or add after a later one");
  }

  private static void requireKnown(Span span, String parameter, String vertex, boolean known) {
    Require.that(
        known,
        TITLE + " " + span.name(),
        parameter,
        "a vertex of the graph",
        vertex,
        "add the layers of the graph first, or name one of them");
  }

  private static void requireFree(Set<String> taken, String name) {
    Require.that(
        name != null && taken.add(name),
        TITLE,
        "name",
        "a name that is unique in the graph",
        name == null ? "null" : "a second vertex " + name,
        "use another name, and add all memories in one call");
  }

  /** Whether a vertex is reached from another. */
  private static boolean depends(GraphBuilder graph, String vertex, String on) {
    Deque<String> open = new ArrayDeque<>(List.of(vertex));
    Set<String> seen = new HashSet<>();
    while (!open.isEmpty()) {
      String next = open.pop();
      if (next.equals(on)) {
        return true;
      }
      if (seen.add(next)) {
        open.addAll(graph.getVertexInputs().getOrDefault(next, List.of()));
      }
    }
    return false;
  }
}
