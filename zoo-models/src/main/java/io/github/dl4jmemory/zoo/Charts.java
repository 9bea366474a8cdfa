package io.github.dl4jmemory.zoo;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws curves as PNGs, without a display. */
final class Charts {
  private static final int SHORTEST_CUT = 10; // points

  private Charts() {}

  /** Loss against tokens, one line a model. */
  static byte[] losses(List<ModelReport> models) {
    XYChart chart =
        empty(
            "Training loss at equal compute per token", "training tokens", "loss (nats per token)");
    for (ModelReport model : models) {
      Curve curve = model.curve();
      if (!curve.points().isEmpty()) {
        chart.addSeries(model.name(), curve.tokens(), curve.losses()).setMarker(SeriesMarkers.NONE);
      }
    }
    yAxisEnd(models, chart);
    return png(chart);
  }

  /** A chart without lines. */
  static XYChart empty(String title, String xAxis, String yAxis) {
    XYChart chart =
        new XYChartBuilder()
            .width(900)
            .height(480)
            .title(title)
            .xAxisTitle(xAxis)
            .yAxisTitle(yAxis)
            .theme(Styler.ChartTheme.XChart)
            .build();
    chart.getStyler().setLegendPosition(Styler.LegendPosition.InsideNE);
    return chart;
  }

  static byte[] png(XYChart chart) {
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    try {
      BitmapEncoder.saveBitmap(chart, png, BitmapEncoder.BitmapFormat.PNG);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return png.toByteArray();
  }

  /** The fall of the first tenth leaves the picture, so that what the models differ in is seen. */
  private static void yAxisEnd(List<ModelReport> models, XYChart chart) {
    models.stream()
        .map(ModelReport::curve)
        .filter(curve -> curve.points().size() >= SHORTEST_CUT)
        .mapToDouble(curve -> curve.points().get(curve.points().size() / 10).loss())
        .filter(Double::isFinite)
        .max()
        .ifPresent(chart.getStyler()::setYAxisMax);
  }
}
