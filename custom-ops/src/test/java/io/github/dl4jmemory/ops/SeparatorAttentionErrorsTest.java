package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dl4jmemory.testkit.AssertClose;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class SeparatorAttentionErrorsTest {
  private final INDArray query = Nd4j.ones(DataType.FLOAT, 2, 5, 6, 3);
  private final INDArray keys = Nd4j.ones(DataType.FLOAT, 2, 5, 2, 3);
  private final INDArray values = Nd4j.ones(DataType.FLOAT, 2, 5, 2, 3);
  private final INDArray kinds = Nd4j.zeros(DataType.INT8, 2, 5);
  private final INDArray out = Nd4j.zeros(DataType.FLOAT, 2, 5, 6, 3);
  private final INDArray logSums = Nd4j.zeros(DataType.FLOAT, 2, 6, 5);

  private void refuses(
      String message, INDArray query, INDArray keys, INDArray kinds, long a, long n) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> MemoryOps.separatorAttention(query, keys, values, kinds, a, n, out, logSums));
    assertEquals("[separatorAttention] " + message, e.getMessage());
    AssertClose.same("out", new double[2 * 5 * 6 * 3], out);
  }

  @Test
  void sizes() {
    refuses(
        "initial: expected a number >= 0, got -1. Fix: pass 3, or 0 for none",
        query,
        keys,
        kinds,
        -1,
        4);
    refuses(
        "window: expected a number >= 1, the token itself being one, got 0. Fix: pass 64, or time"
            + " for dense attention",
        query,
        keys,
        kinds,
        3,
        0);
    refuses(
        "keys: expected a number of keyValueHeads that divides the 6 heads of the query, got 4"
            + " (shape [2, 5, 4, 3]). Fix: pass keys of as many heads, or of a part of them",
        query,
        Nd4j.ones(DataType.FLOAT, 2, 5, 4, 3),
        kinds,
        3,
        4);
    refuses(
        "keys: expected [batch, time, keyValueHeads, headSize] of shape [2, 5, any, 3], got rank 4"
            + " (shape [2, 4, 2, 3]). Fix: reshape the array, or pass the arrays that belong"
            + " together",
        query,
        Nd4j.ones(DataType.FLOAT, 2, 4, 2, 3),
        kinds,
        3,
        4);
  }

  @Test
  void kinds() {
    refuses(
        "kinds: expected BYTE, got INT (shape [2, 5]). Fix: cast it with castTo(BYTE)",
        query,
        keys,
        Nd4j.zeros(DataType.INT32, 2, 5),
        3,
        4);
    for (int wrong : new int[] {-1, 3}) {
      refuses(
          "kinds: expected 0 (a token), 1 (a separator) or 2 (padding), got "
              + wrong
              + " (shape [2, 5]). Fix: pass such numbers",
          query,
          keys,
          kinds.dup().putScalar(1, 3, wrong),
          3,
          4);
    }
  }

  @Test
  void types() {
    refuses(
        "query: expected FLOAT or DOUBLE, got INT (shape [2, 5, 6, 3]). Fix: cast it with"
            + " castTo(FLOAT)",
        query.castTo(DataType.INT32),
        keys,
        kinds,
        3,
        4);
  }

  @Test
  void sharedMemory() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                MemoryOps.separatorAttentionGradient(
                    query,
                    keys,
                    values,
                    kinds,
                    3,
                    4,
                    out,
                    logSums,
                    out.dup(),
                    query.ulike(),
                    keys,
                    values.ulike()));
    assertEquals(
        "[separatorAttentionGradient] keyGradientsOut: expected memory of its own, got memory shared"
            + " with keys (shape [2, 5, 2, 3]). Fix: pass a separate array",
        e.getMessage());
  }
}
