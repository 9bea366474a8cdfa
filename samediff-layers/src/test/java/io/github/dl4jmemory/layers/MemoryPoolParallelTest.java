package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.deeplearning4j.core.storage.Persistable;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayerWithBackprop;
import org.deeplearning4j.optimize.solvers.accumulation.encoding.threshold.FixedThresholdAlgorithm;
import org.deeplearning4j.parallelism.ParallelWrapper;
import org.deeplearning4j.ui.model.stats.StatsListener;
import org.deeplearning4j.ui.model.stats.api.StatsReport;
import org.deeplearning4j.ui.model.stats.api.StatsType;
import org.deeplearning4j.ui.model.storage.InMemoryStatsStorage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;

/** DL4J's workers, training UI and other frozen layers on graphs with a memory pool. */
class MemoryPoolParallelTest {

  @ParameterizedTest
  @EnumSource(
      value = ParallelWrapper.TrainingMode.class,
      names = {"AVERAGING", "SHARED_GRADIENTS"})
  void parallelTraining(ParallelWrapper.TrainingMode mode) {
    MemoryPool.Builder pool = PoolGraphs.pool().valuesUpdater(new Adam(1e-2)); // as the threshold
    ComputationGraph graph =
        PoolGraphs.initialised(PoolGraphs.twoReaders(DataType.FLOAT, new Adam(1e-2), pool, "pool"));
    List<DataSet> batches = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      batches.add(PoolGraphs.batch(DataType.FLOAT, i % 2));
    }
    DataSet all = DataSet.merge(batches.subList(0, 2));
    double before = graph.score(all);
    INDArray table = graph.getLayer("pool").getParam("V").dup();
    ParallelWrapper wrapper =
        new ParallelWrapper.Builder<>(graph)
            .workers(2)
            .averagingFrequency(1)
            .prefetchBuffer(0)
            .trainingMode(mode)
            .thresholdAlgorithm(new FixedThresholdAlgorithm(1e-2)) // of SHARED_GRADIENTS
            .build();
    try {
      for (int epoch = 0; epoch < 3; epoch++) {
        wrapper.fit(new ListDataSetIterator<>(batches, 13));
      }
    } finally {
      wrapper.shutdown();
    }
    double after = graph.score(all);
    assertTrue(after < 0.98 * before, mode + ": " + before + " -> " + after);
    assertNotEquals(table, graph.getLayer("pool").getParam("V"), "the table");
  }

  @Test
  void theTrainingUiShowsOneTable() {
    ComputationGraph graph = PoolGraphs.forTraining();
    InMemoryStatsStorage storage = new InMemoryStatsStorage();
    graph.setListeners(new StatsListener(storage, 1));
    graph.fit(PoolGraphs.batch(DataType.FLOAT, 0));
    graph.fit(PoolGraphs.batch(DataType.FLOAT, 1));
    String session = storage.listSessionIDs().get(0);
    List<Persistable> reports = storage.getAllUpdatesAfter(session, StatsListener.TYPE_ID, 0);
    StatsReport report = (StatsReport) reports.get(1);
    for (StatsType type : List.of(StatsType.Parameters, StatsType.Gradients, StatsType.Updates)) {
      Set<String> keys = report.getMeanMagnitudes(type).keySet();
      assertEquals(1, keys.stream().filter(key -> key.endsWith("_V")).count(), type + " " + keys);
      assertTrue(report.getMeanMagnitudes(type).get("pool_V") > 0, type + " of V");
    }
  }

  /** DL4J's other frozen layer, as a wrapper in the configuration: it passes gradients on. */
  @Test
  void frozenPoolWithBackprop() {
    ComputationGraph graph = PoolGraphs.forTraining();
    PoolGraphs.freezeWithBackprop(graph, "pool");
    ComputationGraph frozen = new ComputationGraph(graph.getConfiguration().clone());
    frozen.init(graph.params().dup(), false);
    assertInstanceOf(FrozenLayerWithBackprop.class, frozen.getLayer("pool"));
    INDArray table = frozen.getLayer("pool").params().dup();
    INDArray reader = frozen.getLayer("memory1").params().dup();
    frozen.fit(PoolGraphs.batch(DataType.FLOAT, 0));
    frozen.fit(PoolGraphs.batch(DataType.FLOAT, 1));
    AssertClose.same("pool", Elements.doubles(table), frozen.getLayer("pool").params());
    assertNotEquals(reader, frozen.getLayer("memory1").params(), "reader");
  }
}
