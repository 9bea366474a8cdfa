package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** What a pool and its readers compute. */
class MemoryPoolTest {

  private static final int BATCH = 5;
  private static final int TIME = 3;

  @ParameterizedTest
  @CsvSource({"NWC,true", "NWC,false", "NCW,true", "NCW,false"})
  void oneReaderEqualsProductKeyMemory(RNNFormat format, boolean attach) {
    ComputationGraph own =
        Networks.sequenceGraph(Networks.memory().build(), format, DataType.FLOAT, new Adam(1e-2));
    ComputationGraph pooled = sequences(format);
    own.getLayer("memory")
        .paramTable()
        .forEach(
            (key, value) ->
                pooled.getLayer(key.equals("V") ? "pool" : "memory").setParam(key, value));
    pooled.getLayer("out").setParams(own.getLayer("out").params());
    if (attach) {
      RowSparseTraining.attach(own);
      RowSparseTraining.attach(pooled);
    }
    for (int step = 0; step < 4; step++) {
      DataSet batch = sequenceBatch(format, step);
      AssertClose.same(
          "output",
          Elements.doubles(own.outputSingle(batch.getFeatures())),
          pooled.outputSingle(batch.getFeatures()));
      own.fit(batch);
      pooled.fit(batch);
      assertEquals(own.score(), pooled.score());
    }
    own.getLayer("memory")
        .paramTable()
        .forEach(
            (key, value) ->
                AssertClose.same(
                    key,
                    Elements.doubles(value),
                    pooled.getLayer(key.equals("V") ? "pool" : "memory").getParam(key)));
  }

  /** The twin's readers have a pool each, with the same values. */
  @Test
  void mergedGradientIsTheSumOfSeparateOnes() {
    for (IUpdater values : new IUpdater[] {new NoOp(), new Sgd(1)}) {
      ComputationGraph shared = PoolGraphs.forGradients(values, "pool");
      ComputationGraph separate = PoolGraphs.forGradients(values, "pool2");
      for (String name : new String[] {"pool", "memory1", "memory2", "hidden1", "hidden2", "out"}) {
        separate.getLayer(name).setParams(shared.getLayer(name).params());
      }
      separate.getLayer("pool2").setParams(shared.getLayer("pool").params());
      DataSet batch = PoolGraphs.batch(DataType.DOUBLE, 1);
      INDArray first = gradient(separate, batch, "pool_V");
      INDArray second = gradient(separate, batch, "pool2_V");
      INDArray both = gradient(shared, batch, "pool_V");
      assertTrue(first.amaxNumber().doubleValue() > 0 && second.amaxNumber().doubleValue() > 0);
      AssertClose.close("V", first.add(second), both, 1e-12);
      for (String name : new String[] {"memory1_Wq", "memory1_K", "memory2_Wq", "hidden1_W"}) {
        AssertClose.close(
            name, gradient(separate, batch, name), gradient(shared, batch, name), 1e-12);
      }
    }
  }

  private static INDArray gradient(ComputationGraph graph, DataSet batch, String name) {
    graph.setInputs(batch.getFeatures());
    graph.setLabels(batch.getLabels());
    graph.computeGradientAndScore();
    return graph.gradient().getGradientFor(name).dup();
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
    ComputationGraph plain =
        PoolGraphs.initialised(
            PoolGraphs.twoReaders(
                DataType.FLOAT, new Adam(1e-2), PoolGraphs.pool().valuesUpdater(values), "pool"));
    ComputationGraph attached = plain.clone();
    RowSparseTraining.attach(attached);
    for (int step = 0; step < 5; step++) {
      plain.fit(PoolGraphs.batch(DataType.FLOAT, step));
      attached.fit(PoolGraphs.batch(DataType.FLOAT, step));
    }
    PoolGraphs.same(name, plain, attached);
  }

