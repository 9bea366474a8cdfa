package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.PageExample;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.deeplearning4j.core.storage.Persistable;
import org.deeplearning4j.core.storage.StatsStorageRouter;
import org.deeplearning4j.core.storage.StorageMetaData;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.ui.model.stats.StatsListener;
import org.deeplearning4j.ui.model.stats.api.StatsReport;
import org.deeplearning4j.ui.model.stats.api.StatsType;
import org.deeplearning4j.ui.model.stats.impl.SbeStatsReport;
import org.deeplearning4j.ui.model.storage.InMemoryStatsStorage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;

/** The examples of docs/how-to/telemetry.md. */
class TelemetryPageTest {

  @TempDir Path folder;

  // page begin
  /** Adds the last report of each pool to what StatsListener tells DL4J's training UI. */
  static final class UsageRouter implements StatsStorageRouter, Consumer<PoolUsage> {
    private final StatsStorageRouter storage;
    private final Map<String, Double> numbers = new ConcurrentHashMap<>();

    UsageRouter(StatsStorageRouter storage, String... pools) {
      this.storage = storage;
      for (String pool : pools) { // the UI draws series of equal length
        show(pool, 0, 0, 0, 0);
      }
    }

    private void show(String pool, double read, double dead, double kl, double gini) {
      numbers.put(pool + "_share read", read);
      numbers.put(pool + "_share dead", dead);
      numbers.put(pool + "_KL", kl);
      numbers.put(pool + "_Gini", gini);
    }

    @Override
    public void accept(PoolUsage usage) {
      SlotSpread counts = usage.counts();
      double dead = usage.deadSlots() / (double) usage.slots();
      show(usage.pool(), counts.share(), dead, counts.kl(), counts.gini());
    }

    @Override
    public void putUpdate(Persistable update) {
      if (update instanceof StatsReport report) {
        Map<String, Double> shown =
            new LinkedHashMap<>(report.getMeanMagnitudes(StatsType.Parameters));
        shown.putAll(numbers);
        report.reportMeanMagnitudes(StatsType.Parameters, shown);
      }
      storage.putUpdate(update);
    }

    @Override
    public void putUpdate(Collection<? extends Persistable> updates) {
      updates.forEach(this::putUpdate);
    }

    @Override
    public void putStaticInfo(Persistable info) {
      storage.putStaticInfo(info);
    }

    @Override
    public void putStaticInfo(Collection<? extends Persistable> infos) {
      storage.putStaticInfo(infos);
    }

    @Override
    public void putStorageMetaData(StorageMetaData data) {
      storage.putStorageMetaData(data);
    }

    @Override
    public void putStorageMetaData(Collection<? extends StorageMetaData> data) {
      storage.putStorageMetaData(data);
    }
  }

  // page end

  @Test
  void uiGetsTheNumbers() {
    ComputationGraph network = PoolGraphs.forTraining();
    InMemoryStatsStorage storage = new InMemoryStatsStorage();
    // page begin
    UsageRouter router = new UsageRouter(storage, "pool");
    network.addListeners(
        MemoryTelemetry.builder().every(10).to(router).build(), new StatsListener(router, 10));
    // page end
    for (int step = 0; step < 30; step++) {
      network.fit(PoolGraphs.batch(DataType.FLOAT, step));
    }
    String session = storage.listSessionIDs().get(0);
    List<Persistable> updates = storage.getAllUpdatesAfter(session, StatsListener.TYPE_ID, 0);
    assertEquals(2, updates.size());
    for (Persistable update : updates) {
      StatsReport report = new SbeStatsReport();
      report.decode(update.encode()); // as a file or another process gets it
      Map<String, Double> magnitudes = report.getMeanMagnitudes(StatsType.Parameters);
      assertTrue(
          magnitudes.keySet().containsAll(List.of("pool_V", "pool_KL", "pool_share dead")),
          magnitudes.toString());
    }
    double share =
        ((StatsReport) updates.get(1))
            .getMeanMagnitudes(StatsType.Parameters)
            .get("pool_share read");
    assertTrue(share > 0 && share <= 1, "share read " + share);
  }

  @Test
  void fileAndMeasurement() throws IOException {
    ComputationGraph network = PoolGraphs.forTraining();
    Path file = folder.resolve("usage.jsonl");
    // page begin
    network.addListeners(
        MemoryTelemetry.builder()
            .every(100)
            .window(1000)
            .to(usage -> System.out.println(usage.line()))
            .to(UsageFile.at(file))
            .build());
    // page end
    for (int step = 0; step < 100; step++) {
      network.fit(PoolGraphs.batch(DataType.FLOAT, step % 5));
    }
    assertEquals("pool", UsageFile.read(file).get(0).pool());
    var features = PoolGraphs.batch(DataType.FLOAT, 1).getFeatures();
    // page begin
    PoolUsage usage = MemoryTelemetry.measure(network, () -> network.output(features)).get(0);
    // page end
    assertEquals(13 * 8, usage.reads());
  }

  @Test
  void examplesStandOnThePage() throws IOException {
    PageExample.assertStandsOn("docs/how-to/telemetry.md", TelemetryPageTest.class);
  }
}
