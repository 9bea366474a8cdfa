package io.github.dl4jmemory.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Lines over one axis, both axes logarithmic, as a PNG.
 *
 * @param xAxis what the axis counts
 * @param yAxis what the lines show
 * @param xs places of the points
 * @param lines values by the names of the lines
 */
record LineChart(String xAxis, String yAxis, List<Double> xs, Map<String, List<Double>> lines) {

  void write(Path png) throws IOException {
    XYChart chart =
        new XYChartBuilder()
            .width(900)
            .height(480)
            .xAxisTitle(xAxis)
            .yAxisTitle(yAxis)
            .theme(Styler.ChartTheme.XChart)
            .build();
    chart.getStyler().setXAxisLogarithmic(true);
    chart.getStyler().setYAxisLogarithmic(true);
    chart.getStyler().setLegendPosition(Styler.LegendPosition.OutsideE);
    lines.forEach((name, ys) -> chart.addSeries(name, xs, ys).setMarker(SeriesMarkers.CIRCLE));
    BitmapEncoder.saveBitmap(chart, png.toString(), BitmapEncoder.BitmapFormat.PNG);
  }
}
