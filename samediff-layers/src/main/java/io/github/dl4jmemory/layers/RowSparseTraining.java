package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.stepfunctions.NegativeGradientStepFunction;
import org.deeplearning4j.nn.conf.stepfunctions.StepFunction;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Makes {@code fit()} touch nothing of a table but the rows that a step reads: after {@code
 * RowSparseTraining.attach(network)}, gradient and update of a table are one pass over these rows.
 * Without, their gradients and updates stand in the network's gradient view, which the network
 * subtracts as a whole, so that every step reads and writes each table once.
 *
 * <p>Training gives the same bits with and without. The gradient view holds zeros for an attached
 * table: the training UI and other listeners see its values, and zeros as its gradients and
 * updates. The first step asks tables and their Adam state onto huge pages, where the system has
 * them.
 *
 * <p>DL4J keeps no such setting in a saved or cloned network: attach again after restoring.
 * ParallelWrapper with shared gradients replaces it by its own, and then trains the dense way.
 */
public final class RowSparseTraining {

  private RowSparseTraining() {}

  /**
   * Attaches row-sparse steps to an initialised network.
   *
   * @param network network to train; may hold any layers
   * @throws IllegalStateException if the network is not initialised, or its configuration names
   *     another step function than DL4J's default, {@code params -= updates}
   */
  public static void attach(MultiLayerNetwork network) {
    requireInitialised(network.getLayers());
    requirePlainStep(network.conf());
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
   * @throws IllegalStateException if the network is not initialised, or its configuration names
   *     another step function than DL4J's default, {@code params -= updates}
   */
  public static void attach(ComputationGraph network) {
    requireInitialised(network.getLayers());
    requirePlainStep(network.conf());
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

  private static void requirePlainStep(NeuralNetConfiguration conf) {
    StepFunction step = conf.getStepFunction();
    if (step != null && !(step instanceof NegativeGradientStepFunction)) {
      throw new IllegalStateException(
          "[RowSparseTraining] network: expected DL4J's default step function, got "
              + step.getClass().getSimpleName()
              + ". Fix: leave stepFunction out of the network's configuration.");
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
      if (!(inside instanceof LayerRuntime<?> runtime) || !runtime.rowSparse()) {
        end += numParams;
        return;
      }
      for (Map.Entry<String, INDArray> parameter : inside.paramTable(false).entrySet()) {
        RowTable table = runtime.rowTables().get(parameter.getKey());
        if (table != null) {
          cut(parameter.getValue().length());
          tables.add(table);
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
