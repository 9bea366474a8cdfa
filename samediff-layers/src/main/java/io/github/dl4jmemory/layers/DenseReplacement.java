package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.api.Trainable;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.FrozenVertex;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.databind.ObjectMapper;
import org.nd4j.shade.jackson.databind.node.ObjectNode;

/** Separator attention in the place of dense attention, see SeparatorAttention.replaceDense. */
final class DenseReplacement {

  private static final String TITLE = "SeparatorAttention";
  private static final String MARKS = "separators";

  private final ComputationGraph dense;
  private final TokenMark marks;
  private final int initial;
  private final int[] windows;
  private final ComputationGraphConfiguration conf;

  DenseReplacement(ComputationGraph dense, TokenMark marks, int initial, int[] windows) {
    Require.that(
        dense != null && dense.getVertices() != null,
        TITLE,
        "dense",
        "an initialised network",
        dense == null ? "null" : "one without parameters",
        "call init() before");
    Require.that(
        marks != null,
        TITLE,
        "marks",
        "a SeparatorMarks or IntervalMarks layer",
        null,
        "pass SeparatorMarks.builder().separators(...).build()");
    Require.that(initial >= 0, TITLE, "initial", "a number >= 0", initial, "use 3, or 0");
    this.dense = dense;
    this.marks = marks;
    this.initial = initial;
    this.windows = windows;
    conf = ComputationGraphConfiguration.fromJson(dense.getConfiguration().toJson());
  }

  ComputationGraph network() {
    List<String> attention = new ArrayList<>();
    List<String> embeddings = new ArrayList<>();
    for (int index : dense.topologicalSortOrder()) {
      GraphVertex vertex = dense.getVertices()[index];
      if (inside(vertex.getVertexName()) instanceof CausalAttention) {
        attention.add(vertex.getVertexName());
      } else if (inside(vertex.getVertexName()) instanceof TokenEmbedding) {
        embeddings.add(vertex.getVertexName());
      }
    }
    requireReplaceable(attention, embeddings);
    addMarks(
        conf.getVertexInputs().get(embeddings.get(0)).get(0),
        attention.stream().anyMatch(this::isFrozen));
    for (int i = 0; i < attention.size(); i++) {
      replace(attention.get(i), windows[windows.length == 1 ? 0 : i]);
    }
    conf.setTopologicalOrder(null);
    conf.setTopologicalOrderStr(null);
    ComputationGraph network = new ComputationGraph(conf);
    network.init();
    copyTo(network);
    return network;
  }

  private void requireReplaceable(List<String> attention, List<String> embeddings) {
    Require.that(
        !attention.isEmpty(),
        TITLE,
        "dense",
        "CausalAttention layers",
        "none",
        "pass a network that has some");
    Require.that(
        embeddings.size() == 1,
        TITLE,
        "dense",
        "one TokenEmbedding, whose input are the token ids",
        embeddings,
        "build the graph anew with SeparatorAttention, and copy the parameters");
    Require.that(
        windows != null && (windows.length == 1 || windows.length == attention.size()),
        TITLE,
        "windows",
        "one, or one for each of " + attention,
        windows == null ? "null" : windows.length,
        "pass 64, or 0 for full attention, for each");
    for (GraphVertex vertex : dense.getVertices()) {
      Require.that(
          !(vertex.getLayer() instanceof LayerRuntime<?> layer) || layer.fileTables().isEmpty(),
          TITLE,
          "dense",
          "pools whose tables are in the network's parameters",
          vertex.getVertexName() + ", which has a file",
          "build the graph anew with SeparatorAttention, and open the file there");
    }
    requireFree(MARKS);
    attention.forEach(name -> requireFree(SeparatorAttention.merge(name)));
  }

  private void requireFree(String name) {
    Require.that(
        !conf.getVertices().containsKey(name) && !conf.getNetworkInputs().contains(name),
        TITLE,
        "dense",
        "no vertex named " + name,
        "one",
        "give that vertex another name");
  }

  /** The layer of a vertex, unwrapped if it is frozen; null if there is none. */
  private org.deeplearning4j.nn.conf.layers.Layer inside(String name) {
    if (!(conf.getVertices().get(name) instanceof LayerVertex vertex)) {
      return null;
    }
    org.deeplearning4j.nn.conf.layers.Layer layer = vertex.getLayerConf().getLayer();
    return layer instanceof FrozenLayer frozen ? frozen.getLayer() : layer;
  }

  private boolean isFrozen(String name) {
    return conf.getVertices().get(name) instanceof LayerVertex vertex
        && vertex.getLayerConf().getLayer() instanceof FrozenLayer;
  }

  /** Backpropagation stops at a frozen layer: what feeds it has to be frozen too. */
  private void addMarks(String ids, boolean frozen) {
    NeuralNetConfiguration of = conf.getDefaultConfiguration().clone();
    marks.setLayerName(MARKS);
    of.setLayer(frozen ? new FrozenLayer(marks) : marks);
    conf.getVertices().put(MARKS, new LayerVertex(of, null));
    conf.getVertexInputs().put(MARKS, List.of(ids));
  }

  private void replace(String name, int window) {
    CausalAttention from = (CausalAttention) inside(name);
    SeparatorAttention to = withSettings(from, window);
    SeparatorMerge vertex = new SeparatorMerge(from.getRnnFormat());
    String merge = SeparatorAttention.merge(name);
    boolean frozen = isFrozen(name);
    conf.getVertices().put(merge, frozen ? new FrozenVertex(vertex) : vertex);
    ((LayerVertex) conf.getVertices().get(name))
        .getLayerConf()
        .setLayer(frozen ? new FrozenLayer(to) : to);
    String input = conf.getVertexInputs().get(name).get(0);
    conf.getVertexInputs().put(merge, List.of(input, MARKS));
    conf.getVertexInputs().put(name, List.of(merge));
  }

  /** All settings that the two layers share have one name in JSON. */
  private SeparatorAttention withSettings(CausalAttention from, int window) {
    SeparatorAttention own =
        SeparatorAttention.builder().heads(from.getHeads()).initial(initial).window(window).build();
    ObjectMapper mapper = NeuralNetConfiguration.mapper();
    try {
      ObjectNode settings = (ObjectNode) mapper.readTree(mapper.writeValueAsString(own));
      ObjectNode shared = (ObjectNode) mapper.readTree(mapper.writeValueAsString(from));
      shared.remove(List.of("@class", "layerParams", "nIn"));
      settings.setAll(shared);
      settings.put("nIn", from.getNIn() + 1);
      return mapper.treeToValue(settings, SeparatorAttention.class);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private void copyTo(ComputationGraph network) {
    for (GraphVertex vertex : dense.getVertices()) {
      Trainable from = vertex.hasLayer() ? vertex.getLayer() : vertex;
      GraphVertex same = network.getVertex(vertex.getVertexName());
      Trainable to = same.hasLayer() ? same.getLayer() : same;
      Map<String, INDArray> parameters = from.paramTable(false);
      if (parameters != null) {
        parameters.forEach((key, value) -> copy(network, from, to, key, value));
      }
    }
  }

  private void copy(
      ComputationGraph network, Trainable from, Trainable to, String key, INDArray value) {
    to.paramTable(false).get(key).assign(value);
    UpdaterState state = UpdaterState.of(dense, from, key);
    if (state != null) {
      state.copyTo(UpdaterState.of(network, to, key), value.length());
    }
  }
}
