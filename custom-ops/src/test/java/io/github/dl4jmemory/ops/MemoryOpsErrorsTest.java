package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Every message of every operation, word for word. */
class MemoryOpsErrorsTest {
  private static final DataType FLOAT = DataType.FLOAT;
  private static final DataType DOUBLE = DataType.DOUBLE;
  private static final DataType LONG = DataType.INT64;
  private static final AdamStep STEP = AdamStep.of(0.1, 0.9, 0.99, 1e-8, 0, 1);

  private final INDArray query = floats(5, 2, 6);
  private final INDArray keys = floats(2, 2, 7, 3);
  private final INDArray table = floats(11, 3);
  private final INDArray slots = longs(5, 4);
  private final INDArray weights = floats(5, 4);
  private final INDArray outGradients = floats(5, 3);

  private static INDArray floats(long... shape) {
    return Nd4j.create(FLOAT, shape);
  }

  private static INDArray longs(long... shape) {
    return Nd4j.create(LONG, shape);
  }

  private static void assertRefuses(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private static TouchedRows grouped(INDArray slots, long slotCount) {
    TouchedRows touched = new TouchedRows();
    touched.group(slots, slotCount);
    return touched;
  }

  @Test
  void arrayThatIsNullOrClosed() {
    assertRefuses(
        "[productKeyTopK] query: expected an array [batch, heads, keySize], got null. Fix: pass an"
            + " array",
        () -> MemoryOps.productKeyTopK(null, keys, 3));
    INDArray closed = floats(5, 2, 6);
    closed.close();
    assertRefuses(
        "[productKeyTopK] query: expected an open array [batch, heads, keySize], got a closed array."
            + " Fix: keep the array open until the call returns",
        () -> MemoryOps.productKeyTopK(closed, keys, 3));
    assertRefuses(
        "[touchedRows] slots: expected an array [bags, bagSize], got null. Fix: pass an array",
        () -> new TouchedRows().group(null, 3));
    assertRefuses(
        "[adviseHugePages] table: expected an array, got null. Fix: pass an array",
        () -> MemoryOps.adviseHugePages(null));
    assertRefuses(
        "[rowAdam] step: expected a value, got null. Fix: pass one",
        () -> MemoryOps.rowAdam(table, floats(11, 3), floats(11, 3), longs(1), floats(1, 3), null));
    assertRefuses(
        "[bagAdam] step: expected a value, got null. Fix: pass one",
        () ->
            MemoryOps.bagAdam(
                table,
                floats(11, 3),
                floats(11, 3),
                weights,
                outGradients,
                grouped(slots, 11),
                null));
    assertRefuses(
        "[weightedBagGradient] weightGradientsOut: expected an array [bags, bagSize], got null. Fix:"
            + " pass an array",
        () ->
            MemoryOps.weightedBagGradient(
                table, weights, outGradients, grouped(slots, 11), null, null));
    assertRefuses(
        "[weightedBagWeightGradient] weightGradientsOut: expected an array [bags, bagSize], got null."
            + " Fix: pass an array",
        () -> MemoryOps.weightedBagWeightGradient(table, slots, outGradients, null));
    assertRefuses(
        "[zeroRows] touched: expected a value, got null. Fix: pass one",
        () -> MemoryOps.zeroRows(null, table));
  }

  @Test
  void shapeOfAnotherRankOrSize() {
    assertRefuses(
        "[productKeyTopK] query: expected [batch, heads, keySize] of shape [any, any, any], got rank"
            + " 2 (shape [5, 6]). Fix: reshape the array, or pass the arrays that belong together",
        () -> MemoryOps.productKeyTopK(floats(5, 6), keys, 3));
    assertRefuses(
        "[productKeyTopK] query: expected [batch, heads, keySize] of shape [any, any, any], got rank"
            + " 0 (shape []). Fix: reshape the array, or pass the arrays that belong together",
        () -> MemoryOps.productKeyTopK(Nd4j.scalar(1f), keys, 3));
    assertRefuses(
        "[productKeyTopK] subKeys: expected [heads, 2, subKeys, keySize/2] of shape [2, 2, any, 3],"
            + " got rank 4 (shape [2, 2, 7, 4]). Fix: reshape the array, or pass the arrays that"
            + " belong together",
        () -> MemoryOps.productKeyTopK(query, floats(2, 2, 7, 4), 3));
    assertRefuses(
        "[weightedBag] weights: expected [bags, bagSize] of shape [5, 4], got rank 2 (shape [5, 3])."
            + " Fix: reshape the array, or pass the arrays that belong together",
        () -> MemoryOps.weightedBag(table, slots, floats(5, 3)));
    assertRefuses(
        "[weightedBagGradient] outGradients: expected [bags, valueSize] of shape [5, 3], got rank 2"
            + " (shape [4, 3]). Fix: reshape the array, or pass the arrays that belong together",
        () -> MemoryOps.weightedBagGradient(table, slots, weights, floats(4, 3)));
    assertRefuses(
        "[weightedBagWeightGradient] outGradients: expected [bags, valueSize] of shape [5, 3], got"
            + " rank 2 (shape [4, 3]). Fix: reshape the array, or pass the arrays that belong"
            + " together",
        () -> MemoryOps.weightedBagWeightGradient(table, slots, floats(4, 3), floats(5, 4)));
    assertRefuses(
        "[rowAdam] m: expected [slots, valueSize] of shape [11, 3], got rank 2 (shape [11, 2]). Fix:"
            + " reshape the array, or pass the arrays that belong together",
        () -> MemoryOps.rowAdam(table, floats(11, 2), floats(11, 3), longs(1), floats(1, 3), STEP));
    assertRefuses(
        "[bagAdam] v: expected [slots, valueSize] of shape [11, 3], got rank 2 (shape [11, 2]). Fix:"
            + " reshape the array, or pass the arrays that belong together",
        () ->
            MemoryOps.bagAdam(
                table,
                floats(11, 3),
                floats(11, 2),
                weights,
                outGradients,
                grouped(slots, 11),
                STEP));
    assertRefuses(
        "[bagSgd] outGradients: expected [bags, valueSize] of shape [5, 3], got rank 2 (shape [4,"
            + " 3]). Fix: reshape the array, or pass the arrays that belong together",
        () -> MemoryOps.bagSgd(table, weights, floats(4, 3), grouped(slots, 11), 0.1, 1));
    assertRefuses(
        "[rowSgd] rowGradients: expected [rows, valueSize] of shape [1, 3], got rank 2 (shape [2,"
            + " 3]). Fix: reshape the array, or pass the arrays that belong together",
        () -> MemoryOps.rowSgd(table, longs(1), floats(2, 3), 0.1));
  }

  @Test
  void dtypeThatIsNotTheOneStated() {
    assertRefuses(
        "[weightedBag] values: expected FLOAT or DOUBLE, got HALF (shape [11, 3]). Fix: cast it with"
            + " castTo(FLOAT)",
        () -> MemoryOps.weightedBag(table.castTo(DataType.FLOAT16), slots, weights));
    assertRefuses(
        "[weightedBag] weights: expected FLOAT, got DOUBLE (shape [5, 4]). Fix: cast it with"
            + " castTo(FLOAT)",
        () -> MemoryOps.weightedBag(table, slots, weights.castTo(DOUBLE)));
    assertRefuses(
        "[weightedBag] slots: expected LONG or INT, got FLOAT (shape [5, 4]). Fix: pass slots as LONG"
            + " (a FLOAT is exact only to 2^24)",
        () -> MemoryOps.weightedBag(table, weights, weights));
    assertRefuses(
        "[productKeyTopK] slotsOut: expected LONG, got INT (shape [5, 2, 3]). Fix: cast it with"
            + " castTo(LONG)",
        () ->
            MemoryOps.productKeyTopK(
                query, keys, floats(5, 2, 3), Nd4j.create(DataType.INT32, 5, 2, 3)));
  }

  @Test
  void keysThatCannotBeSearched() {
    assertRefuses(
        "[productKeyTopK] query: expected an even keySize, got keySize 5 (shape [5, 2, 5]). Fix: use"
            + " two halves of equal size",
        () -> MemoryOps.productKeyTopK(floats(5, 2, 5), keys, 3));
    for (long subKeys : new long[] {0, 65_537}) {
      INDArray wrong = floats(1, 2, subKeys, 1);
      String message =
          "subKeys: expected 1 to 65536, got %d (shape [1, 2, %d, 1]). Fix: use between 1 and 65536"
              + " keys on a side";
      assertRefuses(
          "[productKeyTopK] " + message.formatted(subKeys, subKeys),
          () -> MemoryOps.productKeyTopK(floats(1, 1, 2), wrong, 1));
      assertRefuses(
          "[productKeyTopKGradient] " + message.formatted(subKeys, subKeys),
          () ->
              MemoryOps.productKeyTopKGradient(
                  floats(1, 1, 2), wrong, longs(1, 1, 1), floats(1, 1, 1)));
    }
    for (int topK : new int[] {0, -1, 8}) {
      assertRefuses(
          "[productKeyTopK] topK: expected 1 to subKeys = 7, got "
              + topK
              + " (shape [2, 2, 7, 3]). Fix: use a smaller topK or more sub-keys",
          () -> MemoryOps.productKeyTopK(query, keys, topK));
    }
    assertRefuses(
        "[productKeyTopKGradient] topK: expected 1 to subKeys = 7, got 8 (shape [2, 2, 7, 3]). Fix:"
            + " use a smaller topK or more sub-keys",
        () -> MemoryOps.productKeyTopKGradient(query, keys, longs(5, 2, 8), floats(5, 2, 8)));
  }

  @Test
  void axisWithoutEntries() {
    assertRefuses(
        "[productKeyTopK] query: expected heads >= 1, got 0 (shape [5, 0, 6]). Fix: give the axis at"
            + " least one entry",
        () -> MemoryOps.productKeyTopK(floats(5, 0, 6), keys, 3));
    assertRefuses(
        "[weightedBag] slots: expected bagSize >= 1, got 0 (shape [5, 0]). Fix: give the axis at"
            + " least one entry",
        () -> MemoryOps.weightedBag(table, longs(5, 0), floats(5, 0)));
    assertRefuses(
        "[weightedBag] values: expected slots >= 1, got 0 (shape [0, 3]). Fix: give the axis at"
            + " least one entry",
        () -> MemoryOps.weightedBag(floats(0, 3), slots, weights));
  }

  @Test
  void nanInTheScores() {
    query.putScalar(3, 1, 0, Double.NaN);
    keys.addi(1);
    assertRefuses(
        "[productKeyTopK] query: expected scores without NaN, got NaN in the scores of query 7"
            + " (batch * heads + head). Fix: look for NaN or opposite infinities in the query and"
            + " the sub-keys; lower the learning rate",
        () -> MemoryOps.productKeyTopK(query, keys, 3));
  }

  @Test
  void slotOutsideTheTable() {
    slots.putScalar(2, 1, 11);
    String got =
        "expected slots in [0, 11), got 11 at flat index 9 (shape [5, 4]). Fix: pass the slots that"
            + " productKeyTopK gave for a table of this size";
    assertRefuses(
        "[weightedBag] slots: " + got, () -> MemoryOps.weightedBag(table, slots, weights));
    assertRefuses(
        "[weightedBagGradient] slots: " + got,
        () -> MemoryOps.weightedBagGradient(table, slots, weights, outGradients));
    assertRefuses(
        "[weightedBagWeightGradient] slots: " + got,
        () -> MemoryOps.weightedBagWeightGradient(table, slots, outGradients, floats(5, 4)));
    assertRefuses("[touchedRows] slots: " + got, () -> new TouchedRows().group(slots, 11));
  }

  @Test
  void rowsThatDoNotAscend() {
    String fix = " (shape [2]). Fix: pass the rows of weightedBagGradient";
    String expected = "[rowSgd] rows: expected distinct rows in [0, 11), ascending, got ";
    long[][] wrong = {{3, 3}, {4, 2}, {0, 11}, {-1, 2}};
    String[] got = {"3 after 3", "2 after 4", "11 after 0", "-1 after the start"};
    for (int i = 0; i < wrong.length; i++) {
      INDArray rows = Nd4j.createFromArray(wrong[i]);
      assertRefuses(
          expected + got[i] + fix, () -> MemoryOps.rowSgd(table, rows, floats(2, 3), 0.1));
    }
    AssertClose.same("table", new double[33], table);
  }

  @Test
  void rowsThatWereNotGroupedOrForAnotherTable() {
    assertRefuses(
        "[zeroRows] touched: expected grouped rows, got none. Fix: call touched.group(slots,"
            + " slotCount) first",
        () -> MemoryOps.zeroRows(new TouchedRows(), table));
    assertRefuses(
        "[bagSgd] values: expected 7 slots, as grouped, got 11 slots (shape [11, 3]). Fix: call"
            + " touched.group with the slots of this table",
        () -> MemoryOps.bagSgd(table, weights, outGradients, grouped(slots, 7), 0.1, 1));
    assertRefuses(
        "[bagAdam] touched: expected grouped rows, got none. Fix: call touched.group(slots,"
            + " slotCount) first",
        () ->
            MemoryOps.bagAdam(
                table,
                floats(11, 3),
                floats(11, 3),
                weights,
                outGradients,
                new TouchedRows(),
                STEP));
    assertRefuses(
        "[weightedBagGradient] weights: expected 5 bags of 4, as grouped, got 5 bags of 3 (shape [5,"
            + " 3]). Fix: call touched.group with the slots of these weights",
        () ->
            MemoryOps.weightedBagGradient(
                table,
                floats(5, 3),
                outGradients,
                grouped(slots, 11),
                floats(11, 3),
                floats(5, 3)));
  }

  /** As many weights as were grouped, in bags of another size. */
  @Test
  void bagsThatWereGroupedTransposed() {
    TouchedRows touched = grouped(slots, 11);
    INDArray transposed = floats(4, 5);
    INDArray out = floats(4, 3);
    String message =
        "weights: expected 5 bags of 4, as grouped, got 4 bags of 5 (shape [4, 5]). Fix: call"
            + " touched.group with the slots of these weights";
    assertRefuses(
        "[bagAdam] " + message,
        () ->
            MemoryOps.bagAdam(table, floats(11, 3), floats(11, 3), transposed, out, touched, STEP));
    assertRefuses(
        "[bagSgd] " + message, () -> MemoryOps.bagSgd(table, transposed, out, touched, 0.1, 1));
    assertRefuses(
        "[weightedBagGradient] " + message,
        () ->
            MemoryOps.weightedBagGradient(
                table, transposed, out, touched, floats(11, 3), floats(4, 5)));
  }

  @Test
  void slotCountBelowZero() {
    String message =
        "[touchedRows] slotCount: expected a number >= 0, got -1. Fix: pass the slots of the table";
    assertRefuses(message, () -> new TouchedRows().group(slots, -1));
    assertRefuses(message, () -> new TouchedRows().group(longs(0, 4), -1));
  }

  /** After a group that failed, the old rows must not be used. */
  @Test
  void groupThatFailedLeavesNoRows() {
    TouchedRows touched = grouped(slots, 11);
    assertThrows(IllegalArgumentException.class, () -> touched.group(slots.add(11), 11));
    assertEquals(0, touched.count());
    assertThrows(IllegalArgumentException.class, () -> MemoryOps.zeroRows(touched, table));
  }

  @Test
  void numberOutsideItsRange() {
    assertRefuses(
        "[rowSgd] learningRate: expected a finite number, got NaN. Fix: check the configuration",
        () -> MemoryOps.rowSgd(table, longs(1), floats(1, 3), Double.NaN));
    assertRefuses(
        "[rowSgd] gradientScale: expected a finite number, got Infinity. Fix: check the"
            + " configuration",
        () -> MemoryOps.rowSgd(grouped(slots, 11), table, 0.1, Double.POSITIVE_INFINITY));
    assertRefuses(
        "[bagSgd] learningRate: expected a finite number, got NaN. Fix: check the configuration",
        () -> MemoryOps.bagSgd(table, weights, outGradients, grouped(slots, 11), Double.NaN, 1));
    assertRefuses(
        "[bagSgd] gradientScale: expected a finite number, got Infinity. Fix: check the"
            + " configuration",
        () ->
            MemoryOps.bagSgd(
                table, weights, outGradients, grouped(slots, 11), 0.1, Double.POSITIVE_INFINITY));
    assertRefuses(
        "[AdamStep] beta1: expected a number in [0, 1), got 1.0. Fix: 0.9 and 0.999 are usual",
        () -> new AdamStep(0.1, 1, 0.9, 1e-8, 1));
    assertRefuses(
        "[AdamStep] beta2: expected a number in [0, 1), got NaN. Fix: 0.9 and 0.999 are usual",
        () -> new AdamStep(0.1, 0.9, Double.NaN, 1e-8, 1));
    assertRefuses(
        "[AdamStep] epsilon: expected a finite number > 0, got 0.0. Fix: 1e-8 is usual",
        () -> new AdamStep(0.1, 0.9, 0.9, 0, 1));
    assertRefuses(
        "[AdamStep] stepSize: expected a finite number, got NaN. Fix: check the configuration",
        () -> new AdamStep(Double.NaN, 0.9, 0.9, 1e-8, 1));
    assertRefuses(
        "[AdamStep] iteration: expected a number >= 0, got -1. Fix: count from 0",
        () -> AdamStep.of(0.1, 0.9, 0.9, 1e-8, -1, 1));
  }

  /** Each factor is finite; what the kernels multiply by is not. */
  @Test
  void productThatIsNotFinite() {
    TouchedRows touched = grouped(slots, 11);
    String overflow =
        "learningRate * gradientScale: expected a finite number, got Infinity. Fix: check the"
            + " configuration";
    INDArray wide = table.castTo(DOUBLE);
    assertRefuses("[rowSgd] " + overflow, () -> MemoryOps.rowSgd(touched, wide, 1e200, 1e200));
    assertRefuses(
        "[bagSgd] " + overflow,
        () ->
            MemoryOps.bagSgd(
                wide, weights.castTo(DOUBLE), outGradients.castTo(DOUBLE), touched, 1e200, 1e200));
    String tooLarge =
        "learningRate * gradientScale: expected a finite number as FLOAT, got 1.0E40. Fix: use a"
            + " smaller number, or DOUBLE arrays";
    assertRefuses("[rowSgd] " + tooLarge, () -> MemoryOps.rowSgd(touched, table, 1e20, 1e20));
    assertRefuses(
        "[bagSgd] " + tooLarge,
        () -> MemoryOps.bagSgd(table, weights, outGradients, touched, 1e20, 1e20));
    MemoryOps.rowSgd(touched, table, 1e40, 1e-20);
    MemoryOps.bagSgd(table, weights, outGradients, touched, 1e40, 1e-20);
  }

  @Test
  void numberThatFloatDoesNotHold() {
    String holds = ": expected a finite number as FLOAT, got 1.0E39. Fix: use a smaller number, or";
    assertRefuses(
        "[rowSgd] learningRate" + holds + " DOUBLE arrays",
        () -> MemoryOps.rowSgd(table, longs(1), floats(1, 3), 1e39));
    assertStepRefused("stepSize" + holds + " DOUBLE arrays", new AdamStep(1e39, 0.9, 0.9, 1e-8, 1));
    assertStepRefused("epsilon" + holds + " DOUBLE arrays", new AdamStep(0.1, 0.9, 0.9, 1e39, 1));
    assertStepRefused(
        "gradientScale" + holds + " DOUBLE arrays", new AdamStep(0.1, 0.9, 0.9, 1e-8, 1e39));
    assertStepRefused(
        "epsilon: expected a number > 0 as FLOAT, got 1.0E-60. Fix: 1e-8 is usual",
        new AdamStep(0.1, 0.9, 0.9, 1e-60, 1));
    MemoryOps.rowSgd(table.castTo(DOUBLE), longs(1), floats(1, 3).castTo(DOUBLE), 1e39);
  }

  /** By each of the ops that take a step. */
  private void assertStepRefused(String message, AdamStep step) {
    INDArray m = floats(11, 3);
    INDArray v = floats(11, 3);
    TouchedRows touched = grouped(slots, 11);
    assertRefuses(
        "[rowAdam] step." + message,
        () -> MemoryOps.rowAdam(table, m, v, longs(1), floats(1, 3), step));
    assertRefuses("[rowAdam] step." + message, () -> MemoryOps.rowAdam(touched, table, m, v, step));
    assertRefuses(
        "[bagAdam] step." + message,
        () -> MemoryOps.bagAdam(table, m, v, weights, outGradients, touched, step));
  }

  /** A decay that is not one is named, not the step size that it makes. */
  @Test
  void decayOfAStepMadeByItsIteration() {
    assertRefuses(
        "[AdamStep] beta1: expected a number in [0, 1), got 1.0. Fix: 0.9 and 0.999 are usual",
        () -> AdamStep.of(0.1, 1, 0.9, 1e-8, 0, 1));
    assertRefuses(
        "[AdamStep] beta2: expected a number in [0, 1), got 2.0. Fix: 0.9 and 0.999 are usual",
        () -> AdamStep.of(0.1, 0.9, 2, 1e-8, 0, 1));
  }

  @Test
  void outputThatSharesMemory() {
    INDArray both = floats(22, 3);
    INDArray lower = both.get(NDArrayIndex.interval(0, 11), NDArrayIndex.all());
    INDArray middle = both.get(NDArrayIndex.interval(5, 16), NDArrayIndex.all());
    INDArray upper = both.get(NDArrayIndex.interval(11, 22), NDArrayIndex.all());
    String fix = " (shape [11, 3]). Fix: pass a separate array";
    assertRefuses(
        "[rowAdam] m: expected memory of its own, got memory shared with v" + fix,
        () -> MemoryOps.rowAdam(table, lower, middle, longs(1), floats(1, 3), STEP));
    MemoryOps.rowAdam(table, lower, upper, longs(1), floats(1, 3), STEP);
    assertRefuses(
        "[bagAdam] m: expected memory of its own, got memory shared with v" + fix,
        () ->
            MemoryOps.bagAdam(
                table, lower, middle, weights, outGradients, grouped(slots, 11), STEP));
    INDArray rows = table.get(NDArrayIndex.interval(0, 5), NDArrayIndex.all());
    assertRefuses(
        "[bagSgd] values: expected memory of its own, got memory shared with outGradients" + fix,
        () -> MemoryOps.bagSgd(table, weights, rows, grouped(slots, 11), 0.1, 1));
    INDArray scores = floats(5, 2, 6);
    assertRefuses(
        "[productKeyTopK] scoresOut: expected memory of its own, got memory shared with query (shape"
            + " [5, 2, 6]). Fix: pass a separate array",
        () -> MemoryOps.productKeyTopK(scores, keys, scores, longs(5, 2, 6)));
    assertRefuses(
        "[weightedBag] out: expected memory of its own, got memory shared with values"
            + " (shape [5, 3]). Fix: pass a separate array",
        () ->
            MemoryOps.weightedBag(
                table, slots, weights, table.get(NDArrayIndex.interval(0, 5), NDArrayIndex.all())));
  }

  /** The gradient of nothing is zero; before it is written, it must be found to be apart. */
  @Test
  void outputOfAnEmptyBatchThatSharesMemory() {
    keys.assign(3);
    INDArray none = floats(0, 2, 6);
    assertRefuses(
        "[productKeyTopKGradient] subKeyGradientsOut: expected memory of its own, got memory shared"
            + " with subKeys (shape [2, 2, 7, 3]). Fix: pass a separate array",
        () ->
            MemoryOps.productKeyTopKGradient(
                none, keys, longs(0, 2, 4), floats(0, 2, 4), floats(0, 2, 6), keys));
    AssertClose.same("keys", floats(2, 2, 7, 3).assign(3).data().asDouble(), keys);
  }

  /** Kernels get copies of such arrays, so only the arrays of the caller tell. */
  @Test
  void outputThatIsNotContiguousAndSharesMemory() {
    INDArray columns = Nd4j.arange(33).castTo(FLOAT).reshape(11, 3).dup('f');
    double[] before = Elements.doubles(columns);
    String fix = " (shape [11, 3]). Fix: pass a separate array";
    assertRefuses(
        "[rowAdam] values: expected memory of its own, got memory shared with m" + fix,
        () -> MemoryOps.rowAdam(columns, columns, floats(11, 3), longs(1), floats(1, 3), STEP));
    assertRefuses(
        "[rowAdam] m: expected memory of its own, got memory shared with v" + fix,
        () -> MemoryOps.rowAdam(grouped(slots, 11), table, columns, columns, STEP));
    assertRefuses(
        "[bagAdam] values: expected memory of its own, got memory shared with m" + fix,
        () ->
            MemoryOps.bagAdam(
                columns, columns, floats(11, 3), weights, outGradients, grouped(slots, 11), STEP));
    INDArray rows = columns.get(NDArrayIndex.interval(2, 7), NDArrayIndex.all());
    assertRefuses(
        "[bagSgd] values: expected memory of its own, got memory shared with outGradients" + fix,
        () -> MemoryOps.bagSgd(columns, weights, rows, grouped(slots, 11), 0.1, 1));
    assertRefuses(
        "[weightedBag] out: expected memory of its own, got memory shared with values (shape [5, 3])."
            + " Fix: pass a separate array",
        () -> MemoryOps.weightedBag(columns, slots, weights, rows));
    assertRefuses(
        "[weightedBagGradient] valueGradientsOut: expected memory of its own, got memory shared with"
            + " values"
            + fix,
        () ->
            MemoryOps.weightedBagGradient(
                columns, weights, outGradients, grouped(slots, 11), columns, null));
    INDArray square = floats(5, 3);
    assertRefuses(
        "[weightedBagWeightGradient] weightGradientsOut: expected memory of its own, got memory"
            + " shared with outGradients (shape [5, 3]). Fix: pass a separate array",
        () -> MemoryOps.weightedBagWeightGradient(table, longs(5, 3), square, square));
    INDArray turned = floats(3, 7, 2, 2).permute(3, 2, 1, 0);
    assertRefuses(
        "[productKeyTopKGradient] subKeyGradientsOut: expected memory of its own, got memory shared"
            + " with subKeys (shape [2, 2, 7, 3]). Fix: pass a separate array",
        () ->
            MemoryOps.productKeyTopKGradient(
                query, turned, longs(5, 2, 4), floats(5, 2, 4), floats(5, 2, 6), turned));
    AssertClose.same("columns", before, columns);
  }

  /** Columns of one array beside each other lie in one stretch of memory and share none. */
  @Test
  void columnsBesideEachOtherShareNothing() {
    INDArray both = floats(11, 6);
    INDArray left = both.get(NDArrayIndex.all(), NDArrayIndex.interval(0, 3));
    INDArray right = both.get(NDArrayIndex.all(), NDArrayIndex.interval(3, 6));
    MemoryOps.rowAdam(table, left, right, longs(1), floats(1, 3).assign(1), STEP);
    assertEquals(0.1, left.getDouble(0, 0), 1e-6);
    assertEquals(0.01, right.getDouble(0, 0), 1e-6);
  }
}
