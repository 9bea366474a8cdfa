package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.SDMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Separator attention (SepLLM): {@link CausalAttention} in which a token sees the first {@code
 * initial} tokens, all separators before it, and its last {@code window} tokens, itself among them.
 * With {@code q = rotary(x Wq)}, {@code k = rotary(x Wk)}, {@code v = x Wv}, for every head:
 *
 * <pre>
 * out_i   = (concat over heads of sum over visible j of softmax_j(q_i . k_j / sqrt(headSize)) v_j) Wo
 * visible = j &lt;= i, and one of: j among the first initial tokens; j a separator; i - j &lt; window
 * </pre>
 *
 * <p>The last input feature says which tokens are separators: 1, or 0 for all others. {@link
 * #addTo} merges it in from a {@link SeparatorMarks} layer, or {@link IntervalMarks}:
 *
 * <pre>{@code
 * graph.addLayer("separators", SeparatorMarks.builder().separators(ids).build(), "ids");
 * SeparatorAttention.builder().heads(4).window(64).build()
 *     .addTo(graph, "attention", "norm", "separators");
 * }</pre>
 *
 * <p>Input {@code [batch, time, nIn]} (NWC) or {@code [batch, nIn, time]} (NCW), float or double,
 * nIn being model + 1; output of the same layout with model features. Parameters: {@code Wq}
 * [model, model], {@code Wk}, {@code Wv} [model, keyValueHeads * headSize], {@code Wo} [model,
 * model], names and shapes of CausalAttention: {@link #replaceDense} makes a trained dense model go
 * on with it. The flag takes no gradient and no dropout.
 *
 * <p>Mask [batch, time]: a masked time step (0) is never attended to, is no initial token and no
 * separator, gives zeros and takes no gradient; its flag is not looked at. So rows of a batch may
 * be padded on the left or on the right.
 *
 * <p>Rotary positions are those of the text, as in CausalAttention, or with {@link
 * Builder#bilevelPositions} the number of separators before a token.
 *
 * <p>{@code rnnTimeStep} continues the sequence, by several tokens or one, with a {@link
 * SeparatorCache} as the layer's state; {@code rnnGetPreviousState} returns copies of it as {@link
 * SeparatorCache#state} describes them. Without {@link Builder#cache}, steps give what the whole
 * sequence gives, and the cache grows by its separators (with window 0, by all tokens). With it,
 * the cache stops growing: for texts without end. Not with bilevel positions.
 *
 * <p>Cost of a token forward: {@code 2 model (model + keyValueHeads * headSize)} multiply-adds for
 * the projections and {@code 2 model} for each visible token, however many others lie between;
 * backward 2 and 2.5 times that. Memory grows linearly with time.
 *
 * <p>Sources: Chen et al. 2025, arXiv 2412.12094, section 3.2, equations 1 and 2; windows of single
 * layers: its section 4.3.
 */
public final class SeparatorAttention extends AttentionLayer {

  private static final long serialVersionUID = 1L;

  private static final String TITLE = "SeparatorAttention";
  private static final int MOST_TOKENS = 1 << 30;

  private int initial;
  private int window;
  private boolean bilevelPositions;
  private SeparatorCacheSettings cache;

  /** For Jackson. */
  private SeparatorAttention() {}

  private SeparatorAttention(Builder builder) {
    super(builder);
    initial = builder.initial;
    window = builder.window;
    bilevelPositions = builder.bilevelPositions;
    cache = builder.cache;
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
   * A trained dense network with separator attention in the place of its CausalAttention layers, to
   * go on training with: parameters, updater state and counters are those of the dense network,
   * which is not changed. Both give the same bits for sequences that fit into the windows.
   *
   * <p>A layer {@code separators} is added that reads the token ids, and a vertex {@code
   * NAME-separators} before every attention layer. What is attached to a network, such as listeners
   * and {@link RowSparseTraining}, is to be attached again.
   *
   * @param dense a graph with CausalAttention layers, and one TokenEmbedding that tells where the
   *     token ids are
   * @param separators ids of the separators, see {@link SeparatorMarks}
   * @param initial first tokens that every token sees, at least 0
   * @param windows one for all layers, or one for each CausalAttention in the order of the network;
   *     0 is full attention: {@code 0, 64, 64, 0} are full first and last layers
   * @return a new network
   * @throws IllegalArgumentException if the network has no CausalAttention or not one
   *     TokenEmbedding, the number of windows is another one, a name is taken, or a setting is out
   *     of range
   */
  public static ComputationGraph replaceDense(
      ComputationGraph dense, int[] separators, int initial, int... windows) {
    SeparatorMarks marks = SeparatorMarks.builder().separators(separators).build();
    return replaceDense(dense, marks, initial, windows);
  }

  /**
   * As {@link #replaceDense(ComputationGraph, int[], int, int...)}, with marks of any kind.
   *
   * @param dense a graph with CausalAttention layers, and one TokenEmbedding that tells where the
   *     token ids are
   * @param marks which tokens all later ones see, such as {@link IntervalMarks}; it becomes a layer
   *     of the new network, and is not to be used elsewhere
   * @param initial first tokens that every token sees, at least 0
   * @param windows one for all layers, or one for each CausalAttention; 0 is full attention
   * @return a new network
   * @throws IllegalArgumentException if there are no marks, or as there
   */
  public static ComputationGraph replaceDense(
      ComputationGraph dense, TokenMark marks, int initial, int... windows) {
    return new DenseReplacement(dense, marks, initial, windows).network();
  }

  /**
   * Size of the memory for keys and values that {@code rnnTimeStep} of a network keeps now, whether
   * or not all of it is in use.
   *
   * @param network a graph with SeparatorAttention layers
   * @return bytes of all these layers together; 0 before the first step
   */
  public static long cacheBytes(ComputationGraph network) {
    long bytes = 0;
    for (Layer layer : network.getLayers()) {
      bytes += layer instanceof SeparatorAttentionRuntime<?> runtime ? runtime.cacheBytes() : 0;
    }
    return bytes;
  }

  /**
   * What {@code rnnTimeStep} of a network keeps from here on, as {@link Builder#cache} says it for
   * a new layer: so a trained model goes on with texts without end, and one model is tried with
   * several caches. The settings are saved with the network. What was kept of a text is forgotten.
   *
   * @param network a graph with SeparatorAttention layers
   * @param caches one for all layers, or one for each in the order of the network; without rotary
   *     positions
   * @throws IllegalArgumentException if their number is another one, or one is null or has rotary
   *     positions; nothing is changed then
   */
  public static void setCaches(ComputationGraph network, SeparatorCacheSettings... caches) {
    List<SeparatorAttentionRuntime<?>> layers = new ArrayList<>();
    for (Layer layer : network.getLayers()) {
      if (layer instanceof SeparatorAttentionRuntime<?> runtime) {
        layers.add(runtime);
      }
    }
    Require.that(
        !layers.isEmpty() && (caches.length == 1 || caches.length == layers.size()),
        TITLE,
        "caches",
        "one for all, or one for each of the " + layers.size() + " layers of the network",
        caches.length,
        "pass a network with such layers, and as many settings");
    for (SeparatorCacheSettings cache : caches) {
      requireCache(cache);
    }
    for (int i = 0; i < layers.size(); i++) {
      layers.get(i).layerConf().cache = caches[caches.length == 1 ? 0 : i];
      layers.get(i).rnnClearPreviousState();
    }
  }

  private static void requireCache(SeparatorCacheSettings cache) {
    Require.that(
        cache != null && cache.rotary() == 0,
        TITLE,
        "cache",
        "settings without rotary(...)",
        cache,
        "leave rotary(...) away: theta and rotaryFraction of the layer are used");
  }

  /**
   * First tokens that every token sees.
   *
   * @return initial
   */
  public int getInitial() {
    return initial;
  }

  /**
   * Last tokens that a token sees, itself among them.
   *
   * @return window; 0 for all, full attention
   */
  public int getWindow() {
    return window;
  }

  /**
   * What rotary positions count.
   *
   * @return true: the separators before a token; false: the tokens before it
   */
  public boolean isBilevelPositions() {
    return bilevelPositions;
  }

  /**
   * What {@code rnnTimeStep} keeps.
   *
   * @return settings without rotary positions; null: all that a token of the whole sequence sees
   */
  public SeparatorCacheSettings getCache() {
    return cache;
  }

  /** The settings of the cache of {@code rnnTimeStep}. */
  SeparatorCacheSettings stepCache() {
    return (cache == null ? asWholeSequence() : cache).withRotary(getTheta(), rotarySize());
  }

  private SeparatorCacheSettings asWholeSequence() {
    SeparatorCacheSettings.Builder settings =
        window == 0
            ? SeparatorCacheSettings.builder().initial(0).size(MOST_TOKENS)
            : SeparatorCacheSettings.likeAttention(initial, window);
    return settings.positions(KeyPositions.ORIGINAL).build();
  }

  /**
   * Adds this layer to a graph: the layer {@code name}, behind a vertex {@code name-separators}
   * that merges its two inputs. (DL4J's own MergeVertex, which {@code addLayer} with two inputs
   * makes, forgets in a clone of the network where features are.)
   *
   * @param graph builder of the graph
   * @param name name of the layer, which others take as their input
   * @param input layer or network input of model features
   * @param marks name of a {@link SeparatorMarks} layer, or of other flags [batch, time, 1]
   * @return the builder of the graph
   * @throws IllegalArgumentException if an argument is null
   */
  public GraphBuilder addTo(GraphBuilder graph, String name, String input, String marks) {
    Require.that(graph != null, TITLE, "graph", "a graph builder", graph, "pass graphBuilder()");
    Require.that(
        name != null, TITLE, "name", "a name that is unique in the graph", name, "name it");
    Require.that(input != null, TITLE, "input", "a layer or network input", input, "name one");
    Require.that(
        marks != null,
        TITLE,
        "marks",
        "the name of a SeparatorMarks layer",
        marks,
        "call graph.addLayer(\"separators\", SeparatorMarks.builder()...build(), \"ids\") before");
    graph.addVertex(merge(name), new SeparatorMerge(givenFormat()), input, marks);
    return graph.addLayer(name, this, merge(name));
  }

  /** Name of the vertex before this layer. */
  static String merge(String name) {
    return name + "-separators";
  }

  @Override
  long width() {
    return getNIn() - 1;
  }

  @Override
  long defaultNOut() {
    return Math.max(0, width());
  }

  @Override
  void requireComplete() {
    super.requireComplete();
    Require.that(
        getNOut() == width(),
        title(),
        "nOut",
        "nIn - 1, " + width(),
        getNOut(),
        "leave nOut(...) away, the layer keeps the number of features");
    requireParts(
        "nIn - 1 = " + width() + " features",
        "add the layer by addTo(graph, name, input, marks), which merges the separator flag in as"
            + " the last feature, and choose heads so that (nIn - 1) / heads is an even number");
  }

  @Override
  public SDVariable defineLayer(
      SameDiff sd, SDVariable input, Map<String, SDVariable> parameters, SDVariable mask) {
    AttentionDefinition definition = new AttentionDefinition(sd, this);
    boolean turn = isChannelsFirst(input);
    SDVariable all = turn ? input.permute(0, 2, 1) : input;
    SDVariable x = definition.onAxis(all, 3, 2, 0, width());
    SDVariable kinds = definition.kinds(definition.onAxis(all, 3, 2, width(), getNIn()), mask);
    SDVariable positions =
        bilevelPositions ? definition.segments(kinds, x.dataType()) : definition.positions(x);
    SDVariable mixed =
        SDMemory.separatorAttention(
            sd,
            input.name() + "_attention",
            definition.rotated(definition.queries(x, parameters), positions),
            definition.rotated(definition.keys(x, parameters), positions),
            definition.values(x, parameters),
            kinds,
            initial,
            window == 0 ? Integer.MAX_VALUE : window);
    SDVariable out = definition.output(mixed, x, parameters, mask);
    return turn ? out.permute(0, 2, 1) : out;
  }

  @Override
  LayerRuntime<?> runtime(NeuralNetConfiguration conf, DataType dataType) {
    return new SeparatorAttentionRuntime<>(conf, dataType, this, Reals.of(dataType));
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other)
        && initial == ((SeparatorAttention) other).initial
        && window == ((SeparatorAttention) other).window
        && bilevelPositions == ((SeparatorAttention) other).bilevelPositions
        && Objects.equals(cache, ((SeparatorAttention) other).cache);
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), initial, window, bilevelPositions, cache);
  }

  /** Settings of a {@link SeparatorAttention}; {@link #build} checks them against each other. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder extends AttentionLayer.Builder<Builder> {

    private static final int UNSET = -1;

    private int initial = 3;
    private int window = UNSET;
    private boolean bilevelPositions;
    private SeparatorCacheSettings cache;

    private Builder() {}

    /**
     * First tokens that every token sees; default 3, as in the paper's training.
     *
     * @param initial at least 0
     * @return this builder
     * @throws IllegalArgumentException if initial is negative
     */
    public Builder initial(int initial) {
      Require.that(initial >= 0, TITLE, "initial", "a number >= 0", initial, "use 3, or 0");
      this.initial = initial;
      return this;
    }

    /**
     * Last tokens that a token sees, itself among them.
     *
     * @param window at least 1, or 0 for all: full attention
     * @return this builder
     * @throws IllegalArgumentException if window is negative
     */
    public Builder window(int window) {
      Require.that(
          window >= 0, TITLE, "window", "a number >= 0", window, "use 64, or 0 for full attention");
      this.window = window;
      return this;
    }

    /**
     * Whether rotary positions count the separators before a token instead of the tokens; default
     * false. These are the inter-segment positions of BiPE; a {@link SegmentPositions} layer gives
     * the intra-segment ones. For training from scratch.
     *
     * @param bilevelPositions true for inter-segment positions
     * @return this builder
     */
    public Builder bilevelPositions(boolean bilevelPositions) {
      this.bilevelPositions = bilevelPositions;
      return this;
    }

    /**
     * What {@code rnnTimeStep} keeps of a text, so that its memory and the time of a token stop
     * growing; default: all that a token of the whole sequence sees. Training is not concerned.
     *
     * @param cache settings without rotary positions, which are those of the layer; their {@code
     *     positions} count
     * @return this builder
     * @throws IllegalArgumentException if the settings are null or have rotary positions
     */
    public Builder cache(SeparatorCacheSettings cache) {
      requireCache(cache);
      this.cache = cache;
      return this;
    }

    @Override
    String layerTitle() {
      return TITLE;
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if heads or window was not set, or keyValueHeads does not
     *     divide heads
     */
    @Override
    public SeparatorAttention build() {
      requireHeads();
      Require.that(
          window != UNSET,
          TITLE,
          "window",
          "a number of tokens",
          "none",
          "call window(...) with 64, or with 0 for full attention");
      return new SeparatorAttention(this);
    }
  }
}
