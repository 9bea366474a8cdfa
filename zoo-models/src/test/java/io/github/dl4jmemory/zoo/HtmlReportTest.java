package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

class HtmlReportTest {
  private static final Curve CURVE = Curve.empty().with(100, 5.0).with(200, 3.5);
  private static final List<ModelReport> MODELS =
      List.of(
          new ModelReport("dense", 3e-3, 1000, 70, 1234.4, 2.5, Map.of("recall", 0.25), CURVE),
          new ModelReport("memory", 1e-3, 1010, 900, 999.6, 1.5, Map.of("recall", 0.75), CURVE));
  private static final List<ModelReport> ALL =
      List.of(
          new ModelReport(
              "dense",
              1.5e-3,
              1000,
              70,
              1111.6,
              2.7,
              Map.of("recall", 0.125, "recall that chose the rate", 0.375),
              CURVE));

  @Test
  void showsEveryFigureAndNeedsNoOtherFile() {
    String page =
        HtmlReport.render(
            "A <run>",
            List.of("2 people & more"),
            MODELS,
            ALL,
            List.of(new Answer("Where?", "\"Here\"", "There")),
            new byte[] {1, 2, 3},
            new byte[] {4, 5, 6});
    assertTrue(page.contains("<h1>A &lt;run&gt;</h1>"), page);
    assertTrue(page.contains("<li>2 people &amp; more</li>"), page);
    assertTrue(page.contains("<tr><td>recall</td><td>0.2500</td><td>0.7500</td></tr>"), page);
    assertTrue(
        page.contains("<tr><td>training tokens per second</td><td>1234</td><td>1000</td></tr>"));
    assertTrue(
        page.contains(
            "<tr><td>dense</td><td>1.5e-3</td><td>0.3750</td><td>0.1250</td><td>1112</td></tr>"),
        page);
    assertTrue(page.contains("<tr><td>Where?</td><td>&quot;Here&quot;</td><td>There</td></tr>"));
    assertTrue(page.contains("data:image/png;base64,AQID"), page);
    assertTrue(page.contains("data:image/png;base64,BAUG"), page);
    assertFalse(page.contains("http"), "nothing is fetched");
  }

  @Test
  void saysWhenThereIsNoPicture() {
    String page = HtmlReport.render("A run", List.of(), MODELS, ALL, List.of(), null, null);
    assertTrue(page.contains("this Java has no fonts"), page);
    assertFalse(page.contains("Questions"), page);
  }

  @Test
  void curvesAreAPng() throws IOException {
    var image = ImageIO.read(new ByteArrayInputStream(Charts.losses(MODELS)));
    assertEquals(900, image.getWidth());
    assertEquals(480, image.getHeight());
  }
}
