package io.github.dl4jmemory.layers;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Between an array as DL4J passes it and a matrix with one row per token: {@code [batch,
 * features]}, {@code [batch, features, time]} (NCW) or {@code [batch, time, features]} (NWC), and
 * {@code [tokens, features]}, without the masked tokens.
 */
final class TokenLayout {

  private final long[] inputShape;
  private final boolean channelsFirst;
  private final int allTokens;
  private final int[] kept; // null: all

  private TokenLayout(long[] inputShape, boolean channelsFirst, int allTokens, int[] kept) {
    this.inputShape = inputShape;
    this.channelsFirst = channelsFirst;
    this.allTokens = allTokens;
    this.kept = kept;
  }

  /**
   * Layout of an input of rank 2 or 3 (already validated).
   *
   * @param mask null, or one value per token ([batch, time], or [batch, 1] for rank 2): 0 is masked
   */
  static TokenLayout of(String layer, INDArray input, RNNFormat format, INDArray mask) {
    boolean channelsFirst = input.rank() == 3 && format != RNNFormat.NWC;
    long tokens = input.size(0) * (input.rank() == 3 ? input.size(channelsFirst ? 2 : 1) : 1);
    Require.that(
        tokens <= Integer.MAX_VALUE,
        layer,
        "input",
        "fewer than 2^31 tokens",
        tokens,
        "use smaller batches");
    return new TokenLayout(
        input.shape(),
        channelsFirst,
        (int) tokens,
        mask == null ? null : kept(layer, mask, tokens));
  }

  private static int[] kept(String layer, INDArray mask, long tokens) {
    Require.that(
        mask.length() == tokens,
        layer,
        "mask",
        "one value per token, " + tokens + " in all",
        Require.describe(mask),
        "pass a mask of shape [batch, time]");
    double[] values = mask.castTo(DataType.DOUBLE).dup('c').data().asDouble();
    int[] kept = IntStream.range(0, values.length).filter(i -> values[i] != 0).toArray();
    return kept.length == values.length ? null : kept;
  }

  /** Tokens that are not masked. */
  int tokens() {
    return kept == null ? allTokens : kept.length;
  }

  /**
   * For every row, the row of the token so many steps before it in the same sequence; -1 where
   * there is none, or a masked one.
   */
  int[] earlier(int lag) {
    int time = inputShape.length == 3 ? (int) inputShape[channelsFirst ? 2 : 1] : 1;
    int[] rowOf = new int[allTokens];
    Arrays.fill(rowOf, -1);
    for (int row = 0; row < tokens(); row++) {
      rowOf[tokenOf(row)] = row;
    }
    int[] earlier = new int[tokens()];
    for (int row = 0; row < earlier.length; row++) {
      int token = tokenOf(row);
      earlier[row] = token % time >= lag ? rowOf[token - lag] : -1;
    }
    return earlier;
  }

  private int tokenOf(int row) {
    return kept == null ? row : kept[row];
  }

  /** Shape, in the layout of the input, of an array with another number of features. */
  long[] shapeWith(long features) {
    long[] shape = inputShape.clone();
    shape[shape.length == 3 && !channelsFirst ? 2 : 1] = features;
    return shape;
  }

  /** Rows of the tokens that are not masked, contiguous in 'c' order; a view where possible. */
  INDArray rows(INDArray array) {
    INDArray all = matrix(array);
    return kept == null ? all : Nd4j.pullRows(all, 1, kept, 'c');
  }

  private INDArray matrix(INDArray array) {
    INDArray tokensFirst = channelsFirst ? array.permute(0, 2, 1) : array;
    long features = tokensFirst.size(tokensFirst.rank() - 1);
    return Matrices.contiguous(tokensFirst).reshape('c', allTokens, features);
  }

  /**
   * Whether rows can be written straight into an array of {@link #shapeWith}, by way of {@link
   * #view}.
   */
  boolean isDirect() {
    return kept == null && !channelsFirst;
  }

  /** The matrix [tokens, features] over an array in 'c' order, where {@link #isDirect}. */
  INDArray view(INDArray array, long features) {
    return array.reshape('c', allTokens, features);
  }

  /** Puts rows into an array of {@link #shapeWith}; masked tokens become zero. */
  void scatter(INDArray rows, INDArray array) {
    long features = rows.size(1);
    INDArray all = kept == null ? rows : withZeros(rows);
    if (!channelsFirst) {
      array.assign(all.reshape('c', array.shape()));
      return;
    }
    array.permute(0, 2, 1).assign(all.reshape('c', inputShape[0], inputShape[2], features));
  }

  private INDArray withZeros(INDArray rows) {
    INDArray zero = Nd4j.zeros(rows.dataType(), 1, rows.size(1));
    int[] source = new int[allTokens];
    Arrays.fill(source, kept.length);
    for (int i = 0; i < kept.length; i++) {
      source[kept[i]] = i;
    }
    return Nd4j.pullRows(Nd4j.concat(0, rows, zero), 1, source, 'c');
  }
}
