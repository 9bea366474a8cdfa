package io.github.dl4jmemory.layers;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Single keys beside the product keys of a trained network: each can be inserted, changed and
 * deleted without any other key or value moving. (A sub-key of the product keys is part of subKeys
 * slots at once.)
 *
 * <pre>
 *   KeyOverlay overlay = KeyOverlay.attach(network);
 *   long id = overlay.insert("memory0", 1, key, value);    // head 1
 *   network.output(...)                                    // also rnnTimeStep
 *   overlay.delete(id);
 * </pre>
 *
 * <p>For every token and head of a {@link ProductKeyMemory} or {@link PooledMemory}:
 *
 * <pre>
 *   candidates = product top-k  UNION  the overlay's keys of this head, with score &lt;q, key&gt;
 *   top-k of the candidates by score (of equal ones: slots, then keys by id), softmax, and
 *   y          = sum of w * V[slot] over chosen slots + sum of w * value over chosen keys
 * </pre>
 *
 * <p>With {@code queryKeyNorm} the halves of a key are normalised and multiplied by the gain as
 * those of sub-keys are: a key that joins the sub-keys i and j has the score of slot i * subKeys +
 * j. A token that chooses no key of the overlay for any head gets the bits that it gets without
 * overlay, and so does every token after the last key is deleted.
 *
 * <p>Where it lives: beside the network, not in its parameters. {@link #save} writes a file of its
 * own, {@link #load} attaches it to a restored network and refuses another one by a checksum of the
 * layer's sub-keys. DL4J's ModelSerializer, {@code clone()} and TransferLearning do not know it:
 * networks that they make have no overlay until one is attached. One overlay at a time.
 *
 * <p>For inference only: a forward pass of training through a layer with keys throws an
 * IllegalStateException. Not safe for changes while the network is used.
 *
 * <p>Cost for each token and head: keys * keySize multiply-adds and a sort of the keys, in plain
 * Java; meant for up to some thousand keys.
 */
public final class KeyOverlay {

  private static final String OWNER = "KeyOverlay";

  private final ComputationGraph network;
  private final Map<String, ProductKeyLookupRuntime<?>> layers;
  private final Map<String, OverlayKeys> keys = new LinkedHashMap<>();
  private long nextId;

  private KeyOverlay(ComputationGraph network) {
    this.network = network;
    layers = layers(network);
    layers.keySet().forEach(name -> keys.put(name, new OverlayKeys()));
  }

  /**
   * What a layer asked for and read, token by token (without masked ones) in the order of [batch,
   * time].
   *
   * @param queries [tokens, heads, keySize], normalised where the layer normalises
   * @param read [tokens, valueSize], the weighted sum of values, before the gate
   */
  public record Lookups(INDArray queries, INDArray read) {}

  /**
   * Attaches an overlay without keys, in place of any other.
   *
   * @param network an initialised graph
   * @return the overlay
   * @throws IllegalArgumentException if the network is null, not initialised, or has no
   *     ProductKeyMemory and no PooledMemory
   */
  public static KeyOverlay attach(ComputationGraph network) {
    KeyOverlay overlay = new KeyOverlay(network);
    overlay.attach();
    return overlay;
  }

  private void attach() {
    layers.forEach((name, layer) -> layer.overlay(keys.get(name)));
  }

  private static Map<String, ProductKeyLookupRuntime<?>> layers(ComputationGraph network) {
    EditedTable.requireInitialised(OWNER, network);
    Map<String, ProductKeyLookupRuntime<?>> layers = new LinkedHashMap<>();
    for (int index : network.topologicalSortOrder()) {
      GraphVertex vertex = network.getVertices()[index];
      Layer layer = EditedTable.inside(vertex.getLayer());
      if (layer instanceof ProductKeyLookupRuntime<?> lookup) {
        layers.put(vertex.getVertexName(), lookup);
      }
    }
    Require.that(
        !layers.isEmpty(),
        OWNER,
        "network",
        "a network with a ProductKeyMemory or a PooledMemory",
        "one without",
        "attach to networks that have a memory");
    return layers;
  }

  /** Takes the overlay off: the network answers as without it. The keys are kept. */
  public void detach() {
    layers.values().forEach(layer -> layer.overlay(null));
  }

  /**
   * Adds a key.
   *
   * @param layer name of a ProductKeyMemory or PooledMemory
   * @param head 0 to heads - 1
   * @param key keySize finite numbers, both halves; see {@link #lookups} for where to get one
   * @param value valueSize finite numbers
   * @return the id of the key, never used again
   * @throws IllegalArgumentException if there is no such layer or head, or an array does not fit
   */
  public long insert(String layer, int head, INDArray key, INDArray value) {
    OverlayKeys.Entry entry = entry(layer, head, key, value);
    keys.get(layer).entries().put(nextId, entry);
    return nextId++;
  }

  private OverlayKeys.Entry entry(String layer, int head, INDArray key, INDArray value) {
    ProductKeyLookup conf = runtime(layer).layerConf();
    Require.that(
        head >= 0 && head < conf.getHeads(),
        OWNER,
        "head",
        "0 to " + (conf.getHeads() - 1),
        head,
        "name a head of " + layer);
    return new OverlayKeys.Entry(
        head,
        numbers("key", "keySize", conf.getKeySize(), key),
        numbers("value", "valueSize", conf.getValueSize(), value));
  }

  private ProductKeyLookupRuntime<?> runtime(String layer) {
    ProductKeyLookupRuntime<?> runtime = layers.get(layer);
    Require.that(
        runtime != null, OWNER, "layer", "one of " + layers.keySet(), layer, "name such a layer");
    return runtime;
  }

  private static double[] numbers(String parameter, String axis, long size, INDArray array) {
    Require.that(
        array != null && array.length() == size,
        OWNER,
        parameter,
        axis + " = " + size + " numbers",
        Require.describe(array),
        "pass one vector");
    double[] numbers = array.dup('c').data().asDouble();
    Require.that(
        DoubleStream.of(numbers).allMatch(Double::isFinite),
        OWNER,
        parameter,
        "finite numbers",
        Arrays.toString(numbers),
        "leave NaN and infinity out");
    return numbers;
  }

  /**
   * Gives a key another place and value; its layer, head and id stay.
   *
   * @param id of {@link #insert}
   * @param key keySize finite numbers
   * @param value valueSize finite numbers
   * @throws IllegalArgumentException if there is no such key, or an array does not fit
   */
  public void update(long id, INDArray key, INDArray value) {
    String layer = layerOf(id);
    int head = keys.get(layer).entries().get(id).head();
    keys.get(layer).entries().put(id, entry(layer, head, key, value));
  }

  /**
   * Removes a key.
   *
   * @param id of {@link #insert}
   * @throws IllegalArgumentException if there is no such key
   */
  public void delete(long id) {
    keys.get(layerOf(id)).entries().remove(id);
  }

  private String layerOf(long id) {
    return keys.entrySet().stream()
        .filter(layer -> layer.getValue().entries().containsKey(id))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElseThrow(
            () ->
                Require.refusal(
                    OWNER, "id", "the id of a key", id + ", which is none", "use that of insert"));
  }

  /**
   * Keys in all layers.
   *
   * @return their number
   */
  public int size() {
    return keys.values().stream().mapToInt(layer -> layer.entries().size()).sum();
  }

  /**
   * What a layer asks for and reads in a forward pass, with the overlay where it is attached: the
   * query of a token makes a key that the token finds.
   *
   * @param layer name of a ProductKeyMemory or PooledMemory
   * @param features one for every input of the network
   * @return queries and what was read
   * @throws IllegalArgumentException if there is no such layer
   */
  public Lookups lookups(String layer, INDArray... features) {
    ProductKeyLookupRuntime<?> runtime = runtime(layer);
    Lookups[] seen = new Lookups[1];
    try {
      runtime.watchLookups(lookup -> seen[0] = copy(lookup));
      network.output(features);
    } finally {
      runtime.watchLookups(null);
    }
    return seen[0];
  }

  @SuppressWarnings("try") // the workspace is left by closing what is not used
  private static Lookups copy(ProductKeyLookupRuntime.Lookup lookup) {
    try (MemoryWorkspace none = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
      return new Lookups(lookup.query().dup('c'), lookup.read().dup('c'));
    }
  }

  /**
   * Writes the keys to a file, which is complete or not there.
   *
   * @param file where to write
   * @throws IOException when it cannot be written
   */
  public void save(Path file) throws IOException {
    OverlayFile.save(file, nextId, keys, layers);
  }

  /**
   * Reads keys from a file and attaches them, in place of any other overlay.
   *
   * @param network the network that they were saved for, or a restored copy
   * @param file a file of {@link #save}
   * @return the overlay
   * @throws IOException when the file cannot be read
   * @throws IllegalArgumentException when it is no complete overlay, or belongs to a network with
   *     other layers or sub-keys
   */
  public static KeyOverlay load(ComputationGraph network, Path file) throws IOException {
    KeyOverlay overlay = new KeyOverlay(network);
    overlay.nextId = OverlayFile.load(file, overlay.keys, overlay.layers);
    overlay.attach();
    return overlay;
  }
}
