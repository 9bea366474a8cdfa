package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.KernelChoice;
import io.github.dl4jmemory.ops.MemoryOps;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.broadcast.BroadcastMulOp;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Products of matrices into given arrays in 'c' order, by BLAS, or by the native kernels where they
 * are faster. Factors may be transposed views: neither they nor the result are copied on the way.
 */
final class Matrices {

  /**
   * Rows up to which the native kernels are faster: they read the second factor as it lies, BLAS
   * first copies it.
   */
  static final int FEW = 64;

  private Matrices() {}

  /** The array itself if its elements lie in 'c' order without gaps, else such a copy. */
  static INDArray contiguous(INDArray array) {
    return isDense(array) ? array : array.dup('c');
  }

  private static boolean isDense(INDArray array) {
    long expected = 1;
    for (int axis = array.rank() - 1; axis >= 0; axis--) {
      if (array.size(axis) != 1 && array.stride(axis) != expected) {
        return false;
      }
      expected *= array.size(axis);
    }
    return true;
  }

  private static boolean isNative() {
    return KernelChoice.chosen() == KernelChoice.NATIVE;
  }

  /** out[i, j] = rows[i, j] * factors[j]; returns out, which may be rows. */
  static INDArray scaleColumns(INDArray rows, INDArray factors, INDArray out) {
    return Nd4j.exec(new BroadcastMulOp(rows, factors, out, 1));
  }

  /**
   * out = a b; returns out. Of up to {@link #FEW} rows, native kernels form each in the same order
   * whatever the others: it has the same bits alone. More rows, or other kernels: as BLAS rounds.
   */
  static INDArray product(INDArray a, INDArray b, INDArray out) {
    if (a.rows() <= FEW && isDense(a) && isDense(b) && isDense(out) && isNative()) {
      INDArray starts = Nd4j.createFromArray(0L, a.size(0));
      MemoryOps.groupedMatmul(a, b.reshape('c', 1, b.size(0), b.size(1)), starts, out);
      return out;
    }
    return Nd4j.gemm(a, b, out, false, false, 1, 0);
  }

  /** out = a b + out; returns out. */
  static INDArray addProduct(INDArray a, INDArray b, INDArray out) {
    return Nd4j.gemm(a, b, out, false, false, 1, 1);
  }
}
