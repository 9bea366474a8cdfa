package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.stepfunctions.DefaultStepFunction;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.GradientUpdater;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.schedule.MapSchedule;
import org.nd4j.linalg.schedule.ScheduleType;

class RowSparseTrainingTest {

  /** NoOp keeps DL4J's dense way, attached or not. */
  @ParameterizedTest
  @ValueSource(strings = {"Adam", "Sgd", "NoOp"})
  void attachedOrNotTheSameBits(String name) {
    IUpdater updater =
        switch (name) {
          case "Adam" -> new Adam(1e-2);
          case "Sgd" -> new Sgd(0.3);
          default -> new NoOp();
        };
    MultiLayerNetwork plain =
        Networks.forTraining(Networks.memory().valuesUpdater(updater).build());
    MultiLayerNetwork attached = plain.clone();
    RowSparseTraining.attach(attached);
    for (int step = 0; step < 5; step++) {
      DataSet batch = batch(step);
      plain.fit(batch);
      attached.fit(batch);
    }
    AssertClose.same("parameters", Elements.doubles(plain.params()), attached.params());
    AssertClose.same(
        "updater state",
        Elements.doubles(plain.getUpdater().getStateViewArray()),
        attached.getUpdater().getStateViewArray());
  }

  /** With and without in turn, foreign gradients in the view between: the same bits as without. */
  @Test
  void stepsOfEitherKindMayAlternate() {
    MultiLayerNetwork plain = Networks.forTraining(Networks.memory().build());
    MultiLayerNetwork mixed = plain.clone();
    for (int step = 0; step < 6; step++) {
      if (step % 2 == 0) {
        mixed.setGradientsAccumulator(null);
      } else {
        RowSparseTraining.attach(mixed);
      }
      plain.fit(batch(step));
      mixed.fit(batch(step));
    }
    AssertClose.same("parameters", Elements.doubles(plain.params()), mixed.params());
  }

