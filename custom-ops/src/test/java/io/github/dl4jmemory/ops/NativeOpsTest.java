package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.BagOracle;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.ProductKeyOracle;
import io.github.dl4jmemory.testkit.RowUpdateOracle;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** The ops that libnd4j runs, against the oracles: layouts, types, empty arrays, bad input. */
@Tag("native")
@ExtendWith(Seeded.class)
class NativeOpsTest {

  private static final List<DataType> TYPES = List.of(DataType.FLOAT, DataType.DOUBLE);

  /** The same elements as contiguous 'c', as 'f', and as a view with strides and an offset. */
  private static final List<UnaryOperator<INDArray>> LAYOUTS =
      List.of(array -> array.dup('c'), array -> array.dup('f'), NativeOpsTest::view);

  private static INDArray view(INDArray array) {
    long[] padded = array.shape().clone();
    for (int axis = 0; axis < padded.length; axis++) {
      padded[axis] = 2 * padded[axis] + 1;
    }
    INDArray room = Nd4j.valueArrayOf(padded, -77, array.dataType());
    var every = new org.nd4j.linalg.indexing.INDArrayIndex[padded.length];
    for (int axis = 0; axis < padded.length; axis++) {
      every[axis] = NDArrayIndex.interval(1, 2, padded[axis]);
    }
    INDArray view = room.get(every);
    view.assign(array);
    assertArrayEquals(array.shape(), view.shape());
    return view;
  }

  /** Runs the op into outputs of that layout, which hold other numbers before; returns them. */
  private static INDArray[] run(UnaryOperator<INDArray> layout, MemoryOp op) {
    INDArray[] outputs =
        op.calculateOutputShape().stream()
            .map(shape -> layout.apply(filled(shape.dataType(), shape.getShape())))
            .toArray(INDArray[]::new);
    op.addOutputArgument(outputs);
    return Nd4j.exec((CustomOp) op);
  }

  private static INDArray filled(DataType type, long... shape) {
    return Nd4j.valueArrayOf(shape, 55, type);
  }

  private interface Check {
    void on(DataType type, UnaryOperator<INDArray> layout);
  }

  private static void everyTypeAndLayout(Check check) {
    for (DataType type : TYPES) {
      for (UnaryOperator<INDArray> layout : LAYOUTS) {
        check.on(type, layout);
      }
    }
  }

  @Test
  void productKeyTopK(Random random) {
    everyTypeAndLayout(
        (type, layout) -> {
          INDArray query = Elements.uniform(random, type, 5, 3, 14);
          INDArray subKeys = Elements.uniform(random, type, 3, 2, 11, 7);
          MemoryOps.TopK want = MemoryOps.productKeyTopK(query, subKeys, 4);
          INDArray[] got =
              run(layout, new ProductKeyTopKOp(layout.apply(query), layout.apply(subKeys), 4));
          AssertClose.same("scores", Elements.doubles(want.scores()), got[0]);
          AssertClose.same("slots", Elements.longs(want.slots()), got[1]);
        });
  }

  @Test
  void productKeyTopKGradient(Random random) {
    everyTypeAndLayout(
        (type, layout) -> {
          INDArray query = Elements.uniform(random, type, 5, 3, 14);
          INDArray subKeys = Elements.uniform(random, type, 3, 2, 11, 7);
          INDArray slots = Elements.slots(random, 121, 5, 3, 4);
          INDArray gradients = Elements.uniform(random, type, 5, 3, 4);
          INDArray[] got =
              run(
                  layout,
                  new ProductKeyTopKGradientOp(
                      layout.apply(query),
                      layout.apply(subKeys),
                      layout.apply(slots),
                      layout.apply(gradients)));
          double tolerance = AssertClose.tolerance(type, 5 * 4, 1);
          AssertClose.close(
              "query",
              ProductKeyOracle.queryGradient(query, subKeys, slots, gradients),
              got[0],
              tolerance);
          AssertClose.close(
              "subKeys",
              ProductKeyOracle.subKeyGradient(query, subKeys, slots, gradients),
              got[1],
              tolerance);
        });
  }

