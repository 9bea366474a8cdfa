package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Map;
import java.util.Random;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** A memory with a convolution, step by step, against the whole sequence at once. */
@ExtendWith(Seeded.class)
class ConvolvedMemoryStepTest {

  private static final int BATCH = 3;
  private static final int TIME = 7;

  private static ComputationGraph graph(RNNFormat format, int taps) {
    UltraMem memory = TuckerMemories.first().queryConvolution(taps).name("memory").build();
    ComputationGraph graph = Networks.sequenceGraph(memory, format, DataType.DOUBLE, new NoOp());
    INDArray weights = graph.getLayer("memory").getParam("Wc");
    weights.assign(Nd4j.rand(DataType.DOUBLE, weights.shape()));
    return graph;
  }

  private static INDArray part(INDArray x, RNNFormat format, int from, int to) {
    return format == RNNFormat.NWC
        ? x.get(NDArrayIndex.all(), NDArrayIndex.interval(from, to), NDArrayIndex.all()).dup('c')
        : x.get(NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.interval(from, to)).dup('c');
  }

  private static INDArray sequence(Random random, RNNFormat format) {
    return format == RNNFormat.NWC
        ? Elements.uniform(random, DataType.DOUBLE, BATCH, TIME, Networks.IN)
        : Elements.uniform(random, DataType.DOUBLE, BATCH, Networks.IN, TIME);
  }

  @ParameterizedTest
  @CsvSource({"NWC,3", "NCW,3", "NWC,1", "NCW,6"})
  void stepsAreTheSequence(RNNFormat format, int taps, Random random) {
    ComputationGraph graph = graph(format, taps);
    INDArray x = sequence(random, format);
    INDArray whole = graph.outputSingle(x);
    int[] bounds = {0, 1, 2, 5, 6, 7};
    for (int round = 0; round < 2; round++) {
      for (int i = 0; i + 1 < bounds.length; i++) {
        INDArray out = graph.rnnTimeStep(part(x, format, bounds[i], bounds[i + 1]))[0];
        INDArray expected = part(whole, format, bounds[i], bounds[i + 1]);
        AssertClose.close("step " + bounds[i], expected, out, 1e-12);
      }
      graph.rnnClearPreviousState();
    }
  }

  @Test
  void aMaskedStepCountsAsZeros(Random random) {
    ComputationGraph graph = graph(RNNFormat.NWC, 3);
    ConvolvedMemoryRuntime runtime = (ConvolvedMemoryRuntime) graph.getLayer("memory");
    LayerWorkspaceMgr none = LayerWorkspaceMgr.noWorkspaces();
    INDArray x = sequence(random, RNNFormat.NWC);
    INDArray mask = Nd4j.ones(DataType.DOUBLE, BATCH, TIME).putScalar(1, 2, 0).putScalar(0, 3, 0);
    runtime.setMaskArray(mask);
    runtime.setInput(x, none);
    INDArray whole = runtime.activate(false, none).dup();
    for (int t = 0; t < TIME; t++) {
      runtime.setMaskArray(mask.getColumn(t, true).dup());
      INDArray out = runtime.rnnTimeStep(part(x, RNNFormat.NWC, t, t + 1), none);
      AssertClose.close("step " + t, part(whole, RNNFormat.NWC, t, t + 1), out, 1e-12);
    }
  }

  @Test
  void stateIsTakenAndGivenBack(Random random) {
    ComputationGraph graph = graph(RNNFormat.NWC, 4);
    ConvolvedMemoryRuntime runtime = (ConvolvedMemoryRuntime) graph.getLayer("memory");
    INDArray x = sequence(random, RNNFormat.NWC);
    assertTrue(runtime.rnnGetPreviousState().isEmpty());
    graph.rnnTimeStep(part(x, RNNFormat.NWC, 0, 3));
    Map<String, INDArray> state = runtime.rnnGetPreviousState();
    double[] expected = Elements.doubles(graph.rnnTimeStep(part(x, RNNFormat.NWC, 3, 5))[0]);
    runtime.rnnSetPreviousState(state);
    AssertClose.same("again", expected, graph.rnnTimeStep(part(x, RNNFormat.NWC, 3, 5))[0]);
    runtime.rnnSetPreviousState(null);
    assertTrue(runtime.rnnGetPreviousState().isEmpty());
    says(
        () -> runtime.rnnSetPreviousState(Map.of("history", Nd4j.zeros(2, 2, 5))),
        "[UltraMem memory] state: expected the last tokens, [batch, 3, 5], got FLOAT array (shape"
            + " [2, 2, 5]). Fix: pass what rnnGetPreviousState() returned.");
  }

  @Test
  void refusals(Random random) {
    ComputationGraph graph = graph(RNNFormat.NWC, 3);
    ConvolvedMemoryRuntime runtime = (ConvolvedMemoryRuntime) graph.getLayer("memory");
    graph.rnnTimeStep(part(sequence(random, RNNFormat.NWC), RNNFormat.NWC, 0, 1));
    says(
        () -> graph.rnnTimeStep(Nd4j.zeros(DataType.DOUBLE, 2, 1, Networks.IN)),
        "[UltraMem memory] input of rnnTimeStep: expected batch 3, as in the steps before, got"
            + " DOUBLE array (shape [2, 1, 5]). Fix: call rnnClearPreviousState() before another"
            + " batch.");
    says(
        () ->
            runtime.rnnTimeStep(
                Nd4j.zeros(DataType.DOUBLE, 3, Networks.IN), LayerWorkspaceMgr.noWorkspaces()),
        "[UltraMem memory] input of rnnTimeStep: expected rank 3, got DOUBLE array (shape [3, 5])."
            + " Fix: pass sequences; a single step is a sequence of time 1.");
  }

  @Test
  void truncatedBackpropagationIsRefused() {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            Networks.settings(DataType.FLOAT, new NoOp())
                .list()
                .layer(TuckerMemories.first().queryConvolution(3).name("memory").build())
                .layer(
                    new RnnOutputLayer.Builder(LossFunctions.LossFunction.MSE)
                        .nOut(Networks.OUT)
                        .activation(Activation.IDENTITY)
                        .build())
                .backpropType(BackpropType.TruncatedBPTT)
                .tBPTTLength(2)
                .setInputType(InputType.recurrent(Networks.IN, RNNFormat.NCW))
                .build());
    network.init();
    INDArray x = Nd4j.rand(DataType.FLOAT, 2, Networks.IN, 4);
    INDArray y = Nd4j.rand(DataType.FLOAT, 2, Networks.OUT, 4);
    assertEquals(
        "[UltraMem memory] backpropType: expected Standard, got TruncatedBPTT. Fix: remove"
            + " backpropType(BackpropType.TruncatedBPTT) and cut the text into shorter sequences.",
        assertThrows(UnsupportedOperationException.class, () -> network.fit(x, y)).getMessage());
  }

  private static void says(Executable action, String message) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action).getMessage());
  }
}
