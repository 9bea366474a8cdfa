package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.MemoryOps;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Products of rows that are sorted by expert with weights [experts, in, out]: one an expert. */
record ExpertProducts(ExpertRouting<?> routing, int experts) {

  /** Rows an expert up to which its weights are read as they lie; BLAS first copies them. */
  private static final int FEW = 16;

  private interface Expert {
    void visit(int expert, int from, int to);
  }

  /** out = rows w; returns out. Weights of experts without rows are not read. */
  INDArray product(INDArray rows, INDArray w, INDArray out) {
    if (routing.hasFewRows(FEW)) {
      MemoryOps.groupedMatmul(rows, w, routing.starts(), out);
      return out;
    }
    forEachHit(
        (expert, from, to) ->
            Matrices.product(part(rows, from, to), of(w, expert), part(out, from, to)));
    return out;
  }

  /** out = rows w', with w' the transposed weights of each expert; returns out. */
  INDArray transposedProduct(INDArray rows, INDArray w, INDArray out) {
    forEachHit(
        (expert, from, to) ->
            Matrices.product(part(rows, from, to), of(w, expert).transpose(), part(out, from, to)));
    return out;
  }

  /** out = rows w' + out. */
  void addTransposedProduct(INDArray rows, INDArray w, INDArray out) {
    forEachHit(
        (expert, from, to) ->
            Matrices.addProduct(
                part(rows, from, to), of(w, expert).transpose(), part(out, from, to)));
  }

  /** Gradient of w in {@link #product}; zeros for experts without rows. */
  void weightGradient(INDArray rows, INDArray outGradients, INDArray wGradient) {
    for (int expert = 0; expert < experts; expert++) {
      if (routing.start(expert) == routing.start(expert + 1)) {
        of(wGradient, expert).assign(0);
      }
    }
    forEachHit(
        (expert, from, to) ->
            Matrices.product(
                part(rows, from, to).transpose(),
                part(outGradients, from, to),
                of(wGradient, expert)));
  }

  private void forEachHit(Expert action) {
    for (int expert = 0; expert < experts; expert++) {
      int from = routing.start(expert);
      int to = routing.start(expert + 1);
      if (from < to) {
        action.visit(expert, from, to);
      }
    }
  }

  /** The matrix [in, out] of one expert: a view. (M2.1's slice and get fail on some views.) */
  static INDArray of(INDArray w, int expert) {
    return w.tensorAlongDimension(expert, 1, 2);
  }

  private static INDArray part(INDArray rows, int from, int to) {
    return rows.get(NDArrayIndex.interval(from, to), NDArrayIndex.all());
  }
}
