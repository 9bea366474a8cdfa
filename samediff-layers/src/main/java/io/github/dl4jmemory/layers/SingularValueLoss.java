package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.SingularValues;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * {@code coefficient * sum over heads of sum over i > 1 of max(0, lambda[i] - margin)²}, with
 * lambda the singular values of the sum of a head's cores, in descending order.
 *
 * @param coefficient 0 for no loss
 */
record SingularValueLoss(double coefficient, double margin) {

  static SingularValueLoss of(TuckerMemory layer) {
    int others = layer.getRank() - 1;
    double coefficient = others == 0 ? 0 : layer.getSingularValueLoss() / others;
    return new SingularValueLoss(coefficient / layer.getHeads(), layer.getSingularValueMargin());
  }

  /** The loss of cores [heads, cores, rank, rank]. */
  double of(INDArray cores) {
    double loss = 0;
    for (int head = 0; coefficient > 0 && head < cores.size(0); head++) {
      SingularValues singular = decomposed(cores, head);
      int largest = singular.largest();
      for (int i = 0; i < cores.size(2); i++) {
        double excess = i == largest ? 0 : Math.max(0, singular.value(i) - margin);
        loss += coefficient * excess * excess;
      }
    }
    return loss;
  }

  /** Adds factor times the gradient of the loss: d lambda[i] / dC = u[i] t[i]^T, for every core. */
  void addGradient(INDArray cores, double factor, INDArray gradient) {
    for (int head = 0; coefficient > 0 && head < cores.size(0); head++) {
      INDArray ofHead = Nd4j.createFromArray(gradient(cores, head, factor));
      for (int core = 0; core < cores.size(1); core++) {
        gradient.slice(head).slice(core).addi(ofHead.castTo(gradient.dataType()));
      }
    }
  }

  private double[][] gradient(INDArray cores, int head, double factor) {
    int rank = (int) cores.size(2);
    SingularValues singular = decomposed(cores, head);
    int largest = singular.largest();
    double[][] sum = new double[rank][rank];
    for (int i = 0; i < rank; i++) {
      double excess = i == largest ? 0 : Math.max(0, singular.value(i) - margin);
      for (int row = 0; row < rank; row++) {
        for (int column = 0; column < rank; column++) {
          sum[row][column] += 2 * coefficient * factor * excess * singular.outer(i, row, column);
        }
      }
    }
    return sum;
  }

  private static SingularValues decomposed(INDArray cores, int head) {
    return new SingularValues(cores.slice(head).sum(0).toDoubleMatrix());
  }
}
