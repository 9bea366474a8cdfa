package io.github.dl4jmemory.zoo;

import java.util.ArrayList;
import java.util.List;

/** Loss over training: one point for each stretch of steps. */
record Curve(List<Point> points) {
  /** Mean loss (nats a token) over the stretch that ends at so many tokens. */
  record Point(long tokens, double loss) {}

  Curve {
    points = List.copyOf(points);
  }

  static Curve empty() {
    return new Curve(List.of());
  }

  Curve with(long tokens, double loss) {
    List<Point> longer = new ArrayList<>(points);
    longer.add(new Point(tokens, loss));
    return new Curve(longer);
  }

  double[] tokens() {
    return points.stream().mapToDouble(Point::tokens).toArray();
  }

  double[] losses() {
    return points.stream().mapToDouble(Point::loss).toArray();
  }
}
