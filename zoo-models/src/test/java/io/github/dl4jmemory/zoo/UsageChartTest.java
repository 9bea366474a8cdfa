package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.github.dl4jmemory.layers.MemoryTelemetry;
import io.github.dl4jmemory.layers.PoolUsage;
import io.github.dl4jmemory.layers.UsageFile;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UsageChartTest {
  @TempDir Path folder;

  @Test
  void drawsWhatTheListenerWrote() throws IOException {
    ComputationGraph network = MemoryTransformerTest.tiny().build().init();
    Path file = folder.resolve("usage.jsonl");
    network.addListeners(MemoryTelemetry.builder().every(1).to(UsageFile.at(file)).build());
    for (int step = 0; step < 3; step++) {
      network.fit(TrainingData.batch(List.of(new int[] {1, 2, 3}), 7));
    }
    List<PoolUsage> reports = UsageFile.read(file);
    assertEquals(3 * 1, reports.size() / tables(reports));
    byte[] lorenz = UsageChart.lorenz(reports);
    byte[] history = UsageChart.history(reports);
    assertEquals(900, ImageIO.read(new ByteArrayInputStream(lorenz)).getWidth());
    assertEquals(900, ImageIO.read(new ByteArrayInputStream(history)).getWidth());
    assertFalse(Arrays.equals(lorenz, UsageChart.lorenz(reports.subList(0, tables(reports)))));
  }

  private static int tables(List<PoolUsage> reports) {
    return (int) reports.stream().map(PoolUsage::pool).distinct().count();
  }
}
