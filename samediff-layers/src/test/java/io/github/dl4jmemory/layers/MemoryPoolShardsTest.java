package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;

/** What a pool computes whose columns are spread over workers. */
class MemoryPoolShardsTest {

  @Test
  void theFirstShardsHaveOneColumnMore() {
    long[][] columns = {{17}, {9, 8}, {6, 6, 5}, {5, 4, 4, 4}};
    for (int shards = 1; shards <= 4; shards++) {
      ComputationGraph graph = ShardedPools.graph(DataType.FLOAT, shards, new Adam(1e-2));
      for (int shard = 0; shard < shards; shard++) {
        INDArray values = graph.getLayer("pool").getParam(shards == 1 ? "V" : "V" + shard);
        assertArrayEquals(new long[] {121, columns[shards - 1][shard]}, values.shape());
        assertTrue(values.stdNumber().doubleValue() > 0.1, "drawn at random");
      }
      assertEquals(shards, graph.getLayer("pool").paramTable().size());
    }
    ColumnShards single = new ColumnShards(3, 3);
    assertEquals(2, single.from(2));
    assertEquals(1, single.count(2));
  }

  /** Two readers; outputs, and the gradient of every parameter. */
  @ParameterizedTest
  @CsvSource({"FLOAT,1e-6", "DOUBLE,1e-14"})
  void outputsAndGradientsAreThoseOfOneTable(DataType type, double tolerance) {
    for (IUpdater values : new IUpdater[] {new NoOp(), new Sgd(1)}) {
      ComputationGraph whole = ShardedPools.graph(type, 1, values, new NoOp());
      DataSet batch = PoolGraphs.batch(type, 1);
      INDArray output = whole.outputSingle(batch.getFeatures()).dup();
      INDArray gradient = ShardedPools.gradient(whole, batch).dup();
      assertTrue(gradient.amaxNumber().doubleValue() > 0);
      for (int shards = 1; shards <= 4; shards++) {
        ComputationGraph split = ShardedPools.graph(type, shards, values, new NoOp());
        ShardedPools.copied(whole, split);
        String with = " with " + shards + " shards";
        close("output" + with, output, split.outputSingle(batch.getFeatures()), tolerance);
        close("V" + with, gradient, ShardedPools.gradient(split, batch), tolerance);
        for (String name : ShardedPools.OTHERS) {
          split
              .getLayer(name)
              .paramTable()
              .keySet()
              .forEach(
                  key ->
                      close(
                          name + " " + key + with,
                          whole.gradient().getGradientFor(name + "_" + key),
                          split.gradient().getGradientFor(name + "_" + key),
                          tolerance));
        }
      }
    }
  }

  /** Of the largest element: an element may be a difference of larger ones. */
  private static void close(String what, INDArray expected, INDArray actual, double relative) {
    AssertClose.close(what, expected, actual, relative * expected.amaxNumber().doubleValue());
  }

  /** Sgd(1) turns a gradient row into itself, so DL4J's check sees the row-sparse path. */
  @Test
  void gradientCheck() {
    GraphBuilder graph =
        Networks.settings(DataType.DOUBLE, new NoOp())
            .graphBuilder()
            .addInputs("in")
            .setInputTypes(InputType.feedForward(Networks.IN))
            .addLayer(
                "pool",
                PoolGraphs.pool().subKeys(5).shards(2).valuesUpdater(new Sgd(1)).build(),
                "in");
    PoolGraphs.narrow().addTo(graph, "memory", "in", "pool");
    graph.addLayer("out", Networks.output(), "memory").setOutputs("out");
    DataSet batch = PoolGraphs.batch(DataType.DOUBLE, 3);
    AssertGradient.of(
        PoolGraphs.initialised(graph),
        new MultiDataSet(new INDArray[] {batch.getFeatures()}, new INDArray[] {batch.getLabels()}));
  }

  @ParameterizedTest
  @ValueSource(strings = {"Adam", "Sgd", "NoOp"})
  void attachedOrNotTheSameBits(String name) {
    IUpdater values =
        switch (name) {
          case "Adam" -> new Adam(1e-2);
          case "Sgd" -> new Sgd(0.3);
          default -> new NoOp();
        };
    ComputationGraph plain = ShardedPools.graph(DataType.FLOAT, 3, values, new Adam(1e-2));
    ComputationGraph attached = plain.clone();
    RowSparseTraining.attach(attached);
    for (int step = 0; step < 5; step++) {
      plain.fit(PoolGraphs.batch(DataType.FLOAT, step));
      attached.fit(PoolGraphs.batch(DataType.FLOAT, step));
    }
    PoolGraphs.same(name, plain, attached);
  }