  @Test
  void weightedBagAndItsGradient(Random random) {
    everyTypeAndLayout(
        (type, layout) -> {
          INDArray values = layout.apply(Elements.uniform(random, type, 13, 17));
          INDArray longs = Elements.slots(random, 13, 11, 5);
          INDArray weights = layout.apply(Elements.uniform(random, type, 11, 5));
          INDArray gradients = layout.apply(Elements.uniform(random, type, 11, 17));
          double tolerance = AssertClose.tolerance(type, 11 * 5, 1);
          for (DataType slotType : List.of(DataType.INT64, DataType.INT32)) {
            INDArray slots = layout.apply(longs.castTo(slotType));
            INDArray[] out = run(layout, new WeightedBagOp(values, slots, weights));
            AssertClose.close("out", BagOracle.forward(values, longs, weights), out[0], tolerance);
            INDArray[] back =
                run(layout, new WeightedBagGradientOp(values, slots, weights, gradients));
            AssertClose.close(
                "values",
                BagOracle.valueGradient(values, longs, weights, gradients),
                back[0],
                tolerance);
            AssertClose.close(
                "weights", BagOracle.weightGradient(values, longs, gradients), back[1], tolerance);
          }
        });
  }

  @Test
  void rowAdamInPlaceAndAsAFunction(Random random) {
    AdamStep step = new AdamStep(0.1, 0.9, 0.99, 1e-8, 0.5);
    INDArray rows = Nd4j.createFromArray(0L, 3L, 4L, 10L);
    everyTypeAndLayout(
        (type, layout) -> {
          INDArray values = Elements.uniform(random, type, 11, 7);
          INDArray m = Elements.uniform(random, type, 11, 7);
          INDArray v = Elements.uniform(random, type, 11, 7).mul(0.5).add(0.6);
          INDArray gradients = Elements.uniform(random, type, 4, 7);
          INDArray table = Nd4j.create(type, 11, 7);
          for (int i = 0; i < 4; i++) {
            table.putRow(rows.getLong(i), gradients.getRow(i));
          }
          double[] wantM = Elements.doubles(m);
          double[] wantV = Elements.doubles(v);
          double[] want = Elements.doubles(values);
          double[] updates =
              RowUpdateOracle.adam(
                  rows.toLongVector(), 7, Elements.doubles(table), wantM, wantV, step);
          for (int i = 0; i < want.length; i++) {
            want[i] -= updates[i];
          }
          double tolerance = AssertClose.tolerance(type, 8, 2);
          INDArray[] in = {
            layout.apply(values), layout.apply(m), layout.apply(v), rows, layout.apply(gradients)
          };
          INDArray[] got = run(layout, new RowAdamOp(in, null, step));
          AssertClose.close("values", want, got[0], tolerance);
          AssertClose.close("m", wantM, got[1], tolerance);
          AssertClose.close("v", wantV, got[2], tolerance);
          AssertClose.same("values before", Elements.doubles(values), in[0]);
          Nd4j.exec((CustomOp) new RowAdamOp(in, new INDArray[] {in[0], in[1], in[2]}, step));
          AssertClose.same("values in place", Elements.doubles(got[0]), in[0]);
          AssertClose.same("m in place", Elements.doubles(got[1]), in[1]);
          AssertClose.same("v in place", Elements.doubles(got[2]), in[2]);
        });
  }

  @Test
  void rowSgdInPlaceAndAsAFunction(Random random) {
    INDArray rows = Nd4j.createFromArray(1L, 2L, 6L);
    everyTypeAndLayout(
        (type, layout) -> {
          INDArray values = Elements.uniform(random, type, 7, 5);
          INDArray gradients = Elements.uniform(random, type, 3, 5);
          double[] want = Elements.doubles(values);
          double[] g = Elements.doubles(gradients);
          for (int i = 0; i < g.length; i++) {
            want[(int) rows.getLong(i / 5) * 5 + i % 5] -= 0.25 * g[i];
          }
          INDArray[] in = {layout.apply(values), rows, layout.apply(gradients)};
          INDArray got = run(layout, new RowSgdOp(in, null, 0.25))[0];
          AssertClose.close("values", want, got, AssertClose.tolerance(type, 2, 2));
          Nd4j.exec((CustomOp) new RowSgdOp(in, new INDArray[] {in[0]}, 0.25));
          AssertClose.same("in place", Elements.doubles(got), in[0]);
        });
  }

