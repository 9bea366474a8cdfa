package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Every message of the operations on compact tables, word for word. */
class CompactErrorsTest {
  private static final AdamStep STEP = AdamStep.of(0.1, 0.9, 0.99, 1e-8, 0, 1);

  private final CompactTable table = CompactTiers.zeros(CompactTable.Storage.INT8, 11, 3);
  private final INDArray slots = Nd4j.create(DataType.INT64, 5, 4);
  private final INDArray weights = floats(5, 4);
  private final INDArray outGradients = floats(5, 3);
  private final TouchedRows touched = new TouchedRows();

  CompactErrorsTest() {
    touched.group(slots, 11);
  }

  private static INDArray floats(long... shape) {
    return Nd4j.create(DataType.FLOAT, shape);
  }

  private static INDArray halves(long... shape) {
    return Nd4j.create(DataType.BFLOAT16, shape);
  }

  private static INDArray bytes(long... shape) {
    return Nd4j.create(DataType.INT8, shape);
  }

  private static INDArray closed(INDArray array) {
    array.close();
    return array;
  }

  private static void assertRefuses(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  /** A message about the shape of an array. */
  private static String shape(String start, String got) {
    return start
        + ", got "
        + got
        + ". Fix: reshape the array, or pass the arrays that belong together";
  }

  @Test
  void tableOfOtherArrays() {
    assertRefuses(
        "[CompactTable] values: expected an array [slots, valueSize], got null. Fix: pass an array",
        () -> CompactTable.float32(null));
    assertRefuses(
        "[CompactTable] values: expected an open array [slots, valueSize], got a closed array. Fix:"
            + " keep the array open until the call returns",
        () -> CompactTable.bfloat16(closed(halves(3, 2))));
    assertRefuses(
        shape(
            "[CompactTable] values: expected [slots, valueSize] of shape [any, any]",
            "rank 1 (shape [3])"),
        () -> CompactTable.bfloat16(halves(3)));
    assertRefuses(
        "[CompactTable] values: expected BFLOAT16, got FLOAT (shape [3, 2]). Fix: create it with"
            + " dtype BFLOAT16 and fill it with MemoryOps.writeRows",
        () -> CompactTable.bfloat16(floats(3, 2)));
    assertRefuses(
        "[CompactTable] values: expected FLOAT, got DOUBLE (shape [3, 2]). Fix: create it with dtype"
            + " FLOAT and fill it with MemoryOps.writeRows",
        () -> CompactTable.float32(Nd4j.create(DataType.DOUBLE, 3, 2)));
    assertRefuses(
        "[CompactTable] values: expected BYTE, got UBYTE (shape [3, 2]). Fix: create it with dtype"
            + " BYTE and fill it with MemoryOps.writeRows",
        () -> CompactTable.int8(Nd4j.create(DataType.UINT8, 3, 2), floats(3)));
    assertRefuses(
        "[CompactTable] values: expected a contiguous array in 'c' order, got strides [1, 3] (shape"
            + " [3, 2]). Fix: keep tables in 'c' order",
        () -> CompactTable.bfloat16(halves(2, 3).transpose()));
    assertRefuses(
        "[CompactTable] values: expected slots >= 1, got 0 (shape [0, 2]). Fix: give the axis at"
            + " least one entry",
        () -> CompactTable.float32(floats(0, 2)));
    assertRefuses(
        "[CompactTable] values: expected valueSize >= 1, got 0 (shape [3, 0]). Fix: give the axis at"
            + " least one entry",
        () -> CompactTable.float32(floats(3, 0)));
  }

  @Test
  void scalesOfAnotherTable() {
    assertRefuses(
        "[CompactTable] scales: expected an array [slots], got null. Fix: pass an array",
        () -> CompactTable.int8(bytes(3, 2), null));
    assertRefuses(
        shape("[CompactTable] scales: expected [slots] of shape [3]", "rank 1 (shape [2])"),
        () -> CompactTable.int8(bytes(3, 2), floats(2)));
    assertRefuses(
        "[CompactTable] scales: expected FLOAT, got BFLOAT16 (shape [3]). Fix: create it with dtype"
            + " FLOAT and fill it with MemoryOps.writeRows",
        () -> CompactTable.int8(bytes(3, 2), halves(3)));
    assertRefuses(
        "[CompactTable] scales: expected a contiguous array in 'c' order, got strides [2] (shape"
            + " [3]). Fix: keep tables in 'c' order",
        () -> CompactTable.int8(bytes(3, 2), floats(3, 2).getColumn(0)));
  }

  @Test
  void tableThatIsNullOrWasClosed() {
    assertRefuses(
        "[weightedBag] table: expected a value, got null. Fix: pass one",
        () -> MemoryOps.weightedBag((CompactTable) null, slots, weights, outGradients));
    CompactTable other = CompactTiers.zeros(CompactTable.Storage.INT8, 11, 3);
    other.scales().close();
    assertRefuses(
        "[readRows] table.scales: expected an open array [slots], got a closed array. Fix: keep the"
            + " array open until the call returns",
        () -> MemoryOps.readRows(other, Nd4j.createFromArray(1L)));
    CompactTable half = CompactTable.bfloat16(halves(11, 3));
    half.values().close();
    for (Executable call :
        List.<Executable>of(
            () -> MemoryOps.weightedBag(half, slots, weights, floats(5, 3)),
            () -> MemoryOps.weightedBagWeightGradient(half, slots, outGradients, floats(5, 4)),
            () -> MemoryOps.bagSgd(half, weights, outGradients, touched, 1, 1, 1),
            () ->
                MemoryOps.bagAdam(
                    half, floats(11, 3), floats(11, 3), weights, outGradients, touched, STEP, 1),
            () -> MemoryOps.writeRows(half, Nd4j.createFromArray(1L), floats(1, 3), 1),
            () -> MemoryOps.initialiseNormal(half, 1, 1))) {
      String message = assertThrows(IllegalArgumentException.class, call).getMessage();
      assertEquals(
          "] table.values: expected an open array [slots, valueSize], got a closed array. Fix: keep"
              + " the array open until the call returns",
          message.substring(message.indexOf(']')));
    }
  }

  @Test
  void bagOfAnotherShapeOrDtype() {
    assertRefuses(
        shape(
            "[weightedBag] weights: expected [bags, bagSize] of shape [5, 4]",
            "rank 2 (shape [5, 3])"),
        () -> MemoryOps.weightedBag(table, slots, floats(5, 3), outGradients));
    assertRefuses(
        shape(
            "[weightedBag] out: expected [bags, valueSize] of shape [5, 3]",
            "rank 2 (shape [5, 4])"),
        () -> MemoryOps.weightedBag(table, slots, weights, floats(5, 4)));
    assertRefuses(
        "[weightedBag] weights: expected FLOAT, got DOUBLE (shape [5, 4]). Fix: cast it with"
            + " castTo(FLOAT)",
        () -> MemoryOps.weightedBag(table, slots, weights.castTo(DataType.DOUBLE), outGradients));
    assertRefuses(
        "[weightedBag] out: expected FLOAT, got BFLOAT16 (shape [5, 3]). Fix: cast it with"
            + " castTo(FLOAT)",
        () -> MemoryOps.weightedBag(table, slots, weights, halves(5, 3)));
    assertRefuses(
        "[weightedBag] slots: expected LONG or INT, got FLOAT (shape [5, 4]). Fix: pass slots as LONG"
            + " (a FLOAT is exact only to 2^24)",
        () -> MemoryOps.weightedBag(table, weights, weights, outGradients));
    assertRefuses(
        shape(
            "[weightedBagWeightGradient] outGradients: expected [bags, valueSize] of shape [5, 3]",
            "rank 2 (shape [4, 3])"),
        () -> MemoryOps.weightedBagWeightGradient(table, slots, floats(4, 3), weights));
    assertRefuses(
        "[weightedBagWeightGradient] weightGradientsOut: expected FLOAT, got DOUBLE (shape [5, 4])."
            + " Fix: cast it with castTo(FLOAT)",
        () ->
            MemoryOps.weightedBagWeightGradient(
                table, slots, outGradients, weights.castTo(DataType.DOUBLE)));
    assertRefuses(
        shape(
            "[bagSgd] outGradients: expected [bags, valueSize] of shape [5, 3]",
            "rank 2 (shape [5, 4])"),
        () -> MemoryOps.bagSgd(table, weights, floats(5, 4), touched, 1, 1, 1));
  }

  @Test
  void slotOutOfRangeChangesNothing() {
    slots.putScalar(new int[] {3, 1}, 11);
    INDArray out = floats(5, 3).addi(7);
    assertRefuses(
        "[weightedBag] slots: expected slots in [0, 11), got 11 at flat index 13 (shape [5, 4]). Fix:"
            + " pass the slots that productKeyTopK gave for a table of this size",
        () -> MemoryOps.weightedBag(table, slots, weights, out));
    AssertClose.same("out", Elements.doubles(floats(5, 3).addi(7)), out);
    assertRefuses(
        "[weightedBagWeightGradient] slots: expected slots in [0, 11), got 11 at flat index 13 (shape"
            + " [5, 4]). Fix: pass the slots that productKeyTopK gave for a table of this size",
        () -> MemoryOps.weightedBagWeightGradient(table, slots, out, weights));
    AssertClose.same("weight gradients", new double[20], weights);
    assertRefuses(
        "[readRows] rows: expected rows in [0, 11), got -1 at index 1 (shape [2]). Fix: pass rows of"
            + " this table",
        () -> MemoryOps.readRows(table, Nd4j.createFromArray(3L, -1L)));
    for (long[] rows : new long[][] {{3, 3}, {5, 4}, {5, 11}}) {
      assertRefuses(
          "[writeRows] rows: expected distinct rows in [0, 11), ascending, got "
              + rows[1]
              + " after "
              + rows[0]
              + " (shape [2]). Fix: sort the rows, each once",
          () -> MemoryOps.writeRows(table, Nd4j.createFromArray(rows), floats(2, 3).addi(1), 1));
    }
    AssertClose.same("values", new double[33], table.values());
  }

  @Test
  void momentsOfAnotherTable() {
    assertRefuses(
        shape(
            "[bagAdam] m: expected [slots, valueSize] of shape [11, 3]", "rank 2 (shape [11, 2])"),
        () -> adam(floats(11, 2), floats(11, 3)));
    assertRefuses(
        "[bagAdam] v: expected FLOAT, got BFLOAT16 (shape [11, 3]). Fix: cast it with castTo(FLOAT)",
        () -> adam(floats(11, 3), halves(11, 3)));
    assertRefuses(
        "[bagAdam] v: expected a contiguous array in 'c' order, got strides [1, 11] (shape [11, 3])."
            + " Fix: keep tables in 'c' order",
        () -> adam(floats(11, 3), floats(3, 11).transpose()));
    INDArray one = floats(11, 3);
    assertRefuses(
        "[bagAdam] m: expected memory of its own, got memory shared with v (shape [11, 3]). Fix: pass"
            + " a separate array",
        () -> adam(one, one));
    INDArray room = floats(33 + 20);
    INDArray m = room.get(NDArrayIndex.interval(0, 33)).reshape(11, 3);
    INDArray inside = room.get(NDArrayIndex.interval(13, 33)).reshape(5, 4);
    assertRefuses(
        "[bagAdam] m: expected memory of its own, got memory shared with weights (shape [11, 3])."
            + " Fix: pass a separate array",
        () -> MemoryOps.bagAdam(table, m, floats(11, 3), inside, outGradients, touched, STEP, 1));
  }

  private void adam(INDArray m, INDArray v) {
    MemoryOps.bagAdam(table, m, v, weights, outGradients, touched, STEP, 1);
  }

  @Test
  void numbersThatAreNotFinite() {
    for (double wrong : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
      assertRefuses(
          "[bagSgd] learningRate: expected a finite number, got "
              + wrong
              + ". Fix: check the configuration",
          () -> MemoryOps.bagSgd(table, weights, outGradients, touched, wrong, 1, 1));
    }
    assertRefuses(
        "[bagSgd] learningRate * gradientScale: expected a finite number as FLOAT, got 1.0E60. Fix:"
            + " use a smaller number, or DOUBLE arrays",
        () -> MemoryOps.bagSgd(table, weights, outGradients, touched, 1, 1e60, 1));
    AdamStep large = new AdamStep(1e60, 0.9, 0.99, 1e-8, 1);
    assertRefuses(
        "[bagAdam] step.stepSize: expected a finite number as FLOAT, got 1.0E60. Fix: use a smaller"
            + " number, or DOUBLE arrays",
        () ->
            MemoryOps.bagAdam(
                table, floats(11, 3), floats(11, 3), weights, outGradients, touched, large, 1));
    INDArray values = floats(2, 3);
    values.putScalar(1, 2, Float.NaN);
    assertRefuses(
        "[writeRows] values: expected finite numbers, got NaN in row 1 (shape [2, 3]). Fix: look for"
            + " where it comes from",
        () -> MemoryOps.writeRows(table, Nd4j.createFromArray(0L, 1L), values, 1));
    for (double wrong : new double[] {0, -1, 2e37, Double.NaN}) {
      assertRefuses(
          "[initialiseNormal] deviation: expected a number > 0, at most 1.0E37, got "
              + wrong
              + ". Fix: 1 / sqrt(valueSize) is usual",
          () -> MemoryOps.initialiseNormal(table, wrong, 1));
    }
  }

  @Test
  void memoryThatIsShared() {
    INDArray room = floats(60);
    CompactTable shared = CompactTable.int8(bytes(5, 3), room.get(NDArrayIndex.interval(0, 5)));
    INDArray out = room.get(NDArrayIndex.interval(4, 19)).reshape(5, 3);
    assertRefuses(
        "[weightedBag] out: expected memory of its own, got memory shared with table.scales (shape"
            + " [5, 3]). Fix: pass a separate array",
        () -> MemoryOps.weightedBag(shared, slots, weights, out));
    INDArray dw = room.get(NDArrayIndex.interval(4, 24)).reshape(5, 4);
    assertRefuses(
        "[weightedBagWeightGradient] weightGradientsOut: expected memory of its own, got memory"
            + " shared with table.scales (shape [5, 4]). Fix: pass a separate array",
        () -> MemoryOps.weightedBagWeightGradient(shared, slots, outGradients, dw));
    INDArray square = floats(5, 3);
    TouchedRows five = new TouchedRows();
    five.group(slots, 5);
    assertRefuses(
        "[bagSgd] weights: expected memory of its own, got memory shared with table.scales (shape [5,"
            + " 4]). Fix: pass a separate array",
        () -> MemoryOps.bagSgd(shared, dw, outGradients, five, 1, 1, 1));
    assertRefuses(
        "[writeRows] values: expected memory of its own, got memory shared with table.scales (shape"
            + " [5, 3]). Fix: pass a separate array",
        () -> MemoryOps.writeRows(shared, Nd4j.createFromArray(0L, 1L, 2L, 3L, 4L), out, 1));
    assertRefuses(
        "[bagAdam] m: expected memory of its own, got memory shared with table.scales (shape [5, 3])."
            + " Fix: pass a separate array",
        () -> MemoryOps.bagAdam(shared, out, square, weights, outGradients, five, STEP, 1));
  }

  @Test
  void rowsGroupedForAnotherTable() {
    TouchedRows other = new TouchedRows();
    other.group(slots, 12);
    assertRefuses(
        "[bagSgd] table: expected 12 slots, as grouped, got 11 slots (shape [11, 3]). Fix: call"
            + " touched.group with the slots of this table",
        () -> MemoryOps.bagSgd(table, weights, outGradients, other, 1, 1, 1));
    assertRefuses(
        "[bagAdam] touched: expected a value, got null. Fix: pass one",
        () ->
            MemoryOps.bagAdam(
                table, floats(11, 3), floats(11, 3), weights, outGradients, null, STEP, 1));
    assertRefuses(
        "[bagSgd] weights: expected 5 bags of 4, as grouped, got 10 bags of 2 (shape [10, 2]). Fix:"
            + " call touched.group with the slots of these weights",
        () -> MemoryOps.bagSgd(table, floats(10, 2), floats(10, 3), touched, 1, 1, 1));
  }
}
