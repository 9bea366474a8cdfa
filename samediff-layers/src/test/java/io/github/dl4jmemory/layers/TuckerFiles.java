package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/**
 * Small networks of sequences around an UltraMem or UltraMemV2, with its table in a file or not.
 */
final class TuckerFiles {

  private static final Map<String, String> TABLES = Map.of("FV", "V", "FP", "P");

  private TuckerFiles() {}

  static ComputationGraph graph(TuckerMemory memory) {
    return Networks.sequenceGraph(memory, RNNFormat.NWC, DataType.FLOAT, new Adam(1e-2));
  }

  /** A graph with the table in a file of this name. */
  static ComputationGraph graph(TuckerMemory memory, Path file) {
    return graph(memory.withFile(file.toString(), ValueStorage.FLOAT32));
  }

  static DataSet batch(int seed) {
    Nd4j.getRandom().setSeed(300 + seed);
    return new DataSet(
        Nd4j.randn(DataType.FLOAT, 3, 4, Networks.IN),
        Nd4j.randn(DataType.FLOAT, 3, 4, Networks.OUT));
  }

  static void train(ComputationGraph graph, int from, int to) {
    for (int step = from; step < to; step++) {
      graph.fit(batch(step));
    }
  }

  static LayerRuntime<?> memory(Model network) {
    Layer layer =
        network instanceof MultiLayerNetwork layers
            ? layers.getLayer(0)
            : ((ComputationGraph) network).getLayer("memory");
    return (LayerRuntime<?>)
        (layer instanceof BaseWrapperLayer wrapper ? wrapper.getUnderlying() : layer);
  }

  static List<FileTable> tables(Model network) {
    return new ArrayList<>(memory(network).fileTables());
  }

  /** The rows of all tables. */
  static List<INDArray> rows(Model network) {
    return tables(network).stream().map(FilePools::values).toList();
  }

  /** Gives the graph with a file the parameters of one without. */
  static void copy(ComputationGraph from, ComputationGraph to) {
    to.getLayer("out").setParams(from.getLayer("out").params().dup());
    List<FileTable> tables = tables(to);
    memory(to)
        .paramTable(false)
        .forEach(
            (key, parameter) -> {
              if (TABLES.containsKey(key)) {
                FileTable table = tables.get(key.equals("FV") ? 0 : 1);
                INDArray values = memory(from).getParam(TABLES.get(key));
                FilePools.write(table, sliced(values, table));
              } else {
                parameter.assign(memory(from).getParam(key));
              }
            });
  }

  private static INDArray sliced(INDArray values, FileTable table) {
    return values.reshape('c', table.layout().slots(), table.layout().valueSize());
  }

  /** All parameters of a graph without a file and of one with it. */
  static void same(ComputationGraph memory, ComputationGraph file) {
    sameOthers(memory, file);
    List<FileTable> tables = tables(file);
    for (int i = 0; i < tables.size(); i++) {
      INDArray expected = memory(memory).getParam(i == 0 ? "V" : "P");
      AssertClose.same("table " + i, Elements.doubles(expected), FilePools.values(tables.get(i)));
    }
  }

  /** All parameters, rows and moments of two networks with files. */
  static void sameFiles(Model expected, Model actual) {
    sameOthers(expected, actual);
    for (int i = 0; i < tables(expected).size(); i++) {
      PoolRows was = FilePools.all(tables(expected).get(i).file());
      PoolRows is = FilePools.all(tables(actual).get(i).file());
      AssertClose.same("table " + i, Elements.doubles(was.values().values()), is.values().values());
      if (was.values().scales() != null) {
        AssertClose.same("scales", Elements.doubles(was.values().scales()), is.values().scales());
      }
      if (was.m() != null) {
        AssertClose.same("m", Elements.doubles(was.m()), is.m());
        AssertClose.same("v", Elements.doubles(was.v()), is.v());
      }
    }
  }

  private static void sameOthers(Model expected, Model actual) {
    memory(actual)
        .paramTable(false)
        .forEach(
            (key, parameter) -> {
              if (!TABLES.containsKey(key)) {
                AssertClose.same(key, Elements.doubles(memory(expected).getParam(key)), parameter);
              }
            });
  }
}
