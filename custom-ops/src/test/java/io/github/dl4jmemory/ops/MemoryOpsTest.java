package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** The public door: arrays in every layout in and out, empty batches, INT slots. */
@ExtendWith(Seeded.class)
class MemoryOpsTest {
  private static final double SENTINEL = -9;

  /** The same elements in other memory. */
  private static final List<UnaryOperator<INDArray>> LAYOUTS =
      List.of(
          array -> array.dup('f'),
          MemoryOpsTest::columns,
          MemoryOpsTest::offset,
          array -> reversed(reversed(array).dup('c')));

  /** Every second column of a wider array. */
  private static INDArray columns(INDArray array) {
    long[] shape = array.shape().clone();
    int last = shape.length - 1;
    shape[last] = 2 * shape[last];
    INDArray wide = Nd4j.valueArrayOf(shape, SENTINEL, array.dataType());
    INDArray view = wide.get(at(shape.length, NDArrayIndex.interval(0, 2, shape[last])));
    return view.assign(array);
  }

  private static org.nd4j.linalg.indexing.INDArrayIndex[] at(
      int rank, org.nd4j.linalg.indexing.INDArrayIndex last) {
    org.nd4j.linalg.indexing.INDArrayIndex[] all = new org.nd4j.linalg.indexing.INDArrayIndex[rank];
    java.util.Arrays.fill(all, NDArrayIndex.all());
    all[rank - 1] = last;
    return all;
  }

  /** A contiguous view that starts inside its buffer. */
  private static INDArray offset(INDArray array) {
    INDArray longer =
        Nd4j.valueArrayOf(new long[] {array.length() + 7}, SENTINEL, array.dataType());
    INDArray view = longer.get(NDArrayIndex.interval(5, 5 + array.length()));
    return view.reshape('c', array.shape()).assign(array);
  }

  /** Axes in reverse order. */
  private static INDArray reversed(INDArray array) {
    int rank = array.rank();
    int[] axes = new int[rank];
    for (int i = 0; i < rank; i++) {
      axes[i] = rank - 1 - i;
    }
    return array.permute(axes);
  }

  private static void assertEqual(String what, INDArray expected, INDArray actual) {
    assertArrayEquals(expected.shape(), actual.shape());
    AssertClose.same(what, Elements.doubles(expected), actual);
  }

  @Test
  void lookupTakesAndFillsEveryLayout(Random random) {
    INDArray query = Elements.uniform(random, DataType.FLOAT, 5, 2, 6);
    INDArray keys = Elements.uniform(random, DataType.FLOAT, 2, 2, 7, 3);
    INDArray gradients = Elements.uniform(random, DataType.FLOAT, 5, 2, 4);
    MemoryOps.TopK found = MemoryOps.productKeyTopK(query, keys, 4);
    MemoryOps.TopKGradient gradient =
        MemoryOps.productKeyTopKGradient(query, keys, found.slots(), gradients);
    for (UnaryOperator<INDArray> layout : LAYOUTS) {
      INDArray scores = layout.apply(found.scores().mul(0));
      INDArray slots = layout.apply(found.slots().mul(0));
      MemoryOps.productKeyTopK(layout.apply(query), layout.apply(keys), scores, slots);
      assertEqual("scores", found.scores(), scores);
      AssertClose.same("slots", Elements.longs(found.slots()), slots);
      INDArray dq = layout.apply(query.mul(0));
      INDArray dk = layout.apply(keys.mul(0));
      MemoryOps.productKeyTopKGradient(
          layout.apply(query), layout.apply(keys), slots, layout.apply(gradients), dq, dk);
      assertEqual("query gradient", gradient.query(), dq);
      assertEqual("sub-key gradient", gradient.subKeys(), dk);
    }
  }