  /** An output that lies in the memory of an input: the input is read in full before. */
  @Test
  void outputMayOverlapAnInput(Random random) {
    INDArray room = Elements.uniform(random, DataType.FLOAT, 12, 5);
    INDArray values = room.get(NDArrayIndex.interval(0, 7), NDArrayIndex.all());
    INDArray out = room.get(NDArrayIndex.interval(3, 6), NDArrayIndex.all());
    INDArray slots = Elements.slots(random, 7, 3, 2);
    INDArray weights = Elements.uniform(random, DataType.FLOAT, 3, 2);
    double[] want = BagOracle.forward(values, slots, weights);
    WeightedBagOp op = new WeightedBagOp(values, slots, weights);
    op.addOutputArgument(out);
    Nd4j.exec((CustomOp) op);
    AssertClose.close("out", want, out, AssertClose.tolerance(DataType.FLOAT, 2, 2));
  }

  @Test
  void anEmptyBatchGivesEmptyResultsAndZeroGradients() {
    INDArray query = Nd4j.create(DataType.FLOAT, 0, 3, 4);
    INDArray subKeys = Nd4j.ones(DataType.FLOAT, 3, 2, 5, 2);
    INDArray none = Nd4j.create(DataType.FLOAT, 0, 3, 2);
    INDArray noSlots = Nd4j.create(DataType.INT64, 0, 3, 2);
    INDArray[] top = Nd4j.exec((CustomOp) new ProductKeyTopKOp(query, subKeys, 2));
    assertTrue(top[0].isEmpty() && top[1].isEmpty());
    ProductKeyTopKGradientOp back = new ProductKeyTopKGradientOp(query, subKeys, noSlots, none);
    INDArray keyGradients = filled(DataType.FLOAT, 3, 2, 5, 2);
    back.addOutputArgument(query.dup(), keyGradients);
    Nd4j.exec((CustomOp) back);
    AssertClose.same("subKeys", new double[60], keyGradients);

    INDArray values = Nd4j.ones(DataType.FLOAT, 7, 3);
    INDArray slots = Nd4j.create(DataType.INT64, 0, 2);
    INDArray weights = Nd4j.create(DataType.FLOAT, 0, 2);
    assertTrue(Nd4j.exec((CustomOp) new WeightedBagOp(values, slots, weights))[0].isEmpty());
    WeightedBagGradientOp bagBack =
        new WeightedBagGradientOp(values, slots, weights, Nd4j.create(DataType.FLOAT, 0, 3));
    INDArray valueGradients = filled(DataType.FLOAT, 7, 3);
    bagBack.addOutputArgument(valueGradients, weights.dup());
    Nd4j.exec((CustomOp) bagBack);
    AssertClose.same("values", new double[21], valueGradients);

    INDArray noRows = Nd4j.create(DataType.INT64, 0);
    INDArray[] in = {values, noRows, Nd4j.create(DataType.FLOAT, 0, 3)};
    INDArray same = Nd4j.exec((CustomOp) new RowSgdOp(in, null, 1))[0];
    AssertClose.same("values", Elements.doubles(values), same);
  }

