package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Makes the last dense pass of {@code fit()} over a table sparse too: after {@code
 * RowSparseTraining.attach(network)}, the network subtracts only the rows of its tables that the
 * step has touched, instead of its whole gradient view.
 *
 * <p>Training gives the same bits with and without; without, every step reads and writes each table
 * once. DL4J keeps no such setting in a saved or cloned network: attach again after restoring.
 * ParallelWrapper with shared gradients replaces it by its own, and then trains the dense way.
 */
public final class RowSparseTraining {

  private RowSparseTraining() {}

  /**
   * Attaches row-sparse steps to an initialised network.
   *
   * @param network network to train; may hold any layers
   * @throws IllegalStateException if the network is not initialised
   */
  public static void attach(MultiLayerNetwork network) {
    requireInitialised(network.getLayers());
    Segments segments = new Segments();
    for (Layer layer : network.getLayers()) {
      segments.add(layer, layer.numParams());
    }
    network.setGradientsAccumulator(new RowSparseStep(segments.dense(), segments.tables));
  }

  /**
   * Attaches row-sparse steps to an initialised network.
   *
   * @param network network to train; may hold any layers and vertices
   * @throws IllegalStateException if the network is not initialised
   */
  public static void attach(ComputationGraph network) {
    requireInitialised(network.getLayers());
    Segments segments = new Segments();
    for (int index : network.topologicalSortOrder()) {
      GraphVertex vertex = network.getVertices()[index];
      segments.add(vertex.getLayer(), vertex.numParams());
    }
    network.setGradientsAccumulator(new RowSparseStep(segments.dense(), segments.tables));
  }

  private static void requireInitialised(Layer[] layers) {
    if (layers == null || Arrays.asList(layers).contains(null)) {
      throw new IllegalStateException(
          "[RowSparseTraining] network: expected an initialised network, got one without layers."
              + " Fix: call network.init() before attach.");
    }
  }

  /** The parameters of a network in order, cut into dense stretches and tables. */
  private static final class Segments {

    private final List<long[]> dense = new ArrayList<>();
    private final List<RowTable> tables = new ArrayList<>();
    private long start;
    private long end;

    void add(Layer layer, long numParams) {
      Layer inside = layer;
      while (inside instanceof BaseWrapperLayer wrapper) {
        inside = wrapper.getUnderlying();
      }
      if (!(inside instanceof LayerRuntime<?> runtime) || runtime.rowTable() == null) {
        end += numParams;
        return;
      }
      for (Map.Entry<String, INDArray> parameter : inside.paramTable(false).entrySet()) {
        if (parameter.getKey().equals(runtime.rowTable().key())) {
          cut(parameter.getValue().length());
          tables.add(runtime.rowTable());
        } else {
          end += parameter.getValue().length();
        }
      }
    }

    private void cut(long length) {
      if (end > start) {
        dense.add(new long[] {start, end});
      }
      end += length;
      start = end;
    }

    List<long[]> dense() {
      cut(0);
      return dense;
    }
  }
}