  /** Attached, rows are updated in place by the workers: the gradient views stay zero. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void trainsAsOneTableDoes(boolean attach) {
    IUpdater sgd = new Sgd(0.1);
    ComputationGraph whole = ShardedPools.graph(DataType.DOUBLE, 1, sgd);
    for (int shards = 2; shards <= 4; shards++) {
      ComputationGraph split = ShardedPools.like(whole, DataType.DOUBLE, shards, sgd);
      ComputationGraph reference = whole.clone();
      if (attach) {
        RowSparseTraining.attach(split);
      }
      INDArray before = ShardedPools.values(split).dup();
      for (int step = 0; step < 5; step++) {
        reference.fit(PoolGraphs.batch(DataType.DOUBLE, step));
        split.fit(PoolGraphs.batch(DataType.DOUBLE, step));
      }
      close("V", ShardedPools.values(reference), ShardedPools.values(split), 1e-12);
      assertTrue(before.sub(ShardedPools.values(split)).amaxNumber().doubleValue() > 1e-3);
      for (int shard = 0; shard < shards; shard++) {
        INDArray gradient = ((LayerRuntime<?>) split.getLayer("pool")).gradientOf("V" + shard);
        assertEquals(attach, gradient.amaxNumber().doubleValue() == 0);
      }
    }
  }

  /** Adam of a table: every column has moments of its own, so splitting changes no bit of it. */
  @Test
  void adamTrainsAsOneTableDoes() {
    ComputationGraph whole = ShardedPools.graph(DataType.DOUBLE, 1, new Adam(1e-2));
    ComputationGraph split = ShardedPools.like(whole, DataType.DOUBLE, 3, new Adam(1e-2));
    for (int step = 0; step < 4; step++) {
      whole.fit(PoolGraphs.batch(DataType.DOUBLE, step));
      split.fit(PoolGraphs.batch(DataType.DOUBLE, step));
    }
    close("V", ShardedPools.values(whole), ShardedPools.values(split), 1e-9);
  }

  /** Nothing depends on which worker is first. */
  @Test
  void sameBitsEveryTime() {
    ComputationGraph first = ShardedPools.trained(4);
    for (int again = 0; again < 3; again++) {
      PoolGraphs.same("again", first, ShardedPools.trained(4));
    }
  }

  @Test
  void errorsOfTheLookupAreThoseOfOneTable() {
    ComputationGraph whole = ShardedPools.graph(DataType.FLOAT, 1, new Adam(1e-2));
    ComputationGraph split = ShardedPools.like(whole, DataType.FLOAT, 2, new Adam(1e-2));
    INDArray x = PoolGraphs.batch(DataType.FLOAT, 1).getFeatures();
    INDArray right = whole.outputSingle(x).dup();
    INDArray bad = x.dup();
    bad.putScalar(7, 2, Float.NaN);
    String expected =
        assertThrows(IllegalArgumentException.class, () -> whole.outputSingle(bad)).getMessage();
    assertTrue(
        expected.contains("[productKeyTopK] query: expected scores without NaN, got NaN in"));
    assertTrue(expected.contains("query 14 (batch * heads + head)"), expected);
    IllegalArgumentException got =
        assertThrows(IllegalArgumentException.class, () -> split.outputSingle(bad));
    assertEquals(expected, got.getMessage());
    close("afterwards", right, split.outputSingle(x), 1e-6);
  }

  @Test
  void valuesCopyBetweenAnyShards() {
    ComputationGraph whole = ShardedPools.trained(1);
    ComputationGraph two = ShardedPools.like(whole, DataType.FLOAT, 2, new Adam(1e-2));
    ComputationGraph three = ShardedPools.like(two, DataType.FLOAT, 3, new Adam(1e-2));
    ComputationGraph back = ShardedPools.like(three, DataType.FLOAT, 1, new Adam(1e-2));
    INDArray expected = ShardedPools.values(whole);
    for (ComputationGraph graph : new ComputationGraph[] {two, three, back}) {
      AssertClose.same("V", Elements.doubles(expected), ShardedPools.values(graph));
    }
    AssertClose.same(
        "first of two",
        Elements.doubles(expected.getColumns(0, 8)),
        two.getLayer("pool").getParam("V0").getColumns(0, 8));
  }
}
