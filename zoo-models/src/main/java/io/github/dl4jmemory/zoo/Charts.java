package io.github.dl4jmemory.zoo;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws the training curves as a PNG, without a display. */
final class Charts {
  private static final int SHORTEST_CUT = 10; // points

  private Charts() {}

  /** Loss against tokens, one line a model. */
  static byte[] losses(List<ModelReport> models) throws IOException {
    XYChart chart =
        new XYChartBuilder()
            .width(900)
            .height(480)
            .title("Training loss at equal compute per token")
            .xAxisTitle("training tokens")
            .yAxisTitle("loss (nats per token)")
            .theme(Styler.ChartTheme.XChart)
            .build();
    chart.getStyler().setLegendPosition(Styler.LegendPosition.InsideNE);
    for (ModelReport model : models) {
      Curve curve = model.curve();
      if (!curve.points().isEmpty()) {
        chart.addSeries(model.name(), curve.tokens(), curve.losses()).setMarker(SeriesMarkers.NONE);
      }
    }
    yAxisEnd(models, chart);
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    BitmapEncoder.saveBitmap(chart, png, BitmapEncoder.BitmapFormat.PNG);
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
