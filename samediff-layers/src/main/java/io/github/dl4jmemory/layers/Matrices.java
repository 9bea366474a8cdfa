package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.broadcast.BroadcastMulOp;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Products of matrices into given arrays in 'c' order, by BLAS. Factors may be transposed views:
 * neither they nor the result are copied on the way.
 */
final class Matrices {

  private Matrices() {}

  /** The array itself if its elements lie in 'c' order without gaps, else such a copy. */
  static INDArray contiguous(INDArray array) {
    long expected = 1;
    for (int axis = array.rank() - 1; axis >= 0; axis--) {
      if (array.size(axis) != 1 && array.stride(axis) != expected) {
        return array.dup('c');
      }
      expected *= array.size(axis);
    }
    return array;
  }

  /** out[i, j] = rows[i, j] * factors[j]; returns out, which may be rows. */
  static INDArray scaleColumns(INDArray rows, INDArray factors, INDArray out) {
    return Nd4j.exec(new BroadcastMulOp(rows, factors, out, 1));
  }

  /** out = a b; returns out. */
  static INDArray product(INDArray a, INDArray b, INDArray out) {
    return Nd4j.gemm(a, b, out, false, false, 1, 0);
  }

  /** out = a b + out; returns out. */
  static INDArray addProduct(INDArray a, INDArray b, INDArray out) {
    return Nd4j.gemm(a, b, out, false, false, 1, 1);
  }
}
