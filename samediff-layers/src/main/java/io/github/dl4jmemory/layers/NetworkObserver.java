package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;

/** Watches every table of a network that memories read. */
final class NetworkObserver {

  private final Model network;
  private final List<TableObserver> tables = new ArrayList<>();

  /**
   * Watches nothing yet.
   *
   * @param countSubKeys whether reads are counted by sub-key too
   */
  NetworkObserver(Model network, boolean countSubKeys) {
    this.network = network;
    for (Layer layer : layers(network)) {
      Layer inside = layer;
      while (inside instanceof BaseWrapperLayer wrapper) {
        inside = wrapper.getUnderlying();
      }
      if (inside instanceof ProductKeyLookupRuntime<?> reader) {
        LayerRuntime<?> owner = reader.tableOwner();
        if (countSubKeys) {
          requireRevivable(owner);
        }
        table(owner, reader.layerConf().getSubKeys()).add(reader, countSubKeys);
      }
    }
    Require.that(
        !tables.isEmpty(),
        "MemoryTelemetry",
        "network",
        "one with a ProductKeyMemory, or with a MemoryPool and its readers",
        "one without",
        "add a memory, or take the listener away");
  }

  private static void requireRevivable(LayerRuntime<?> owner) {
    Require.that(
        !owner.rowTables().isEmpty(),
        "MemoryTelemetry",
        "reviveSubKeys",
        "tables that are parameters of the network",
        owner.title() + ", which has a file",
        "leave out reviveSubKeys(...)");
  }

  private static Layer[] layers(Model network) {
    if (network instanceof ComputationGraph graph) {
      return graph.getLayers();
    }
    Require.that(
        network instanceof MultiLayerNetwork,
        "MemoryTelemetry",
        "network",
        "a MultiLayerNetwork or a ComputationGraph",
        network == null ? "null" : network.getClass().getSimpleName(),
        "pass the network that holds the memory");
    return ((MultiLayerNetwork) network).getLayers();
  }

  private TableObserver table(LayerRuntime<?> owner, long subKeys) {
    for (TableObserver table : tables) {
      if (table.owner() == owner) {
        return table;
      }
    }
    TableObserver table = new TableObserver(owner, subKeys * subKeys);
    tables.add(table);
    return table;
  }

  boolean watches(Model other) {
    return network == other;
  }

  void begin(boolean sampleRows) {
    tables.forEach(table -> table.begin(sampleRows));
  }

  void end() {
    tables.forEach(TableObserver::end);
  }

  /** Reports on all tables, in the order of the network's layers; the next stretch begins. */
  List<PoolUsage> report(
      int iteration, int steps, int window, ToIntFunction<TableObserver> revival) {
    return tables.stream().map(table -> table.report(iteration, steps, window, revival)).toList();
  }
}
