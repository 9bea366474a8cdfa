package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import java.io.File;
import java.nio.file.Path;
import java.util.Arrays;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;

/** All blocks together: a decoder language model in a ComputationGraph. */
class DecoderTest {

  private static final int[] TEXT = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4};

  /** Ids and the ids that follow them; rows begin at different places of the text. */
  private static MultiDataSet text(DataType dataType, int batch, int time) {
    INDArray ids = Nd4j.create(dataType, batch, time);
    INDArray next = Nd4j.create(dataType, batch, time);
    for (int b = 0; b < batch; b++) {
      for (int t = 0; t < time; t++) {
        ids.putScalar(b, t, TEXT[b + t]);
        next.putScalar(b, t, TEXT[b + t + 1]);
      }
    }
    return new MultiDataSet(ids, next);
  }

  private static MultiDataSet masked(DataType dataType) {
    MultiDataSet data = text(dataType, 3, 5);
    INDArray features =
        Nd4j.createFromArray(new double[][] {{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}, {0, 1, 1, 1, 1}});
    INDArray labels =
        Nd4j.createFromArray(new double[][] {{1, 1, 1, 0, 1}, {1, 1, 0, 0, 0}, {0, 1, 1, 1, 1}});
    return new MultiDataSet(
        data.getFeatures(),
        data.getLabels(),
        new INDArray[] {features.castTo(dataType)},
        new INDArray[] {labels.castTo(dataType)});
  }

  @Test
  void gradientOfTheWholeStack() {
    AssertGradient.of(
        Decoders.tiny().graph(DataType.DOUBLE, new NoOp()), text(DataType.DOUBLE, 3, 5));
  }

  @Test
  void gradientWithMasksAndRowSparseTable() {
    AssertGradient.of(Decoders.tiny().graph(DataType.DOUBLE, new Sgd(1)), masked(DataType.DOUBLE));
  }

  @Test
  void learnsATextAndGeneratesItStepByStep() {
    ComputationGraph network =
        new Decoders(11, 32, 48, 4, 2, 2).graph(DataType.FLOAT, new Adam(1e-2));
    MultiDataSet data = text(DataType.FLOAT, 1, TEXT.length - 1);
    double before = network.score(data);
    for (int i = 0; i < 60; i++) {
      network.fit(data);
    }
    double after = network.score(data);
    assertTrue(before > 2 && after < 0.05, "loss went from " + before + " to " + after);

    INDArray full = network.outputSingle(data.getFeatures(0));
    int[] fullChoice = full.argMax(2).toIntVector();
    assertEquals(
        Arrays.toString(Arrays.copyOfRange(TEXT, 1, TEXT.length)), Arrays.toString(fullChoice));
    int prompt = 4;
    INDArray p = network.rnnTimeStep(ids(Arrays.copyOf(TEXT, prompt)))[0];
    int[] generated = new int[TEXT.length - prompt];
    for (int i = 0; i < generated.length; i++) {
      INDArray last = at(p, (int) p.size(1) - 1);
      AssertClose.close("step " + i, at(full, prompt + i - 1), last, 1e-5);
      generated[i] = last.argMax().getInt(0);
      p = network.rnnTimeStep(ids(generated[i]))[0];
    }
    assertEquals(
        Arrays.toString(Arrays.copyOfRange(TEXT, prompt, TEXT.length)), Arrays.toString(generated));
  }

  private static INDArray at(INDArray sequences, int time) {
    return sequences.slice(0).slice(time);
  }

  private static INDArray ids(int... ids) {
    return Nd4j.createFromArray(ids).reshape(1, ids.length);
  }

  @Test
  void savedAndRestoredItTrainsOnToTheSameBits(@TempDir Path folder) throws Exception {
    ComputationGraph network = Decoders.tiny().graph(DataType.FLOAT, new Adam(1e-2));
    MultiDataSet data = masked(DataType.FLOAT);
    network.fit(data);
    network.fit(data);
    File file = folder.resolve("decoder.zip").toFile();
    ModelSerializer.writeModel(network, file, true);
    ComputationGraph restored = ModelSerializer.restoreComputationGraph(file, true);
    assertEquals(network.getConfiguration(), restored.getConfiguration());
    network.fit(data);
    restored.fit(data);
    AssertClose.same("parameters", network.params().toDoubleVector(), restored.params());
    AssertClose.same(
        "updater state",
        network.getUpdater().getUpdaterStateViewArray().toDoubleVector(),
        restored.getUpdater().getUpdaterStateViewArray());
  }
}
