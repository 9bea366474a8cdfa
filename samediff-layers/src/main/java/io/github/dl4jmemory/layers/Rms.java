package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.broadcast.BroadcastMulOp;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

/** Root-mean-square normalisation of rows, without a gain: n = x / sqrt(mean(x²) + epsilon). */
final class Rms {

  private Rms() {}

  /** 1 / sqrt(mean(x²) + epsilon) of every row: [rows, features] to [rows, 1]. */
  static INDArray inverse(INDArray rows, double epsilon) {
    INDArray norm = rows.norm2(true, 1); // sum of squares in one pass, without a copy of the rows
    INDArray meanSquare = norm.muli(norm).divi(rows.size(1)).addi(epsilon);
    return Transforms.pow(Transforms.sqrt(meanSquare, false), -1, false);
  }

  /** out = rows * inverse; out may be rows. */
  static void normalise(INDArray rows, INDArray inverse, INDArray out) {
    Nd4j.exec(new BroadcastMulOp(rows, inverse, out, 0));
  }

  /**
   * Gradient of the rows before normalisation, in place of that after it: dx = inverse * (dn - n *
   * mean(dn * n)).
   *
   * @param gradient dn in, dx out
   * @param normalised n
   */
  static void backward(INDArray gradient, INDArray normalised, INDArray inverse) {
    INDArray along = gradient.mul(normalised).mean(true, 1);
    gradient.subi(normalised.mulColumnVector(along)).muliColumnVector(inverse);
  }
}