  @Test
  void bagTakesAndFillsEveryLayout(Random random) {
    INDArray values = Elements.uniform(random, DataType.DOUBLE, 11, 3);
    INDArray slots = Elements.slots(random, 11, 5, 4);
    INDArray weights = Elements.uniform(random, DataType.DOUBLE, 5, 4);
    INDArray outGradients = Elements.uniform(random, DataType.DOUBLE, 5, 3);
    INDArray expected = MemoryOps.weightedBag(values, slots, weights);
    MemoryOps.BagGradient gradient =
        MemoryOps.weightedBagGradient(values, slots, weights, outGradients);
    INDArray dense = Nd4j.valueArrayOf(new long[] {11, 3}, SENTINEL, DataType.DOUBLE);
    long[] rows = Elements.longs(gradient.rows());
    for (int j = 0; j < rows.length; j++) {
      dense.putRow(rows[j], gradient.rowGradients().getRow(j));
    }
    TouchedRows touched = new TouchedRows();
    for (UnaryOperator<INDArray> layout : LAYOUTS) {
      INDArray out = layout.apply(expected.mul(0));
      INDArray laidSlots = layout.apply(slots);
      MemoryOps.weightedBag(layout.apply(values), laidSlots, layout.apply(weights), out);
      assertEqual("out", expected, out);
      touched.group(laidSlots, 11);
      AssertClose.same("rows", rows, touched.rows());
      INDArray table =
          layout.apply(Nd4j.valueArrayOf(new long[] {11, 3}, SENTINEL, DataType.DOUBLE));
      INDArray dw = layout.apply(weights.mul(0));
      MemoryOps.weightedBagGradient(
          layout.apply(values),
          layout.apply(weights),
          layout.apply(outGradients),
          touched,
          table,
          dw);
      assertEqual("value gradient", dense, table);
      assertEqual("weight gradient", gradient.weightGradients(), dw);
    }
  }

  @Test
  void updatesTakeAndFillEveryLayout(Random random) {
    AdamStep step = AdamStep.of(0.1, 0.9, 0.99, 1e-3, 4, 0.5);
    INDArray slots = Elements.slots(random, 11, 4, 2);
    TouchedRows touched = new TouchedRows();
    touched.group(slots, 11);
    INDArray rows = touched.rows().dup();
    INDArray values = Elements.uniform(random, DataType.FLOAT, 11, 3);
    INDArray m = Elements.uniform(random, DataType.FLOAT, 11, 3);
    INDArray v = m.mul(m).addi(0.1);
    INDArray gradients = Elements.uniform(random, DataType.FLOAT, 11, 3);
    INDArray compact = Nd4j.create(DataType.FLOAT, rows.length(), 3);
    for (int j = 0; j < rows.length(); j++) {
      compact.putRow(j, gradients.getRow(rows.getLong(j)));
    }
    INDArray onTouchedRows = gradients.mul(0);
    for (int j = 0; j < rows.length(); j++) {
      onTouchedRows.putRow(rows.getLong(j), compact.getRow(j));
    }
    INDArray newValues = values.dup();
    INDArray newM = m.dup();
    INDArray newV = v.dup();
    MemoryOps.rowAdam(newValues, newM, newV, rows, compact, step);
    assertTrue(newValues.distance1(values) > 0.01);
    for (UnaryOperator<INDArray> layout : LAYOUTS) {
      INDArray[] state = {layout.apply(values), layout.apply(m), layout.apply(v)};
      MemoryOps.rowAdam(
          state[0], state[1], state[2], layout.apply(rows), layout.apply(compact), step);
      assertEqual("values", newValues, state[0]);
      assertEqual("m", newM, state[1]);
      assertEqual("v", newV, state[2]);

      INDArray[] later = {layout.apply(values), layout.apply(m), layout.apply(v)};
      INDArray updates = layout.apply(onTouchedRows);
      MemoryOps.rowAdam(touched, updates, later[1], later[2], step);
      AssertClose.close("values, later", newValues, later[0].sub(updates), 1e-6);
      assertEqual("m, later", newM, later[1]);
      MemoryOps.zeroRows(touched, updates);
      INDArray sgd = layout.apply(values);
      MemoryOps.rowSgd(sgd, layout.apply(rows), layout.apply(compact), 0.25);
      INDArray sgdUpdates = layout.apply(gradients);
      MemoryOps.rowSgd(touched, sgdUpdates, 0.5, 0.5);
      for (int j = 0; j < rows.length(); j++) {
        long row = rows.getLong(j);
        INDArray sgdLater = values.getRow(row).sub(sgdUpdates.getRow(row));
        AssertClose.close("sgd", sgd.getRow(row), sgdLater, 1e-6);
      }
      for (int j = 0; j < rows.length(); j++) {
        AssertClose.same("zeroed row", new double[3], updates.getRow(rows.getLong(j)));
      }
    }
  }

