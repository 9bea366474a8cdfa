package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.PoolUsage;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Draws reports of {@link io.github.dl4jmemory.layers.MemoryTelemetry} as PNGs, one line a pool,
 * without a display: {@code Files.write(png, UsageChart.lorenz(UsageFile.read(file)))}.
 */
public final class UsageChart {

  private UsageChart() {}

  /**
   * The Lorenz curves of the last reports: which part of the reads the least used slots have. The
   * diagonal is even use; the lower a curve hangs, the fewer slots do the work.
   *
   * @param reports of any number of pools; at least one
   * @return a PNG
   */
  public static byte[] lorenz(List<PoolUsage> reports) {
    XYChart chart = Charts.empty("Reads by slot", "least used slots (%)", "their reads (%)");
    chart.getStyler().setLegendPosition(Styler.LegendPosition.InsideNW);
    Map<String, PoolUsage> last = new LinkedHashMap<>();
    reports.forEach(report -> last.put(report.pool(), report));
    line(chart, "even use", new double[] {0, 100}, new double[] {0, 100});
    last.forEach(
        (pool, report) -> {
          double[] parts = percent(report.counts().lorenz());
          double step = 100.0 / (parts.length - 1);
          double[] slots = IntStream.range(0, parts.length).mapToDouble(i -> i * step).toArray();
          line(chart, pool, slots, parts);
        });
    return Charts.png(chart);
  }

  /**
   * The share of slots that were read between two reports, over the training.
   *
   * @param reports of any number of pools; at least one
   * @return a PNG
   */
  public static byte[] history(List<PoolUsage> reports) {
    XYChart chart =
        Charts.empty("Slots in use", "iteration", "slots read since the last report (%)");
    Map<String, List<PoolUsage>> byPool =
        reports.stream()
            .collect(
                Collectors.groupingBy(PoolUsage::pool, LinkedHashMap::new, Collectors.toList()));
    byPool.forEach(
        (pool, all) ->
            line(
                chart,
                pool,
                all.stream().mapToDouble(PoolUsage::iteration).toArray(),
                percent(all.stream().map(report -> report.counts().share()).toList())));
    return Charts.png(chart);
  }

  private static double[] percent(List<Double> shares) {
    return shares.stream().mapToDouble(share -> 100 * share).toArray();
  }

  private static void line(XYChart chart, String name, double[] x, double[] y) {
    chart.addSeries(name, x, y).setMarker(SeriesMarkers.NONE);
  }
}
