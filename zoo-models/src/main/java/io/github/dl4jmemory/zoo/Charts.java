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
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    BitmapEncoder.saveBitmap(chart, png, BitmapEncoder.BitmapFormat.PNG);
    return png.toByteArray();
  }
}
