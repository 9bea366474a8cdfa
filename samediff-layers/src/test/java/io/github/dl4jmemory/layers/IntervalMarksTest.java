package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Adam;

/** Marks at fixed intervals, in the place of separators. */
@ExtendWith(Seeded.class)
class IntervalMarksTest {

  private static LayerRuntime<?> runtime(int interval, int initial) {
    IntervalMarks marks = IntervalMarks.builder().interval(interval).initial(initial).build();
    return Runtimes.of(marks, DataType.FLOAT, new Random(1));
  }

  private static INDArray activate(LayerRuntime<?> runtime, INDArray x) {
    return runtime.activate(x, false, LayerWorkspaceMgr.noWorkspaces());
  }

  @Test
  void theLastTokenOfEveryInterval() {
    INDArray ids = Nd4j.ones(DataType.INT64, 1, 11);
    double[] behindTwo = {0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1};
    for (INDArray x : List.of(ids, ids.reshape(1, 11, 1), ids.reshape(1, 1, 11))) {
      INDArray out = activate(runtime(3, 2), x);
      assertArrayEquals(new long[] {1, 11, 1}, out.shape());
      AssertClose.same("interval 3 behind 2", behindTwo, out);
    }
    double[] all = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    AssertClose.same("interval 1", all, activate(runtime(1, 0), ids));
  }

  @Test
  void maskedTokensAreNotCounted() {
    LayerRuntime<?> runtime = runtime(2, 1);
    runtime.setMaskArray(
        Nd4j.createFromArray(new float[][] {{0, 0, 1, 1, 1, 1, 1}, {1, 1, 0, 1, 1, 1, 0}}));
    double[] marks = {0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0};
    AssertClose.same("marks", marks, activate(runtime, Nd4j.zeros(DataType.FLOAT, 2, 7)));
  }

  /** Source: the lengths of the authors' log, a 3, n 256 and an interval of 5: 382 of 876. */
  @Test
  void asManyKeysAsInThePaper(Random random) {
    for (int[] one : new int[][] {{876, 3, 256, 5}, {1 + random.nextInt(500), 4, 17, 7}}) {
      int time = one[0];
      int initial = one[1];
      int window = one[2];
      INDArray marks = activate(runtime(one[3], initial), Nd4j.zeros(DataType.FLOAT, 1, time));
      int kept = 0;
      for (int t = 0; t < time; t++) {
        kept += t < initial || t >= time - window || marks.getDouble(0, t, 0) == 1 ? 1 : 0;
      }
      int rest = Math.max(0, time - initial - window);
      assertEquals(Math.min(time, initial + window) + rest / one[3], kept, "of " + time);
    }
    assertEquals(382, 3 + 256 + (876 - 3 - 256) / 5);
  }

  @Test
  void definitionsAreEqual(Random random) {
    INDArray ids = Elements.slots(random, 17, 3, 13);
    INDArray mask = Elements.slots(random, 3, 3, 13).gt(0).castTo(DataType.FLOAT);
    IntervalMarks layer = IntervalMarks.builder().interval(3).initial(2).build();
    for (INDArray of : new INDArray[] {null, mask}) {
      for (INDArray x : List.of(ids.castTo(DataType.FLOAT), ids.reshape(3, 13, 1))) {
        LayerRuntime<?> runtime = runtime(3, 2);
        runtime.setMaskArray(of);
        SameDiff sd = SameDiff.create();
        SDVariable masked = of == null ? null : sd.constant("mask", of);
        INDArray out = layer.defineLayer(sd, sd.constant("x", x), Map.of(), masked).eval();
        INDArray expected = activate(runtime, x);
        assertArrayEquals(expected.shape(), out.shape());
        AssertClose.same("marks", Elements.doubles(expected), out);
      }
    }
  }

  private static ComputationGraph decoder(DataType type) {
    GraphBuilder graph =
        Networks.settings(type, new Adam(1e-2))
            .graphBuilder()
            .addInputs("ids")
            .setInputTypes(InputType.recurrent(1))
            .addLayer("embedding", TokenEmbedding.builder().vocabulary(11).nOut(4).build(), "ids")
            .addLayer("marks", IntervalMarks.builder().interval(3).initial(1).build(), "ids");
    SeparatorDecoders.attention().build().addTo(graph, "attention", "embedding", "marks");
    graph
        .addLayer("out", NextTokenOutput.builder().vocabulary(11).build(), "attention")
        .setOutputs("out");
    ComputationGraph network = new ComputationGraph(graph.build());
    network.init();
    return network;
  }

  @Test
  void stepsOfADecoderAreTheWholeSequence(Random random) {
    ComputationGraph network = decoder(DataType.DOUBLE);
    INDArray ids = Elements.slots(random, 11, 2, 23).castTo(DataType.DOUBLE);
    INDArray whole = network.outputSingle(ids);
    for (int text = 0; text < 2; text++) {
      int from = 0;
      for (int to : new int[] {7, 8, 9, 17, 18, 23}) {
        INDArray out = network.rnnTimeStep(columns(ids, from, to))[0];
        INDArray expected = columns(whole, from, to);
        AssertClose.close("from " + from, Elements.doubles(expected), out, 1e-12);
        from = to;
      }
      network.rnnClearPreviousState();
    }
  }

  private static INDArray columns(INDArray array, int from, int to) {
    return array.get(NDArrayIndex.all(), NDArrayIndex.interval(from, to)).dup('c');
  }

  @Test
  void savedAndRestoredItTrainsOnToTheSameBits(@TempDir Path folder, Random random)
      throws Exception {
    ComputationGraph network = decoder(DataType.FLOAT);
    MultiDataSet data = SeparatorDecoders.text(random, DataType.FLOAT);
    network.fit(data);
    File file = folder.resolve("network.zip").toFile();
    ModelSerializer.writeModel(network, file, true);
    ComputationGraph restored = ModelSerializer.restoreComputationGraph(file, true);
    assertEquals(network.getConfiguration(), restored.getConfiguration());
    network.fit(data);
    restored.fit(data);
    AssertClose.same("parameters", Elements.doubles(network.params()), restored.params());
    ComputationGraph clone = network.clone();
    assertEquals(network.score(data), clone.score(data));
  }

  @Test
  void settingsAreReadBack() {
    IntervalMarks layer = IntervalMarks.builder().interval(8).build();
    assertEquals(8, layer.getInterval());
    assertEquals(3, layer.getInitial());
    assertNotEquals(layer, IntervalMarks.builder().interval(7).build());
    assertNotEquals(layer, IntervalMarks.builder().interval(8).initial(2).build());
  }

  @Test
  void refusals() {
    refused(
        "[IntervalMarks] interval: expected a positive number, got 0. Fix: use 8, or what"
            + " separators are apart.",
        () -> IntervalMarks.builder().interval(0));
    refused(
        "[IntervalMarks] interval: expected a positive number, got 0. Fix: call interval(...).",
        () -> IntervalMarks.builder().build());
    refused(
        "[IntervalMarks] initial: expected a number >= 0, got -1. Fix: use that of the attention.",
        () -> IntervalMarks.builder().initial(-1));
    refused(
        "[IntervalMarks (layer 0)] input: expected token ids [batch, time], [batch, time, 1] or"
            + " [batch, 1, time], got FLOAT array (shape [2, 3, 4]). Fix: pass ids, not one-hot"
            + " vectors or embeddings.",
        () -> activate(runtime(2, 1), Nd4j.zeros(DataType.FLOAT, 2, 3, 4)));
  }

  private static void refused(String message, Runnable action) {
    IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class, action::run);
    assertEquals(message, refusal.getMessage());
  }
}
