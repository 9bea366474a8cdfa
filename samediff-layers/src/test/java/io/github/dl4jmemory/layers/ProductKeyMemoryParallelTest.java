package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.deeplearning4j.core.storage.Persistable;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.solvers.accumulation.encoding.threshold.FixedThresholdAlgorithm;
import org.deeplearning4j.parallelism.ParallelInference;
import org.deeplearning4j.parallelism.ParallelWrapper;
import org.deeplearning4j.parallelism.inference.InferenceMode;
import org.deeplearning4j.ui.model.stats.StatsListener;
import org.deeplearning4j.ui.model.stats.api.StatsReport;
import org.deeplearning4j.ui.model.stats.api.StatsType;
import org.deeplearning4j.ui.model.storage.InMemoryStatsStorage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;

class ProductKeyMemoryParallelTest {

  @ParameterizedTest
  @EnumSource(
      value = ParallelWrapper.TrainingMode.class,
      names = {"AVERAGING", "SHARED_GRADIENTS"})
  void parallelTraining(ParallelWrapper.TrainingMode mode) {
    MultiLayerNetwork network =
        Networks.forTraining(Networks.memory().valuesUpdater(new Adam(1e-2)).build());
    List<DataSet> batches = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      batches.add(ProductKeyMemoryLifecycleTest.batch(i % 2));
    }
    DataSet all = DataSet.merge(batches.subList(0, 2));
    double before = network.score(all);
    INDArray table = network.getLayer(0).getParam("V").dup();
    ParallelWrapper wrapper =
        new ParallelWrapper.Builder<>(network)
            .workers(2)
            .averagingFrequency(1)
            .prefetchBuffer(0)
            .trainingMode(mode)
            .thresholdAlgorithm(new FixedThresholdAlgorithm(1e-2)) // of SHARED_GRADIENTS
            .build();
    try {
      for (int epoch = 0; epoch < 3; epoch++) {
        wrapper.fit(new ListDataSetIterator<>(batches, 11));
      }
    } finally {
      wrapper.shutdown();
    }
    double after = network.score(all);
    assertTrue(after < 0.98 * before, mode + ": " + before + " -> " + after);
    assertTrue(!table.equals(network.getLayer(0).getParam("V")), "the table was trained");
  }

  @Test
  void parallelInferenceEqualsInference() {
    MultiLayerNetwork network = ProductKeyMemoryLifecycleTest.trained();
    ParallelInference inference =
        new ParallelInference.Builder(network)
            .workers(2)
            .inferenceMode(InferenceMode.SEQUENTIAL)
            .build();
    try {
      for (int i = 0; i < 6; i++) {
        INDArray x = ProductKeyMemoryLifecycleTest.batch(i).getFeatures();
        assertEquals(network.output(x), inference.output(x));
      }
    } finally {
      inference.shutdown();
    }
  }

  @Test
  void statisticsOfTheTableReachTheTrainingUi() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().build());
    InMemoryStatsStorage storage = new InMemoryStatsStorage();
    network.setListeners(new StatsListener(storage, 1));
    network.fit(ProductKeyMemoryLifecycleTest.batch(0));
    network.fit(ProductKeyMemoryLifecycleTest.batch(1));
    String session = storage.listSessionIDs().get(0);
    List<Persistable> reports = storage.getAllUpdatesAfter(session, StatsListener.TYPE_ID, 0);
    assertEquals(2, reports.size());
    StatsReport report = (StatsReport) reports.get(1);
    for (StatsType type : List.of(StatsType.Parameters, StatsType.Gradients, StatsType.Updates)) {
      Set<String> keys = report.getMeanMagnitudes(type).keySet();
      assertTrue(keys.contains("0_V"), type + " " + keys);
      assertTrue(report.getMeanMagnitudes(type).get("0_V") > 0, type + " of V");
    }
  }
}
