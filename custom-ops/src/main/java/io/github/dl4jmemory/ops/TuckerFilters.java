package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Leading singular vectors of the sum of a head's cores, in double. */
final class TuckerFilters {

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
      double[][] sum = new double[rank][rank];
      for (int i = 0; i < coreCount * rank * rank; i++) {
        sum[i / rank % rank][i % rank] += elements[head * coreCount * rank * rank + i];
      }
      scale(sum);
      leading(new SingularValues(sum), rank, before, filters, head * 2 * rank);
    }
    return Nd4j.createFromArray(filters).castTo(cores.dataType()).reshape(heads, 2, rank);
  }

  /** Divides by the largest element: no square overflows, and none vanishes. */
  private static void scale(double[][] matrix) {
    double largest = 0;
    for (double[] row : matrix) {
      for (double element : row) {
        largest = Math.max(largest, Math.abs(element));
      }
    }
    for (double[] row : matrix) {
      for (int a = 0; largest > 0 && a < row.length; a++) {
        row[a] /= largest;
      }
    }
  }

  /**
   * Puts u and t at an offset of filters. Of equal singular values, those of the first; of a zero
   * matrix the vectors before, or those of the first axes.
   */
  private static void leading(
      SingularValues singular, int rank, double[] before, double[] filters, int at) {
    int best = singular.largest();
    if (singular.value(best) == 0) {
      zero(before, filters, at, rank);
      return;
    }
    for (int a = 0; a < rank; a++) {
      filters[at + a] = singular.left(best, a);
      filters[at + rank + a] = singular.right(best, a);
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
}