  /** The op fails with our text in the chain of causes, and libnd4j goes on working. */
  private static void assertFails(String expected, MemoryOp op) {
    Throwable failure = assertThrows(RuntimeException.class, () -> Nd4j.exec((CustomOp) op));
    StringBuilder texts = new StringBuilder();
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      texts.append(cause.getMessage()).append('\n');
    }
    assertTrue(texts.toString().contains(expected), () -> expected + " is not in\n" + texts);
    AssertClose.same("afterwards", new double[] {2, 2}, Nd4j.ones(DataType.FLOAT, 2).add(1));
  }

  /** The kernels divide by the size of a row: none must reach them. */
  @Test
  void valuesOfNoSizeAreRefused() {
    INDArray values = Nd4j.create(DataType.FLOAT, 7, 0);
    INDArray slots = Nd4j.zeros(DataType.INT64, 2, 4);
    INDArray weights = Nd4j.ones(DataType.FLOAT, 2, 4);
    INDArray outGradients = Nd4j.create(DataType.FLOAT, 2, 0);
    String message = "values: expected valueSize >= 1, got [7, 0]. Fix: give a slot a value.";
    assertFails("[weighted_bag] " + message, new WeightedBagOp(values, slots, weights));
    assertFails(
        "[weighted_bag_bp] " + message,
        new WeightedBagGradientOp(values, slots, weights, outGradients));
  }

  @Test
  void badLookupsAreRefused() {
    INDArray query = Nd4j.ones(DataType.FLOAT, 2, 3, 4);
    INDArray keys = Nd4j.ones(DataType.FLOAT, 3, 2, 5, 2);
    assertFails(
        "[product_key_topk] topK: expected 1 to n = 5, got 6. Fix: choose a smaller topK or more"
            + " subKeys.",
        new ProductKeyTopKOp(query, keys, 6));
    assertFails(
        "[product_key_topk] topK: expected 1 to n = 5, got 0. Fix: choose a smaller topK or more"
            + " subKeys.",
        new ProductKeyTopKOp(query, keys, 0));
    assertFails(
        "[product_key_topk] query: expected FLOAT or DOUBLE, got INT (shape [2, 3, 4]). Fix: cast"
            + " query to FLOAT or DOUBLE.",
        new ProductKeyTopKOp(query.castTo(DataType.INT32), keys, 2));
    assertFails(
        "[product_key_topk] subKeys: expected FLOAT as query, got DOUBLE (shape [3, 2, 5, 2])."
            + " Fix: cast both to one type, FLOAT or DOUBLE.",
        new ProductKeyTopKOp(query, keys.castTo(DataType.DOUBLE), 2));
    assertFails(
        "[product_key_topk] query: expected [batch, heads, keySize], got rank 2 (shape [6, 4])."
            + " Fix: reshape query to [batch, heads, keySize].",
        new ProductKeyTopKOp(query.reshape(6, 4), keys, 2));
    assertFails(
        "[product_key_topk] keySize: expected an even number, 2 or more, got 5 (shape [2, 3, 5])."
            + " Fix: choose an even keySize, it is split into two halves.",
        new ProductKeyTopKOp(Nd4j.ones(DataType.FLOAT, 2, 3, 5), keys, 2));
    assertFails(
        "[product_key_topk] subKeys: expected [3, 2, n, 2], got [2, 2, 5, 2] (query [2, 3, 4])."
            + " Fix: pass subKeys of [heads, 2, n, keySize/2].",
        new ProductKeyTopKOp(query, Nd4j.ones(DataType.FLOAT, 2, 2, 5, 2), 2));
    assertFails(
        "[product_key_topk] subKeys: expected 1 to 65536, got 65537 (shape [1, 2, 65537, 1])."
            + " Fix: use between 1 and 65536 keys on a side.",
        new ProductKeyTopKOp(
            Nd4j.ones(DataType.FLOAT, 1, 1, 2), Nd4j.ones(DataType.FLOAT, 1, 2, 65_537, 1), 1));
    INDArray nan = query.dup();
    nan.putScalar(new int[] {1, 2, 0}, Float.NaN);
    assertFails(
        "[product_key_topk] query: expected scores that are numbers, got NaN at batch 1, head 2."
            + " Fix: look for NaN in query and subKeys.",
        new ProductKeyTopKOp(nan, keys, 2));
  }

  @Test
  void badLookupGradientsAreRefused() {
    INDArray query = Nd4j.ones(DataType.FLOAT, 2, 3, 4);
    INDArray keys = Nd4j.ones(DataType.FLOAT, 3, 2, 5, 2);
    INDArray slots = Nd4j.zeros(DataType.INT64, 2, 3, 4);
    INDArray gradients = Nd4j.ones(DataType.FLOAT, 2, 3, 4);
    assertFails(
        "[product_key_topk_bp] slots: expected 0 to 24, got 25 at flat index 23. Fix: use slots"
            + " inside the table of 25 slots.",
        new ProductKeyTopKGradientOp(
            query, keys, slots.dup().putScalar(new int[] {1, 2, 3}, 25), gradients));
    assertFails(
        "[product_key_topk_bp] subKeys: expected 1 to 65536, got 65537 (shape [1, 2, 65537, 1])."
            + " Fix: use between 1 and 65536 keys on a side.",
        new ProductKeyTopKGradientOp(
            Nd4j.ones(DataType.FLOAT, 1, 1, 2),
            Nd4j.ones(DataType.FLOAT, 1, 2, 65_537, 1),
            Nd4j.zeros(DataType.INT64, 1, 1, 1),
            Nd4j.ones(DataType.FLOAT, 1, 1, 1)));
    assertFails(
        "[product_key_topk_bp] slots: expected LONG or INT, got FLOAT (shape [2, 3, 4]). Fix: cast"
            + " slots to LONG.",
        new ProductKeyTopKGradientOp(query, keys, gradients, gradients));
    assertFails(
        "[product_key_topk_bp] scoreGradients: expected the shape [2, 3, 4] of slots, got FLOAT"
            + " (shape [2, 3, 3]). Fix: pass scoreGradients of that shape.",
        new ProductKeyTopKGradientOp(query, keys, slots, Nd4j.ones(DataType.FLOAT, 2, 3, 3)));
    assertFails(
        "[product_key_topk_bp] slots: expected [2, 3, topK], got [1, 3, 4]. Fix: pass the slots"
            + " that product_key_topk gave for this query.",
        new ProductKeyTopKGradientOp(
            query, keys, Nd4j.zeros(DataType.INT64, 1, 3, 4), Nd4j.ones(DataType.FLOAT, 1, 3, 4)));
  }

  @Test
  void badBagsAreRefused() {
    INDArray values = Nd4j.ones(DataType.FLOAT, 7, 3);
    INDArray slots = Nd4j.zeros(DataType.INT64, 2, 2);
    INDArray weights = Nd4j.ones(DataType.FLOAT, 2, 2);
    INDArray outside = slots.dup().putScalar(new int[] {1, 0}, -1);
    assertFails(
        "[weighted_bag] slots: expected 0 to 6, got -1 at flat index 2. Fix: use slots inside the"
            + " table of 7 slots.",
        new WeightedBagOp(values, outside, weights));
    assertFails(
        "[weighted_bag_bp] slots: expected 0 to 6, got -1 at flat index 2. Fix: use slots inside"
            + " the table of 7 slots.",
        new WeightedBagGradientOp(values, outside, weights, Nd4j.ones(DataType.FLOAT, 2, 3)));
    assertFails(
        "[weighted_bag] weights: expected the shape [2, 2] of slots, got FLOAT (shape [2, 3])."
            + " Fix: pass weights of that shape.",
        new WeightedBagOp(values, slots, Nd4j.ones(DataType.FLOAT, 2, 3)));
    assertFails(
        "[weighted_bag_bp] outGradients: expected [2, 3], got [3, 3]. Fix: pass outGradients of"
            + " [bags, valueSize].",
        new WeightedBagGradientOp(values, slots, weights, Nd4j.ones(DataType.FLOAT, 3, 3)));
    WeightedBagOp wrongOutput = new WeightedBagOp(values, slots, weights);
    wrongOutput.addOutputArgument(Nd4j.create(DataType.DOUBLE, 2, 3));
    assertFails(
        "[weighted_bag] out: expected FLOAT [2, 3], got DOUBLE (shape [2, 3]). Fix: pass an output"
            + " array of that type and shape.",
        wrongOutput);
  }

  @Test
  void badRowsAreRefusedAndTheTableKept() {
    INDArray values = Nd4j.ones(DataType.FLOAT, 7, 3);
    INDArray gradients = Nd4j.ones(DataType.FLOAT, 2, 3);
    INDArray[] out = {values};
    assertFails(
        "[row_sgd] rows: expected ascending, each row once, got 2 after 2 at index 1. Fix: add up"
            + " the gradients of equal rows and sort rows.",
        new RowSgdOp(new INDArray[] {values, Nd4j.createFromArray(2L, 2L), gradients}, out, 1));
    assertFails(
        "[row_sgd] rows: expected 0 to 6, got 7 at flat index 1. Fix: use rows inside the table of"
            + " 7 slots.",
        new RowSgdOp(new INDArray[] {values, Nd4j.createFromArray(2L, 7L), gradients}, out, 1));
    assertFails(
        "[row_sgd] rowGradients: expected [1, 3], got [2, 3]. Fix: pass one gradient row for each"
            + " entry of rows.",
        new RowSgdOp(new INDArray[] {values, Nd4j.createFromArray(2L), gradients}, out, 1));
    INDArray[] adam = {values, values.dup(), values.dup(), Nd4j.createFromArray(2L, 3L), gradients};
    AdamStep step = new AdamStep(0.1, 0.9, 0.99, 1e-8, 1);
    assertFails(
        "[row_adam] m: expected memory apart from values, got outputs that overlap. Fix: pass one"
            + " array for each output.",
        new RowAdamOp(adam, new INDArray[] {values, values, adam[2]}, step));
    AssertClose.same("values", Elements.doubles(Nd4j.ones(DataType.FLOAT, 7, 3)), values);
  }
}