  @Test
  void attachedTablesHaveNoGradientInTheView() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().build());
    RowSparseTraining.attach(network);
    INDArray before = network.getLayer(0).getParam("V").dup();
    network.fit(batch(1));
    INDArray gradient = ((LayerRuntime<?>) network.getLayer(0)).gradientOf("V");
    assertEquals(0, gradient.amaxNumber().doubleValue());
    assertNotEquals(before, network.getLayer(0).getParam("V"));
  }

  /** Gradients that the user asks for himself stand in the view, attached or not. */
  @Test
  void gradientsOutsideFitStandInTheView() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().build());
    RowSparseTraining.attach(network);
    network.fit(batch(1));
    network.setInput(batch(2).getFeatures());
    network.setLabels(batch(2).getLabels());
    network.computeGradientAndScore();
    INDArray gradient = network.gradient().getGradientFor("0_V");
    assertTrue(gradient.amaxNumber().doubleValue() > 0);
  }

  @Test
  void needsTheDefaultStepFunction() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().build());
    network.conf().setStepFunction(new DefaultStepFunction());
    IllegalStateException e =
        assertThrows(IllegalStateException.class, () -> RowSparseTraining.attach(network));
    assertEquals(
        "[RowSparseTraining] network: expected DL4J's default step function, got"
            + " DefaultStepFunction. Fix: leave stepFunction out of the network's configuration.",
        e.getMessage());
  }

  @Test
  void attachedOrNotTheSameBitsInAGraph() {
    ComputationGraph plain =
        Networks.sequenceGraph(
            Networks.memory().build(), RNNFormat.NWC, DataType.FLOAT, new Adam(1e-2));
    ComputationGraph attached = plain.clone();
    RowSparseTraining.attach(attached);
    Nd4j.getRandom().setSeed(3);
    for (int step = 0; step < 5; step++) {
      DataSet batch =
          new DataSet(
              Nd4j.randn(DataType.FLOAT, 3, 2, Networks.IN),
              Nd4j.randn(DataType.FLOAT, 3, 2, Networks.OUT));
      plain.fit(batch);
      attached.fit(batch);
    }
    AssertClose.same("parameters", Elements.doubles(plain.params()), attached.params());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void untouchedRowsKeepTheirBits(boolean attach) {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().subKeys(31).build());
    if (attach) {
      RowSparseTraining.attach(network);
    }
    INDArray values = network.getLayer(0).getParam("V");
    INDArray before = values.dup();
    network.fit(batch(1));
    INDArray after = values.dup();
    long changed = changedRows(before, after);
    assertTrue(changed > 0 && changed <= 11 * 2 * 3, "rows changed: " + changed);
    network.fit(batch(2)); // rows of the first step must rest now, unless read again
    assertTrue(changedRows(after, values) <= 11 * 2 * 3);
  }

  /** The first step of lazy Adam is the first step of DL4J's Adam. */
  @Test
  void firstStepIsThatOfAdam() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().build());
    INDArray values = network.getLayer(0).getParam("V");
    INDArray before = values.dup();
    DataSet batch = batch(1);
    MultiLayerNetwork gradients =
        Networks.forTraining(
            Networks.memory().valuesUpdater(new Sgd(1)).build()); // update = mean gradient
    gradients.setParams(network.params());
    gradients.fit(batch);
    INDArray gradient = before.sub(gradients.getLayer(0).getParam("V")).castTo(DataType.DOUBLE);
    network.fit(batch);
    INDArray expected = before.castTo(DataType.DOUBLE);
    for (long row = 0; row < gradient.size(0); row++) {
      for (long j = 0; j < gradient.size(1); j++) {
        double g = gradient.getDouble(row, j);
        double v = 0.001 * g * g;
        double step = 1e-3 * Math.sqrt(1 - 0.999) / (1 - 0.9);
        expected.putScalar(
            row, j, expected.getDouble(row, j) - step * 0.1 * g / (Math.sqrt(v) + 1e-8));
      }
    }
    AssertClose.close("V", expected, values, 2e-5); // g itself is a difference of two floats
  }

  @Test
  void scheduleOfItsOwn() {
    IUpdater zeroFirst =
        new Sgd(new MapSchedule.Builder(ScheduleType.ITERATION).add(0, 0.0).add(1, 0.5).build());
    MultiLayerNetwork network =
        Networks.forTraining(Networks.memory().valuesUpdater(zeroFirst).build());
    INDArray values = network.getLayer(0).getParam("V");
    INDArray before = values.dup();
    network.fit(batch(1));
    AssertClose.same("V at learning rate 0", Elements.doubles(before), values);
    network.fit(batch(1));
    assertNotEquals(before, values);
  }

  @Test
  void gradientViewBelongsToTheTouchedRowsOnly() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().subKeys(31).build());
    for (int step = 0; step < 4; step++) {
      network.fit(batch(step));
    }
    INDArray gradient = ((LayerRuntime<?>) network.getLayer(0)).gradientOf("V");
    long live =
        IntStream.range(0, (int) gradient.size(0))
            .filter(row -> gradient.getRow(row).amaxNumber().doubleValue() > 0)
            .count();
    assertTrue(live > 0 && live <= 11 * 2 * 3, "live gradient rows: " + live);
  }

  /** ParallelWrapper's shared gradients write all over the gradient view between two steps. */
  @Test
  void foreignUpdatesInTheGradientViewAreNotTakenForGradients() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().build());
    MultiLayerNetwork twin = network.clone();
    network.fit(batch(1));
    twin.fit(batch(1));
    network.getGradientsViewArray().assign(7);
    network.fit(batch(2));
    twin.fit(batch(2));
    AssertClose.same("parameters", Elements.doubles(twin.params()), network.params());
  }

  /** As above, where updates are so small that a tolerance would take them for the same. */
  @Test
  void smallForeignUpdatesAreSeenToo() {
    MultiLayerNetwork network =
        Networks.forTraining(Networks.memory().valuesUpdater(new Sgd(1e-6)).build());
    MultiLayerNetwork twin = network.clone();
    network.fit(batch(1));
    twin.fit(batch(1));
    ((LayerRuntime<?>) network.getLayer(0)).gradientOf("V").assign(3e-6);
    network.fit(batch(2));
    twin.fit(batch(2));
    AssertClose.same("parameters", Elements.doubles(twin.params()), network.params());
  }

  @Test
  void messagesOfWhatATableCannotDo() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().build());
    LayerRuntime<?> runtime = (LayerRuntime<?>) network.getLayer(0);
    IUpdater updater = runtime.rowTable().updater();
    String asMap =
        "[ProductKeyMemory layer0] V updater state: expected a view of the network's updater"
            + " state, got a map. Fix: assign to network.getUpdater().getStateViewArray().";
    refused(asMap, () -> updater.instantiate(Map.of(), false));
    GradientUpdater<?> step = updater.instantiate((INDArray) null, false);
    refused(asMap, () -> step.setState(Map.of(), false));
    refused(
        "[ProductKeyMemory layer0] V updater state: expected one state view, given when the"
            + " network is initialised, got a second one. Fix: assign to the network's updater"
            + " state view instead.",
        () -> step.setStateViewArray(null, null, 'c', false));
    refused(
        "[ProductKeyMemory layer0] V gradient: expected the network's own gradient view, got an"
            + " array of another network. Fix: call fit(...) on the network that holds the table.",
        () -> step.applyUpdater(Nd4j.create(DataType.FLOAT, 1, 121 * 7), 0, 0));
    RowSparseStep attached = new RowSparseStep(List.of(), List.of());
    String others =
        "[RowSparseTraining] gradients: expected those of the attached network, got updates of"
            + " other workers. Fix: train with fit(...), or give the workers' accumulator to a"
            + " network that is not attached.";
    refused(others, () -> attached.receiveUpdate(null));
    refused(others, () -> attached.setExternalSource(null));
  }

  private static void refused(String message, Executable action) {
    assertEquals(message, assertThrows(UnsupportedOperationException.class, action).getMessage());
  }

  @Test
  void needsAnInitialisedNetwork() {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            Networks.forTraining(Networks.memory().build()).getLayerWiseConfigurations());
    IllegalStateException e =
        assertThrows(IllegalStateException.class, () -> RowSparseTraining.attach(network));
    assertTrue(e.getMessage().contains("call network.init() before attach"), e.getMessage());
  }

  private static long changedRows(INDArray before, INDArray after) {
    return IntStream.range(0, (int) before.size(0))
        .filter(row -> before.getRow(row).neq(after.getRow(row)).any())
        .count();
  }

  private static DataSet batch(int seed) {
    Nd4j.getRandom().setSeed(100 + seed);
    return new DataSet(
        Nd4j.randn(DataType.FLOAT, 11, Networks.IN), Nd4j.randn(DataType.FLOAT, 11, Networks.OUT));
  }
}
