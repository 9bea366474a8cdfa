package io.github.dl4jmemory.ops;

/**
 * Singular value decomposition of a small square matrix, by one-sided Jacobi rotations in double:
 * {@code matrix = sum over j of value(j) * left(j) right(j)^T}, in no order. Cost: some rank³
 * multiply-adds a sweep, a few sweeps.
 *
 * <p>Source: Hestenes 1958, Inversion of matrices by biorthogonalization.
 */
public final class SingularValues {

  private static final int MOST_SWEEPS = 60;
  private static final double ORTHOGONAL = 1e-15;

  private final double[][] columns; // value(j) * left(j)
  private final double[][] right;

  /**
   * Decomposes a matrix.
   *
   * @param matrix [row][column], square and finite; stays as it is
   */
  public SingularValues(double[][] matrix) {
    int rank = matrix.length;
    columns = new double[rank][rank];
    right = new double[rank][rank];
    for (int j = 0; j < rank; j++) {
      right[j][j] = 1;
      for (int i = 0; i < rank; i++) {
        columns[j][i] = matrix[i][j];
      }
    }
    boolean rotated = true;
    for (int sweep = 0; rotated && sweep < MOST_SWEEPS; sweep++) {
      rotated = false;
      for (int p = 0; p < rank; p++) {
        for (int q = p + 1; q < rank; q++) {
          rotated |= rotate(p, q);
        }
      }
    }
  }

  /**
   * A singular value.
   *
   * @param j from 0
   * @return at least 0
   */
  public double value(int j) {
    return Math.sqrt(dot(columns[j], columns[j]));
  }

  /**
   * An element of left(j) right(j)^T.
   *
   * @param j of the singular value
   * @param row of the matrix
   * @param column of the matrix
   * @return the element; 0 where the singular value is 0
   */
  public double outer(int j, int row, int column) {
    return left(j, row) * right[j][column];
  }

  /** An element of left(j); 0 where the singular value is 0. */
  double left(int j, int row) {
    double value = value(j);
    return value == 0 ? 0 : columns[j][row] / value;
  }

  /** An element of right(j). */
  double right(int j, int column) {
    return right[j][column];
  }

  /**
   * Where the largest singular value is.
   *
   * @return its j, the first of equal ones
   */
  public int largest() {
    int best = 0;
    for (int j = 1; j < columns.length; j++) {
      best = value(j) > value(best) ? j : best;
    }
    return best;
  }

  private boolean rotate(int p, int q) {
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
    for (int i = 0; i < x.length; i++) {
      double was = x[i];
      x[i] = cos * was - sin * y[i];
      y[i] = sin * was + cos * y[i];
    }
  }

  private static double dot(double[] x, double[] y) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += x[i] * y[i];
    }
    return sum;
  }
}
