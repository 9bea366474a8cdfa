package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dl4jmemory.testkit.AssertClose;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class DecodeAttentionErrorsTest {
  private INDArray query = floats(2, 6, 4);
  private INDArray keys = floats(2, 2, 7, 4);
  private INDArray values = floats(2, 2, 7, 4);
  private INDArray counts = Nd4j.createFromArray(3L, 7L);
  private INDArray cosines = floats(7, 2);
  private INDArray sines = floats(7, 2);
  private INDArray weights = floats(2, 6, 7);
  private INDArray out = Nd4j.zeros(DataType.FLOAT, 2, 6, 4);

  private static INDArray floats(long... shape) {
    return Nd4j.ones(DataType.FLOAT, shape);
  }

  private void refuses(String message) {
    INDArray given = out;
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                MemoryOps.decodeAttention(
                    query, keys, values, counts, cosines, sines, weights, given));
    assertEquals("[decodeAttention] " + message, e.getMessage());
    if (given != query) {
      AssertClose.same("out", new double[(int) given.length()], given);
    }
  }

  @Test
  void query() {
    query = Nd4j.ones(DataType.INT32, 2, 6, 4);
    refuses(
        "query: expected FLOAT or DOUBLE, got INT (shape [2, 6, 4]). Fix: cast it with"
            + " castTo(FLOAT)");
  }

  @Test
  void groupsOfKeys() {
    keys = floats(2, 4, 7, 4);
    refuses(
        "keys: expected a number of keyValueHeads that divides the 6 heads of the query, got 4"
            + " (shape [2, 4, 7, 4]). Fix: pass keys of as many heads, or of a part of them");
  }

  @Test
  void keysInAnotherOrder() {
    keys = floats(2, 7, 2, 4).permute(0, 2, 1, 3);
    refuses(
        "keys: expected a contiguous array in 'c' order, got strides [56, 4, 8, 1] (shape [2, 2, 7,"
            + " 4]). Fix: keep the cache in 'c' order");
  }

  @Test
  void valuesOfAnotherSize() {
    values = floats(2, 2, 5, 4);
    refuses(
        "values: expected [batch, keyValueHeads, capacity, headSize] of shape [2, 2, 7, 4], got rank"
            + " 4 (shape [2, 2, 5, 4]). Fix: reshape the array, or pass the arrays that belong"
            + " together");
  }

  @Test
  void counts() {
    for (long wrong : new long[] {-1, 8}) {
      counts = Nd4j.createFromArray(3L, wrong);
      refuses(
          "counts: expected numbers of keys in [0, capacity 7], got "
              + wrong
              + " in row 1 (shape [2]). Fix: pass the number of keys that each row holds");
    }
    counts = floats(2);
    refuses(
        "counts: expected LONG or INT, got FLOAT (shape [2]). Fix: pass slots as LONG (a FLOAT is"
            + " exact only to 2^24)");
  }

  @Test
  void tables() {
    for (INDArray wrong : new INDArray[] {floats(6, 2), floats(7, 3)}) {
      cosines = wrong;
      refuses(
          "cosines: expected a position for each of the 7 places of the cache, and 1 to 2 angles,"
              + " half of headSize at most, got others (shape ["
              + wrong.size(0)
              + ", "
              + wrong.size(1)
              + "]). Fix: make the table as long as the cache");
    }
    cosines = floats(7, 2);
    sines = floats(7, 1);
    refuses(
        "sines: expected [positions, rotary / 2] of shape [7, 2], got rank 2 (shape [7, 1]). Fix:"
            + " reshape the array, or pass the arrays that belong together");
    cosines = null;
    refuses("cosines: expected an array [positions, rotary / 2], got null. Fix: pass an array");
  }

  @Test
  void results() {
    weights = floats(2, 7, 6).permute(0, 2, 1);
    refuses(
        "weightsOut: expected a contiguous array in 'c' order, got strides [42, 1, 6] (shape [2, 6,"
            + " 7]). Fix: keep the cache in 'c' order");
    weights = floats(2, 6, 7);
    out = query;
    refuses(
        "out: expected memory of its own, got memory shared with query (shape [2, 6, 4]). Fix: pass"
            + " a separate array");
  }
}
