package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Leading singular vectors of small matrices, by one-sided Jacobi rotations in double. */
final class TuckerFilters {
  private static final int MOST_SWEEPS = 60;
  private static final double ORTHOGONAL = 1e-15;

  private TuckerFilters() {}

  /** Filters [heads, 2, rank] of cores [heads, cores, rank, rank]; previous may be null. */
  static INDArray of(INDArray cores, INDArray previous) {
    int heads = (int) cores.size(0);
    int coreCount = (int) cores.size(1);
    int rank = (int) cores.size(2);
    double[] elements = cores.dup('c').data().asDouble();
    double[] before =
        previous == null ? new double[heads * 2 * rank] : previous.dup('c').data().asDouble();
    double[] filters = new double[heads * 2 * rank];
    for (int head = 0; head < heads; head++) {
      double[][] columns = new double[rank][rank];
      for (int i = 0; i < coreCount * rank * rank; i++) {
        columns[i % rank][i / rank % rank] += elements[head * coreCount * rank * rank + i];
      }
      scale(columns);
      leading(columns, before, filters, head * 2 * rank);
    }
    return Nd4j.createFromArray(filters).castTo(cores.dataType()).reshape(heads, 2, rank);
  }

  /** Divides by the largest element: no square overflows, and none vanishes. */
  private static void scale(double[][] columns) {
    double largest = 0;
    for (double[] column : columns) {
      for (double element : column) {
        largest = Math.max(largest, Math.abs(element));
      }
    }
    for (double[] column : columns) {
      for (int a = 0; largest > 0 && a < column.length; a++) {
        column[a] /= largest;
      }
    }
  }

  /**
   * Puts u and t of the matrix with these columns at an offset of filters. Of equal singular
   * values, those of the first column; of a zero matrix the vectors before, or those of the first
   * axes.
   */
  private static void leading(double[][] columns, double[] before, double[] filters, int at) {
    int rank = columns.length;
    double[][] right = new double[rank][rank];
    for (int j = 0; j < rank; j++) {
      right[j][j] = 1;
    }
    orthogonalise(columns, right);
    int best = 0;
    for (int j = 1; j < rank; j++) {
      if (dot(columns[j], columns[j]) > dot(columns[best], columns[best])) {
        best = j;
      }
    }
    double length = Math.sqrt(dot(columns[best], columns[best]));
    if (length == 0) {
      zero(before, filters, at, rank);
      return;
    }
    for (int a = 0; a < rank; a++) {
      filters[at + a] = columns[best][a] / length;
      filters[at + rank + a] = right[best][a];
    }
    if (flipped(before, filters, at, 2 * rank)) {
      for (int a = at; a < at + 2 * rank; a++) {
        filters[a] = -filters[a];
      }
    }
  }

  private static void zero(double[] before, double[] filters, int at, int rank) {
    double size = 0;
    for (int a = at; a < at + 2 * rank; a++) {
      filters[a] = before[a];
      size += Math.abs(before[a]);
    }
    if (size == 0) {
      filters[at] = 1;
      filters[at + rank] = 1;
    }
  }

  /**
   * Whether -(u, t) is to be taken: it is nearer to what was before, by the sum of absolute
   * differences; without a decision there, the sum of the elements is negative, or is zero and the
   * first element that is not zero is negative.
   */
  private static boolean flipped(double[] before, double[] filters, int at, int length) {
    double plus = 0;
    double minus = 0;
    double sum = 0;
    double first = 0;
    for (int a = at; a < at + length; a++) {
      plus += Math.abs(filters[a] - before[a]);
      minus += Math.abs(-filters[a] - before[a]);
      sum += filters[a];
      first = first == 0 ? filters[a] : first;
    }
    if (plus != minus) {
      return minus < plus;
    }
    return sum == 0 ? first < 0 : sum < 0;
  }

  /** Rotates pairs of columns until all are orthogonal; right collects the rotations. */
  private static void orthogonalise(double[][] columns, double[][] right) {
    boolean rotated = true;
    for (int sweep = 0; rotated && sweep < MOST_SWEEPS; sweep++) {
      rotated = false;
      for (int p = 0; p < columns.length; p++) {
        for (int q = p + 1; q < columns.length; q++) {
          rotated |= rotate(columns, right, p, q);
        }
      }
    }
  }

  private static boolean rotate(double[][] columns, double[][] right, int p, int q) {
    double pp = dot(columns[p], columns[p]);
    double qq = dot(columns[q], columns[q]);
    double pq = dot(columns[p], columns[q]);
    if (pq == 0 || Math.abs(pq) <= ORTHOGONAL * Math.sqrt(pp) * Math.sqrt(qq)) {
      return false;
    }
    double cot = (qq - pp) / (2 * pq);
    double tan = (cot < 0 ? -1 : 1) / (Math.abs(cot) + Math.hypot(1, cot));
    double cos = 1 / Math.hypot(1, tan);
    turn(columns[p], columns[q], cos, cos * tan);
    turn(right[p], right[q], cos, cos * tan);
    return true;
  }

  private static void turn(double[] x, double[] y, double cos, double sin) {
    for (int a = 0; a < x.length; a++) {
      double was = x[a];
      x[a] = cos * was - sin * y[a];
      y[a] = sin * was + cos * y[a];
    }
  }

  private static double dot(double[] x, double[] y) {
    double sum = 0;
    for (int a = 0; a < x.length; a++) {
      sum += x[a] * y[a];
    }
    return sum;
  }
}
