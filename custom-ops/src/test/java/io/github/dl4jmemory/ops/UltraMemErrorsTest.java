package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Every message of the operations of UltraMem, word for word. */
class UltraMemErrorsTest {
  private final INDArray query = floats(5, 2, 2, 3, 7);
  private final INDArray keys = floats(2, 2, 3, 11, 7);
  private final INDArray cores = floats(2, 2, 3, 3);
  private final INDArray filters = floats(2, 2, 3);
  private final INDArray table = floats(11, 6);
  private final INDArray slots = Nd4j.create(DataType.INT64, 5, 4);
  private final INDArray weights = floats(5, 4, 2);
  private final INDArray outGradients = floats(5, 3, 6);

  private static INDArray floats(long... shape) {
    return Nd4j.create(DataType.FLOAT, shape);
  }

  private static void refuses(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void filters() {
    refuses(
        "[tuckerFilters] cores: expected [heads, cores, rank, rank] of shape [any, any, any, 3], got"
            + " rank 4 (shape [2, 2, 3, 4]). Fix: reshape the array, or pass the arrays that belong"
            + " together",
        () -> UltraMemOps.tuckerFilters(floats(2, 2, 3, 4), null));
    refuses(
        "[tuckerFilters] cores: expected cores >= 1, got 0 (shape [2, 0, 3, 3]). Fix: give the axis"
            + " at least one entry",
        () -> UltraMemOps.tuckerFilters(floats(2, 0, 3, 3), null));
    refuses(
        "[tuckerFilters] previous: expected [heads, 2, rank] of shape [2, 2, 3], got rank 3 (shape"
            + " [2, 2, 2]). Fix: reshape the array, or pass the arrays that belong together",
        () -> UltraMemOps.tuckerFilters(cores, floats(2, 2, 2)));
    INDArray notANumber = cores.dup();
    notANumber.putScalar(new int[] {1, 0, 2, 2}, Float.NaN);
    refuses(
        "[tuckerFilters] cores: expected finite elements, got NaN (shape [2, 2, 3, 3]). Fix: lower"
            + " the learning rate",
        () -> UltraMemOps.tuckerFilters(notANumber, null));
  }

  @Test
  void lookup() {
    refuses(
        "[tuckerTopK] query: expected [batch, heads, 2, rank, keySize] of shape [any, any, 2, any,"
            + " any], got rank 5 (shape [5, 2, 3, 3, 7]). Fix: reshape the array, or pass the arrays"
            + " that belong together",
        () -> UltraMemOps.tuckerTopK(floats(5, 2, 3, 3, 7), keys, cores, filters, 3));
    refuses(
        "[tuckerTopK] keys: expected FLOAT, got DOUBLE (shape [2, 2, 3, 11, 7]). Fix: cast it with"
            + " castTo(FLOAT)",
        () -> UltraMemOps.tuckerTopK(query, keys.castTo(DataType.DOUBLE), cores, filters, 3));
    refuses(
        "[tuckerTopK] keys: expected 1 to 65536 subKeys, got 65537 (shape [1, 2, 1, 65537, 1]). Fix:"
            + " use between 1 and 65536 keys on a side",
        () ->
            UltraMemOps.tuckerTopK(
                floats(1, 1, 2, 1, 1),
                floats(1, 2, 1, 65537, 1),
                floats(1, 1, 1, 1),
                floats(1, 2, 1),
                1));
    refuses(
        "[tuckerTopK] cores: expected [heads, cores, rank, rank] of shape [2, any, 3, 3], got rank 4"
            + " (shape [1, 2, 3, 3]). Fix: reshape the array, or pass the arrays that belong"
            + " together",
        () -> UltraMemOps.tuckerTopK(query, keys, floats(1, 2, 3, 3), filters, 3));
    refuses(
        "[tuckerTopK] filters: expected [heads, 2, rank] of shape [2, 2, 3], got rank 2 (shape [2,"
            + " 3]). Fix: reshape the array, or pass the arrays that belong together",
        () -> UltraMemOps.tuckerTopK(query, keys, cores, floats(2, 3), 3));
    for (int topK : new int[] {0, 12}) {
      refuses(
          "[tuckerTopK] topK: expected 1 to subKeys = 11, got "
              + topK
              + " (shape [2, 2, 3, 11, 7]). Fix: use a smaller topK or more keys",
          () -> UltraMemOps.tuckerTopK(query, keys, cores, filters, topK));
    }
    INDArray nan = query.dup();
    nan.putScalar(new int[] {3, 1, 0, 0, 0}, Float.NaN);
    refuses(
        "[tuckerTopK] query: expected scores without NaN, got NaN in the scores of query 7 (batch *"
            + " heads + head). Fix: look for NaN or opposite infinities in the query and the"
            + " sub-keys; lower the learning rate",
        () -> UltraMemOps.tuckerTopK(nan, keys.add(1), cores, filters, 3));
  }

  @Test
  void lookupGradient() {
    INDArray found = Nd4j.create(DataType.INT64, 5, 2, 4);
    refuses(
        "[tuckerTopKGradient] scoreGradients: expected [batch, heads, topK, cores] of shape [5, 2, 4,"
            + " 2], got rank 3 (shape [5, 2, 4]). Fix: reshape the array, or pass the arrays that"
            + " belong together",
        () -> UltraMemOps.tuckerTopKGradient(query, keys, cores, found, floats(5, 2, 4)));
    INDArray outside = found.dup();
    outside.putScalar(new int[] {1, 0, 3}, 121);
    refuses(
        "[tuckerTopKGradient] slots: expected numbers in [0, 121), got 121 at flat index 11 (shape"
            + " [5, 2, 4]). Fix: pass the slots that tuckerTopK found with these keys",
        () -> UltraMemOps.tuckerTopKGradient(query, keys, cores, outside, floats(5, 2, 4, 2)));
  }

  @Test
  void expansion() {
    refuses(
        "[expandSlots] slotCount: expected 1 or more, got 0. Fix: pass the rows of the table",
        () -> UltraMemOps.expandSlots(slots, 0, 4, 1));
    refuses(
        "[expandSlots] expansion: expected 1 or more, and slotCount * expansion at most 2^62, got 0"
            + " for 7 slots. Fix: pass the blocks of the expansion",
        () -> UltraMemOps.expandSlots(slots, 7, 0, 1));
    refuses(
        "[expandSlots] expansion: expected 1 or more, and slotCount * expansion at most 2^62, got 4"
            + " for 2305843009213693952 slots. Fix: pass the blocks of the expansion",
        () -> UltraMemOps.expandSlots(slots, 1L << 61, 4, 1));
    refuses(
        "[expandSlots] virtualSlots: expected numbers in [0, 28), got 28 at flat index 1 (shape"
            + " [2]). Fix: find them among keys for slotCount * expansion slots",
        () -> UltraMemOps.expandSlots(Nd4j.createFromArray(27L, 28L), 7, 4, 1));
    refuses(
        "[expandSlots] virtualSlots: expected LONG or INT, got FLOAT (shape [5, 4, 2]). Fix: pass"
            + " slots as LONG (a FLOAT is exact only to 2^24)",
        () -> UltraMemOps.expandSlots(weights, 7, 4, 1));
  }

  @Test
  void expandedBag() {
    refuses(
        "[expandedBag] blocks: expected numbers in [0, 3), got 3 at flat index 0 (shape [5, 4])."
            + " Fix: pass the blocks of expandSlots",
        () -> UltraMemOps.expandedBag(table, slots, slots.add(3), weights, 3));
    refuses(
        "[expandedBag] slots: expected numbers in [0, 11), got 11 at flat index 0 (shape [5, 4])."
            + " Fix: pass rows of the table",
        () -> UltraMemOps.expandedBag(table, slots.add(11), slots, weights, 3));
    refuses(
        "[expandedBag] expansion: expected 1 or more, got 0. Fix: pass the number of blocks",
        () -> UltraMemOps.expandedBag(table, slots, slots, weights, 0));
    refuses(
        "[expandedBag] cores: expected a divisor of valueSize = 6, got 4 (shape [11, 6]). Fix: choose"
            + " valueSize as a multiple of cores",
        () -> UltraMemOps.expandedBag(table, slots, slots, floats(5, 4, 4), 3));
    refuses(
        "[expandedBagWeightGradient] outGradients: expected [bags, expansion, valueSize] of shape [5,"
            + " any, 6], got rank 3 (shape [4, 3, 6]). Fix: reshape the array, or pass the arrays"
            + " that belong together",
        () -> UltraMemOps.expandedBagWeightGradient(table, slots, slots, floats(4, 3, 6), 2));
    refuses(
        "[expandedBagGradient] weights: expected [bags, bagSize, cores] of shape [5, 4, any], got"
            + " rank 2 (shape [5, 4]). Fix: reshape the array, or pass the arrays that belong"
            + " together",
        () -> UltraMemOps.expandedBagGradient(table, slots, slots, floats(5, 4), outGradients));
  }

  @Test
  void expandedRows() {
    ExpandedRows rows = new ExpandedRows();
    refuses(
        "[expandedRows] weights: expected grouped bags, got none. Fix: call group(..) first",
        () -> rows.table(table));
    rows.group(table, slots, slots, weights, 3);
    refuses(
        "[expandedRows] table: expected [slots, valueSize] of shape [11, 6], got rank 2 (shape [11,"
            + " 5]). Fix: reshape the array, or pass the arrays that belong together",
        () -> rows.table(floats(11, 5)));
    refuses(
        "[expandedRows] table: expected a contiguous array in 'c' order, got another (shape [11,"
            + " 6]). Fix: pass array.dup('c')",
        () -> rows.table(floats(6, 11).transpose()));
    refuses(
        "[expandedRows] outGradients: expected [bags, expansion, valueSize] of shape [5, 3, 6], got"
            + " rank 3 (shape [5, 2, 6]). Fix: reshape the array, or pass the arrays that belong"
            + " together",
        () -> rows.gradients(floats(5, 2, 6)));
    refuses(
        "[expandedRows] slots: expected numbers in [0, 9), got 9 at flat index 0 (shape [5, 4])."
            + " Fix: pass rows of the table",
        () -> rows.group(9, 6, slots.add(9), slots, weights, 3));
    refuses(
        "[expandedRows] weights: expected FLOAT or DOUBLE, got LONG (shape [5, 4, 2]). Fix: cast it"
            + " with castTo(FLOAT)",
        () -> rows.group(11, 6, slots, slots, weights.castTo(DataType.INT64), 3));
    refuses(
        "[expandedRows] cores: expected a divisor of valueSize = 5, got 2 (shape [5, 4, 2]). Fix:"
            + " choose valueSize as a multiple of cores",
        () -> rows.group(11, 5, slots, slots, weights, 3));
  }

  @Test
  void rowDots() {
    refuses(
        "[rowDots] inputs: expected [bags, valueSize] of shape [5, 6], got rank 2 (shape [5, 5])."
            + " Fix: reshape the array, or pass the arrays that belong together",
        () -> UltraMemOps.rowDots(table, slots, floats(5, 5)));
    refuses(
        "[rowDots] slots: expected slots in [0, 11), got 11 at flat index 0 (shape [5, 4]). Fix: pass"
            + " the slots that productKeyTopK gave for a table of this size",
        () -> UltraMemOps.rowDots(table, slots.add(11), floats(5, 6)));
    refuses(
        "[rowDotsGradient] outGradients: expected [bags, bagSize] of shape [5, 4], got rank 2 (shape"
            + " [5, 3]). Fix: reshape the array, or pass the arrays that belong together",
        () -> UltraMemOps.rowDotsGradient(table, slots, floats(5, 6), floats(5, 3)));
  }
}
