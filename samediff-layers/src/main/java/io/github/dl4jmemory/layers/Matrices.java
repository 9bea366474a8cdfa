package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Products of matrices into given arrays in 'c' order. BLAS writes 'f' order, so the transposed
 * product is asked for: it needs no copy.
 */
final class Matrices {

  private Matrices() {}

  /** out = a b. */
  static void product(INDArray a, INDArray b, INDArray out) {
    Nd4j.gemm(b.transpose(), a.transpose(), out.transpose(), false, false, 1, 0);
  }

  /** out = a b + out. */
  static void addProduct(INDArray a, INDArray b, INDArray out) {
    Nd4j.gemm(b.transpose(), a.transpose(), out.transpose(), false, false, 1, 1);
  }
}
