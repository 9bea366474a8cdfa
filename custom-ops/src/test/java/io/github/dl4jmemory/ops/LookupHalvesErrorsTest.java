package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The messages of halfTopK and mergeHalves, word for word. */
class LookupHalvesErrorsTest {
  private final INDArray query = Nd4j.ones(DataType.FLOAT, 5, 2, 3);
  private final INDArray keys = Nd4j.ones(DataType.FLOAT, 2, 7, 3);
  private final INDArray scores = Nd4j.create(DataType.FLOAT, 5, 2, 4);
  private final INDArray slots = Nd4j.create(DataType.INT64, 5, 2, 4);

  private static void assertRefuses(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private MemoryOps.HalfTopK half() {
    return MemoryOps.halfTopK(query, keys, 4);
  }

  @Test
  void halfTopK() {
    assertRefuses(
        "[halfTopK] queryHalf: expected an array [batch, heads, keySize/2], got null. Fix: pass an"
            + " array",
        () -> MemoryOps.halfTopK(null, keys, 3));
    assertRefuses(
        "[halfTopK] queryHalf: expected FLOAT or DOUBLE, got LONG (shape [5, 2, 3]). Fix: cast it"
            + " with castTo(FLOAT)",
        () -> MemoryOps.halfTopK(query.castTo(DataType.INT64), keys, 3));
    assertRefuses(
        "[halfTopK] queryHalf: expected heads >= 1, got 0 (shape [5, 0, 3]). Fix: give the axis at"
            + " least one entry",
        () -> MemoryOps.halfTopK(Nd4j.create(DataType.FLOAT, 5, 0, 3), keys, 3));
    assertRefuses(
        "[halfTopK] subKeysHalf: expected [heads, subKeys, keySize/2] of shape [2, any, 3], got"
            + " rank 3 (shape [2, 3, 7]). Fix: reshape the array, or pass the arrays that belong"
            + " together",
        () -> MemoryOps.halfTopK(query, keys.permute(0, 2, 1), 3));
    assertRefuses(
        "[halfTopK] subKeysHalf: expected FLOAT, got DOUBLE (shape [2, 7, 3]). Fix: cast it with"
            + " castTo(FLOAT)",
        () -> MemoryOps.halfTopK(query, keys.castTo(DataType.DOUBLE), 3));
    assertRefuses(
        "[halfTopK] subKeysHalf: expected 1 to 65536, got 65537 (shape [2, 65537, 3]). Fix: use"
            + " between 1 and 65536 keys on a side",
        () -> MemoryOps.halfTopK(query, Nd4j.create(DataType.FLOAT, 2, 65537, 3), 3));
    for (int topK : new int[] {0, 8}) {
      assertRefuses(
          "[halfTopK] topK: expected 1 to subKeys = 7, got "
              + topK
              + " (shape [2, 7, 3]). Fix: use a smaller topK or more sub-keys",
          () -> MemoryOps.halfTopK(query, keys, topK));
    }
    query.putScalar(3, 1, 0, Float.NaN);
    assertRefuses(
        "[halfTopK] queryHalf: expected scores without NaN, got NaN in the scores of query 7 (batch"
            + " * heads + head). Fix: look for NaN or opposite infinities in the query and the"
            + " sub-keys; lower the learning rate",
        () -> MemoryOps.halfTopK(query, keys, 3));
  }

  @Test
  void mergeHalvesOfOtherShapes() {
    assertRefuses(
        "[mergeHalves] second: expected a value, got null. Fix: pass one",
        () -> MemoryOps.mergeHalves(half(), null, 7, scores, slots));
    assertRefuses(
        "[mergeHalves] scoresOut: expected an array [batch, heads, topK], got null. Fix: pass an"
            + " array",
        () -> MemoryOps.mergeHalves(half(), half(), 7, null, slots));
    assertRefuses(
        "[mergeHalves] first scores: expected [batch, heads, topK] of shape [5, 2, 3], got rank 3"
            + " (shape [5, 2, 4]). Fix: reshape the array, or pass the arrays that belong together",
        () ->
            MemoryOps.mergeHalves(half(), half(), 7, Nd4j.create(DataType.FLOAT, 5, 2, 3), slots));
    assertRefuses(
        "[mergeHalves] second indices: expected LONG or INT, got FLOAT (shape [5, 2, 4]). Fix: pass"
            + " slots as LONG (a FLOAT is exact only to 2^24)",
        () ->
            MemoryOps.mergeHalves(
                half(), new MemoryOps.HalfTopK(half().scores(), scores), 7, scores, slots));
    assertRefuses(
        "[mergeHalves] subKeys: expected 1 to 65536, got 0 (shape [5, 2, 4]). Fix: use between 1"
            + " and 65536 keys on a side",
        () -> MemoryOps.mergeHalves(half(), half(), 0, scores, slots));
    assertRefuses(
        "[mergeHalves] topK: expected 1 to subKeys = 3, got 4 (shape [5, 2, 4]). Fix: use a smaller"
            + " topK or more sub-keys",
        () -> MemoryOps.mergeHalves(half(), half(), 3, scores, slots));
    assertRefuses(
        "[mergeHalves] slotsOut: expected LONG, got INT (shape [5, 2, 4]). Fix: cast it with"
            + " castTo(LONG)",
        () -> MemoryOps.mergeHalves(half(), half(), 7, scores, slots.castTo(DataType.INT32)));
    MemoryOps.HalfTopK own = half();
    assertRefuses(
        "[mergeHalves] scoresOut: expected memory of its own, got memory shared with second scores"
            + " (shape [5, 2, 4]). Fix: pass a separate array",
        () -> MemoryOps.mergeHalves(half(), own, 7, own.scores(), slots));
    MemoryOps.mergeHalves(own, own, 7, scores, slots); // both may be the same
  }

  @Test
  void mergeHalvesOfOtherData() {
    MemoryOps.HalfTopK first = half();
    MemoryOps.HalfTopK second = half();
    second.indices().putScalar(new long[] {3, 1, 2}, 7);
    assertRefuses(
        "[mergeHalves] second indices: expected distinct sub-keys in [0, 7) for every query, got 7"
            + " at flat index 30 (shape [10, 4]). Fix: pass what halfTopK gave for sub-keys of this"
            + " size",
        () -> MemoryOps.mergeHalves(first, second, 7, scores, slots));
    first.scores().putScalar(new long[] {2, 1, 0}, Float.NaN);
    assertRefuses(
        "[mergeHalves] scores: expected scores without NaN, got NaN in the scores of query 5 (batch"
            + " * heads + head). Fix: look for NaN or opposite infinities in the query and the"
            + " sub-keys; lower the learning rate",
        () -> MemoryOps.mergeHalves(first, half(), 7, scores, slots));
    assertRefuses(
        "[KernelThread] sharers: expected a number >= 1, got 0. Fix: count the threads that work,"
            + " this one included",
        () -> new KernelThread(() -> {}, "test").shareWith(0));
  }

  /** Of ND4J's threads, whatever their number, a sharing thread takes its part, at least one. */
  @Test
  void kernelThreadTakesItsShare() throws InterruptedException {
    int all = Parallel.threads();
    int[] taken = new int[2];
    KernelThread[] self = new KernelThread[1];
    self[0] =
        new KernelThread(
            () -> {
              taken[0] = Parallel.threads();
              self[0].shareWith(2 * all);
              taken[1] = Parallel.threads();
            },
            "test");
    self[0].start();
    self[0].join();
    assertEquals(all, taken[0]);
    assertEquals(1, taken[1]);
    assertEquals(3, self[0].shareOf(6 * all + 2 * all - 1));
  }
}
