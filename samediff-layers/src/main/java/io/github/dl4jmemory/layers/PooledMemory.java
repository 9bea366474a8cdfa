package io.github.dl4jmemory.layers;

import java.util.Map;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * A {@link ProductKeyMemory} that reads the table of a {@link MemoryPool} instead of one of its
 * own. Every token reads heads × topK rows of the pool:
 *
 * <pre>
 *   q           = x Wq                                one query of keySize features per head
 *   (s, slots)  = top-k over i, j of &lt;q1, K1[i]&gt; + &lt;q2, K2[j]&gt;,  slot = i * subKeys + j, per head
 *   w           = softmax(s)
 *   y           = sum over heads and k of w * V[slot]   V is the pool's
 *   out         = (y * silu(x Wg)) Wo                 without the gate: y Wo
 * </pre>
 *
 * <p>Shapes, layouts, masks, dtypes, parameters and cost are those of ProductKeyMemory, without V:
 * Wq [nIn, heads*keySize], K [heads, 2, subKeys, keySize/2], g [heads, 2, keySize/2], Wg [nIn,
 * valueSize], Wo [valueSize, nOut]; subKeys and valueSize are the pool's. One more copy of the
 * input and of its gradient is made on the way from the pool.
 *
 * <p>Put it into a graph by {@link #addTo(GraphBuilder, String, String, String)}. A graph in which
 * the reader's pool is another layer or has other sizes is refused with an IllegalArgumentException
 * when it is initialised.
 *
 * <p>Source: Berges et al., Memory Layers at Scale, arXiv 2412.09764, section 3.1.3.
 */
public final class PooledMemory extends ProductKeyLookup {

  private static final long serialVersionUID = 1L;

  private static final String TITLE = "PooledMemory";

  private long subKeys;
  private long valueSize;

  /** For Jackson. */
  private PooledMemory() {}

  private PooledMemory(Builder builder) {
    super(builder);
  }

  /**
   * Settings at their defaults.
   *
   * @return a new builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Sub-keys of one half of one head.
   *
   * @return those of the pool; 0 before the layer is added to a graph
   */
  @Override
  public long getSubKeys() {
    return subKeys;
  }

  /**
   * Features of a value row.
   *
   * @return those of the pool; 0 before the layer is added to a graph
   */
  @Override
  public long getValueSize() {
    return valueSize;
  }

  /**
   * Adds this reader to a graph: the layer {@code name}, behind a vertex {@code name-pool} that
   * ties it to its pool. This object is not changed and can be added again, under another name.
   *
   * @param graph builder of the graph; holds the pool already
   * @param name name of the layer, which others take as their input
   * @param input layer or network input that the reader takes
   * @param pool name of a {@link MemoryPool} in the graph
   * @return the builder of the graph
   * @throws IllegalArgumentException if an argument is null, the name is taken, {@code pool} is no
   *     MemoryPool, {@code input} is one, or topK is above the pool's subKeys
   */
  public GraphBuilder addTo(GraphBuilder graph, String name, String input, String pool) {
    Require.that(graph != null, TITLE, "graph", "a graph builder", graph, "pass graphBuilder()");
    requireName(name);
    MemoryPool table = poolIn(graph.getVertices().get(pool));
    Require.that(
        table != null,
        title(name),
        "pool",
        "the name of a MemoryPool in the graph",
        pool,
        "call graph.addLayer(\"pool\", MemoryPool.builder()...build(), \"in\") before");
    requireFree(graph, name, name);
    requireFree(graph, name, link(name));
    requireReadable(graph, name, input);
    requireTopK(name, table);
    graph.addVertex(link(name), new PoolLink(), input, pool);
    return graph.addLayer(name, reading(table), link(name));
  }

  /** Refuses to read for nothing, or for a pool. */
  void requireReadable(GraphBuilder graph, String name, String input) {
    Require.that(
        input != null && poolIn(graph.getVertices().get(input)) == null,
        title(name),
        "input",
        "the layer or network input to read for",
        input == null ? "null" : "the pool " + input,
        "pass the layer before the memory");
  }

  void requireTopK(String name, MemoryPool table) {
    requireTopK(title(name), getTopK(), table.getSubKeys());
  }

  /** A copy with the sizes of this pool. */
  PooledMemory reading(MemoryPool table) {
    PooledMemory reader = clone();
    reader.subKeys = table.getSubKeys();
    reader.valueSize = table.getValueSize();
    return reader;
  }

  private static String title(String name) {
    return TITLE + " " + name;
  }

  /** The vertex that ties a reader to its pool. */
  static String link(String name) {
    return name + "-pool";
  }

  private static void requireName(String name) {
    Require.that(
        name != null && !name.isEmpty(),
        TITLE,
        "name",
        "the name of the layer",
        name,
        "pass a name that is unique in the graph");
  }

  private static void requireFree(GraphBuilder graph, String name, String vertex) {
    Require.that(
        !graph.getVertices().containsKey(vertex) && !graph.getNetworkInputs().contains(vertex),
        title(name),
        "name",
        "a name that is unique in the graph",
        "a second vertex " + vertex,
        "use another name; a reader has one pool");
  }

  private static MemoryPool poolIn(GraphVertex vertex) {
    return vertex instanceof LayerVertex layer
            && layer.getLayerConf().getLayer() instanceof MemoryPool pool
        ? pool
        : null;
  }

  @Override
  void requireComplete() {
    super.requireComplete();
    Require.that(
        subKeys > 0,
        title(),
        "pool",
        "a reader that was tied to its pool",
        "none",
        "add the layer by addTo(graph, name, input, pool)");
  }

  /** Refuses a pool of other sizes. */
  void requireFitting(MemoryPool pool) {
    String fix = "keep the pool, or remove the reader and add it again";
    Require.that(
        subKeys == pool.getSubKeys(),
        title(),
        "subKeys",
        subKeys + ", as when it was added",
        pool.getSubKeys() + " of its pool " + pool.getLayerName(),
        fix);
    Require.that(
        valueSize == pool.getValueSize(),
        title(),
        "valueSize",
        valueSize + ", as when it was added",
        pool.getValueSize() + " of its pool " + pool.getLayerName(),
        fix);
  }

  /**
   * Not available: a pool and its readers meet in a ComputationGraph.
   *
   * @throws UnsupportedOperationException always
   */
  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable x, Map<String, SDVariable> params, SDVariable mask) {
    throw MemoryPool.onlyInGraphs(title());
  }

  @Override
  LayerRuntime<?> runtime(NeuralNetConfiguration conf, DataType dataType) {
    return new PooledMemoryRuntime(conf, dataType, this);
  }

  @Override
  public PooledMemory clone() {
    return (PooledMemory) super.clone();
  }

  // equals and hashCode: all settings are those of ProductKeyLookup

  /** Settings of a {@link PooledMemory}; {@link #build} checks them against each other. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder extends ProductKeyLookup.Builder<Builder> {

    private Builder() {}

    @Override
    String layerTitle() {
      return TITLE;
    }

    /**
     * Checks the settings and makes the layer.
     *
     * @return the configuration of the layer
     * @throws IllegalArgumentException if a setting is out of range
     */
    @Override
    public PooledMemory build() {
      requireHeads();
      requireKeySize();
      Require.positive(topK(), TITLE, "topK", "use topK(32)");
      return new PooledMemory(this);
    }
  }
}