  @Test
  void slotsMayBeInt(Random random) {
    INDArray values = Elements.uniform(random, DataType.FLOAT, 11, 3);
    INDArray slots = Elements.slots(random, 11, 5, 4);
    INDArray weights = Elements.uniform(random, DataType.FLOAT, 5, 4);
    assertEqual(
        "out",
        MemoryOps.weightedBag(values, slots, weights),
        MemoryOps.weightedBag(values, slots.castTo(DataType.INT32), weights));
  }

  @Test
  void anEmptyBatchGivesAnEmptyResult(Random random) {
    INDArray keys = Elements.uniform(random, DataType.FLOAT, 2, 2, 7, 3);
    INDArray query = Nd4j.create(DataType.FLOAT, 0, 2, 6);
    MemoryOps.TopK found = MemoryOps.productKeyTopK(query, keys, 4);
    assertArrayEquals(new long[] {0, 2, 4}, found.scores().shape());
    assertArrayEquals(new long[] {0, 2, 4}, found.slots().shape());
    INDArray none = Nd4j.create(DataType.FLOAT, 0, 2, 4);
    INDArray dk = Elements.uniform(random, DataType.FLOAT, 2, 2, 7, 3);
    MemoryOps.productKeyTopKGradient(query, keys, found.slots(), none, query, dk);
    AssertClose.same("sub-key gradient", new double[84], dk);

    INDArray values = Elements.uniform(random, DataType.FLOAT, 11, 3);
    INDArray slots = Nd4j.create(DataType.INT64, 0, 4);
    INDArray weights = Nd4j.create(DataType.FLOAT, 0, 4);
    INDArray out = MemoryOps.weightedBag(values, slots, weights);
    assertArrayEquals(new long[] {0, 3}, out.shape());
    MemoryOps.BagGradient gradient = MemoryOps.weightedBagGradient(values, slots, weights, out);
    assertEquals(0, gradient.rows().length());
    assertArrayEquals(new long[] {0, 3}, gradient.rowGradients().shape());
    assertArrayEquals(new long[] {0, 4}, gradient.weightGradients().shape());
    double[] before = Elements.doubles(values);
    MemoryOps.rowSgd(values, gradient.rows(), gradient.rowGradients(), 0.1);
    AssertClose.same("values", before, values);
  }

  /** One thread and several give the same bits. */
  @Test
  void resultsDoNotDependOnThreads(Random random) {
    INDArray query = Elements.uniform(random, DataType.FLOAT, 137, 3, 34);
    INDArray keys = Elements.uniform(random, DataType.FLOAT, 3, 2, 61, 17);
    INDArray values = Elements.uniform(random, DataType.FLOAT, 61 * 61, 19);
    INDArray outGradients = Elements.uniform(random, DataType.FLOAT, 137, 19);
    int before = Nd4j.getEnvironment().maxMasterThreads();
    double[][] results = new double[3][];
    try {
      for (int threads = 1; threads <= 3; threads++) {
        Nd4j.getEnvironment().setMaxMasterThreads(threads);
        MemoryOps.TopK found = MemoryOps.productKeyTopK(query, keys, 5);
        INDArray slots = found.slots().reshape(137, 15);
        INDArray weights = found.scores().reshape(137, 15);
        MemoryOps.BagGradient bag =
            MemoryOps.weightedBagGradient(values, slots, weights, outGradients);
        MemoryOps.TopKGradient gradient =
            MemoryOps.productKeyTopKGradient(
                query, keys, found.slots(), bag.weightGradients().reshape(137, 3, 5));
        INDArray all =
            Nd4j.concat(
                0,
                MemoryOps.weightedBag(values, slots, weights).ravel(),
                bag.rowGradients().ravel(),
                gradient.query().ravel(),
                gradient.subKeys().ravel());
        results[threads - 1] = Elements.doubles(all);
      }
    } finally {
      Nd4j.getEnvironment().setMaxMasterThreads(before);
    }
    assertArrayEquals(results[0], results[1]);
    assertArrayEquals(results[0], results[2]);
  }

  @Test
  void hugePagesAreAdvisedForNoMoreThanTheTable() {
    INDArray table = Nd4j.create(DataType.FLOAT, 1 << 14, 64);
    long bytes = MemoryOps.adviseHugePages(table);
    assertTrue(bytes >= 0 && bytes <= table.length() * 4, "advised " + bytes);
    assertEquals(0, MemoryOps.adviseHugePages(columns(table)));
  }
}
