package io.github.dl4jmemory.layers;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Causal depthwise convolution of tokens: {@code out[t] = sum over k of w[k] * x[t - taps + 1 +
 * k]}, where a step before the first, or masked, counts as zeros. Works on rows, one for each token
 * that is not masked.
 */
final class QueryConvolution {

  private QueryConvolution() {}

  /** Assigns out [tokens, nIn]. */
  static void forward(INDArray x, TokenLayout layout, INDArray weights, INDArray out) {
    int taps = Math.toIntExact(weights.size(0));
    Matrices.scaleColumns(x, weights.getRow(taps - 1, true), out);
    for (int lag = 1; lag < taps; lag++) {
      INDArray earlier = shifted(x, layout.earlier(lag));
      out.addi(Matrices.scaleColumns(earlier, weights.getRow(taps - 1 - lag, true), earlier));
    }
  }

  /** Turns the gradient of the output into that of x, in place; assigns that of the weights. */
  static void backward(
      INDArray x,
      TokenLayout layout,
      INDArray gradient,
      INDArray weights,
      INDArray weightGradient) {
    INDArray outGradient = gradient.dup('c');
    int taps = Math.toIntExact(weights.size(0));
    weightGradient.getRow(taps - 1).assign(outGradient.mul(x).sum(0));
    Matrices.scaleColumns(gradient, weights.getRow(taps - 1, true), gradient);
    for (int lag = 1; lag < taps; lag++) {
      int[] earlier = layout.earlier(lag);
      int tap = taps - 1 - lag;
      weightGradient.getRow(tap).assign(shifted(x, earlier).muli(outGradient).sum(0));
      INDArray later = shifted(outGradient, inverse(earlier));
      gradient.addi(Matrices.scaleColumns(later, weights.getRow(tap, true), later));
    }
  }

  /** Row i of the result is row from[i], or zeros for -1. */
  private static INDArray shifted(INDArray rows, int[] from) {
    int[] source = from.clone();
    for (int i = 0; i < source.length; i++) {
      source[i] = source[i] < 0 ? Math.toIntExact(rows.size(0)) : source[i];
    }
    INDArray zeros = Nd4j.zeros(rows.dataType(), 1, rows.size(1));
    return Nd4j.pullRows(Nd4j.concat(0, rows, zeros), 1, source, 'c');
  }

  private static int[] inverse(int[] from) {
    int[] to = new int[from.length];
    Arrays.fill(to, -1);
    for (int i = 0; i < from.length; i++) {
      if (from[i] >= 0) {
        to[from[i]] = i;
      }
    }
    return to;
  }
}
