package io.github.dl4jmemory.zoo;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Draws quality against the slots of the memory: a line a seed, and a level one, the dense model.
 */
record SizeChart(List<SizeTrial.Result> results, String measure) {

  byte[] png() throws IOException {
    XYChart chart =
        new XYChartBuilder()
            .width(900)
            .height(480)
            .xAxisTitle("slots of the memory")
            .yAxisTitle(measure)
            .theme(Styler.ChartTheme.XChart)
            .build();
    chart.getStyler().setXAxisLogarithmic(true);
    chart.getStyler().setLegendPosition(Styler.LegendPosition.OutsideE);
    results.stream().map(this::seed).distinct().sorted().forEach(seed -> addSeed(chart, seed));
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    BitmapEncoder.saveBitmap(chart, png, BitmapEncoder.BitmapFormat.PNG);
    return png.toByteArray();
  }

  private void addSeed(XYChart chart, long seed) {
    List<SizeTrial.Result> memories =
        results.stream()
            .filter(result -> seed(result) == seed && result.slots() > 0)
            .sorted(Comparator.comparingLong(SizeTrial.Result::slots))
            .toList();
    if (memories.isEmpty()) {
      return;
    }
    double[] slots = memories.stream().mapToDouble(SizeTrial.Result::slots).toArray();
    double[] values = memories.stream().mapToDouble(this::value).toArray();
    chart.addSeries("memory, seed " + seed, slots, values).setMarker(SeriesMarkers.CIRCLE);
    results.stream()
        .filter(result -> seed(result) == seed && result.slots() == 0)
        .findFirst()
        .ifPresent(dense -> addDense(chart, seed, slots, value(dense)));
  }

  private static void addDense(XYChart chart, long seed, double[] slots, double value) {
    double[] ends = {slots[0], slots[slots.length - 1]};
    XYSeries series = chart.addSeries("dense, seed " + seed, ends, new double[] {value, value});
    series.setMarker(SeriesMarkers.NONE);
    series.setLineStyle(new java.awt.BasicStroke(2, 0, 0, 10, new float[] {6}, 0));
  }

  private long seed(SizeTrial.Result result) {
    return result.settings().seed();
  }

  private double value(SizeTrial.Result result) {
    return result.report().scores().get(measure);
  }
}