  /** Rows that no reader reads keep their bits; the gradient view is that of the touched rows. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void onlyTouchedRowsChange(boolean attach) {
    ComputationGraph graph =
        PoolGraphs.initialised(
            PoolGraphs.twoReaders(
                DataType.FLOAT, new Sgd(0.1), PoolGraphs.pool().subKeys(37), "pool"));
    if (attach) {
      RowSparseTraining.attach(graph);
    }
    INDArray values = graph.getLayer("pool").getParam("V");
    for (int step = 0; step < 2; step++) {
      INDArray before = values.dup();
      graph.fit(PoolGraphs.batch(DataType.FLOAT, step));
      long changed = 0;
      for (long row = 0; row < values.size(0); row++) {
        changed += before.getRow(row).neq(values.getRow(row)).any() ? 1 : 0;
      }
      assertTrue(changed > 13 && changed <= 13 * (6 + 2), "rows changed: " + changed);
    }
    INDArray gradient = ((LayerRuntime<?>) graph.getLayer("pool")).gradientOf("V");
    assertEquals(attach, gradient.amaxNumber().doubleValue() == 0);
  }

  /** Passes between two steps, backward ones too, leave nothing behind for the next step. */
  @Test
  void stepsDoNotMix() {
    ComputationGraph graph = PoolGraphs.forTraining();
    ComputationGraph twin = graph.clone();
    graph.fit(PoolGraphs.batch(DataType.FLOAT, 1));
    twin.fit(PoolGraphs.batch(DataType.FLOAT, 1));
    graph.feedForward(PoolGraphs.batch(DataType.FLOAT, 2).getFeatures(), true);
    gradient(graph, PoolGraphs.batch(DataType.FLOAT, 5), "pool_V");
    graph.output(PoolGraphs.batch(DataType.FLOAT, 3).getFeatures());
    graph.fit(PoolGraphs.batch(DataType.FLOAT, 4));
    twin.fit(PoolGraphs.batch(DataType.FLOAT, 4));
    PoolGraphs.same("after other passes", twin, graph);
  }

  @Test
  void everythingMasked() {
    ComputationGraph graph = sequences(RNNFormat.NWC);
    DataSet batch = sequenceBatch(RNNFormat.NWC, 1);
    graph.fit(batch);
    INDArray before = graph.getLayer("pool").params().dup();
    batch.setFeaturesMaskArray(Nd4j.zeros(DataType.FLOAT, BATCH, TIME));
    batch.setLabelsMaskArray(null);
    graph.fit(batch);
    AssertClose.same("V", Elements.doubles(before), graph.getLayer("pool").params());
  }

  @Test
  void twoModelsShareNothing() {
    ComputationGraph one = PoolGraphs.forTraining();
    ComputationGraph two = PoolGraphs.forTraining();
    ComputationGraph alone = PoolGraphs.forTraining();
    INDArray before = two.getLayer("pool").params().dup();
    one.fit(PoolGraphs.batch(DataType.FLOAT, 1));
    assertNotEquals(before, one.getLayer("pool").params());
    AssertClose.same("V of the other", Elements.doubles(before), two.getLayer("pool").params());
    for (int step = 0; step < 3; step++) {
      two.fit(PoolGraphs.batch(DataType.FLOAT, step));
      one.fit(PoolGraphs.batch(DataType.FLOAT, step + 7));
    }
    for (int step = 0; step < 3; step++) {
      alone.fit(PoolGraphs.batch(DataType.FLOAT, step));
    }
    PoolGraphs.same("trained beside another", alone, two);
  }

  /** The graph of Networks.sequenceGraph, with a pool and a reader for its memory. */
  private static ComputationGraph sequences(RNNFormat format) {
    GraphBuilder graph =
        Networks.settings(DataType.FLOAT, new Adam(1e-2))
            .graphBuilder()
            .addInputs("in")
            .setInputTypes(InputType.recurrent(Networks.IN, format))
            .addLayer("pool", MemoryPool.builder().subKeys(11).valueSize(7).build(), "in");
    PooledMemory.builder()
        .nOut(13)
        .heads(2)
        .keySize(6)
        .topK(3)
        .build()
        .addTo(graph, "memory", "in", "pool")
        .addLayer(
            "out",
            new RnnOutputLayer.Builder(LossFunctions.LossFunction.MSE)
                .nOut(Networks.OUT)
                .dataFormat(format)
                .activation(Activation.IDENTITY)
                .build(),
            "memory")
        .setOutputs("out");
    return PoolGraphs.initialised(graph);
  }

  private static DataSet sequenceBatch(RNNFormat format, int seed) {
    Nd4j.getRandom().setSeed(600 + seed);
    INDArray x = Nd4j.randn(DataType.FLOAT, BATCH, TIME, Networks.IN);
    INDArray y = Nd4j.randn(DataType.FLOAT, BATCH, TIME, Networks.OUT);
    INDArray mask = Nd4j.ones(DataType.FLOAT, BATCH, TIME);
    mask.putScalar(new int[] {seed, 1 + seed % 2}, 0);
    boolean last = format == RNNFormat.NWC;
    return new DataSet(
        last ? x : x.permute(0, 2, 1).dup('c'), last ? y : y.permute(0, 2, 1).dup('c'), mask, mask);
  }
}
