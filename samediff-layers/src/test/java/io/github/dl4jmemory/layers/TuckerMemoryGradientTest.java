package io.github.dl4jmemory.layers;

import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** Numerical gradients of every parameter and of the input, with every option. */
class TuckerMemoryGradientTest {

  /** Sgd(1) turns a gradient row into itself, so DL4J's check sees the row-sparse path. */
  static Stream<TuckerMemory> kinds() {
    List<TuckerMemory> dense = TuckerMemories.all(new NoOp());
    List<TuckerMemory> sparse = TuckerMemories.all(new Sgd(1));
    return IntStream.range(0, dense.size())
        .mapToObj(i -> i % 2 == 0 ? dense.get(i) : sparse.get(i));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void everyParameterAndTheInput(TuckerMemory layer) {
    Nd4j.getRandom().setSeed(23);
    DataSet data =
        new DataSet(
            Nd4j.randn(DataType.DOUBLE, 7, Networks.IN),
            Nd4j.randn(DataType.DOUBLE, 7, Networks.OUT));
    MultiLayerNetwork network = Networks.forGradients(layer);
    gains(network.getLayer(1));
    AssertGradient.of(network, data, Set.of("1_F"));
  }

  static Stream<Arguments> sequences() {
    return Stream.of(
        Arguments.of(TuckerMemories.first().queryConvolution(3), RNNFormat.NWC),
        Arguments.of(TuckerMemories.first().queryConvolution(2), RNNFormat.NCW),
        Arguments.of(TuckerMemories.second(), RNNFormat.NCW),
        Arguments.of(TuckerMemories.second().queryConvolution(3), RNNFormat.NWC));
  }

  @ParameterizedTest
  @MethodSource("sequences")
  void maskedSequencesInAGraph(TuckerMemoryBuilder<?> settings, RNNFormat format) {
    Nd4j.getRandom().setSeed(29);
    boolean last = format == RNNFormat.NWC;
    int time = 4;
    INDArray x = Nd4j.randn(DataType.DOUBLE, 3, last ? time : Networks.IN, last ? 5 : time);
    INDArray y = Nd4j.randn(DataType.DOUBLE, 3, last ? time : Networks.OUT, last ? 3 : time);
    INDArray mask = Nd4j.createFromArray(new double[][] {{1, 1, 1, 1}, {1, 0, 0, 1}, {1, 0, 1, 1}});
    TuckerMemory layer = settings.valuesUpdater(last ? new NoOp() : new Sgd(1)).build();
    ComputationGraph graph = Networks.sequenceGraph(layer, format, DataType.DOUBLE, new NoOp());
    gains(graph.getLayer("memory"));
    AssertGradient.of(
        graph,
        new MultiDataSet(
            new INDArray[] {x}, new INDArray[] {y}, new INDArray[] {mask}, new INDArray[] {mask}),
        Set.of("memory_F"));
  }

  /** The gradient of x behind a convolution reaches the parameters of the layer before it. */
  @Test
  void inputOfAConvolvedSequence() {
    Nd4j.getRandom().setSeed(31);
    TuckerMemory second =
        TuckerMemories.second().queryConvolution(3).valuesUpdater(new NoOp()).build();
    ComputationGraph graph =
        new ComputationGraph(
            Networks.settings(DataType.DOUBLE, new NoOp())
                .graphBuilder()
                .addInputs("in")
                .setInputTypes(InputType.recurrent(Networks.IN, RNNFormat.NWC))
                .addLayer("first", SwiGlu.builder().hiddenSize(3).build(), "in")
                .addLayer("second", second, "first")
                .addLayer(
                    "out",
                    new RnnOutputLayer.Builder(LossFunctions.LossFunction.MSE)
                        .nOut(Networks.OUT)
                        .dataFormat(RNNFormat.NWC)
                        .activation(Activation.IDENTITY)
                        .build(),
                    "second")
                .setOutputs("out")
                .build());
    graph.init();
    gains(graph.getLayer("second"));
    INDArray x = Nd4j.randn(DataType.DOUBLE, 2, 5, Networks.IN);
    INDArray y = Nd4j.randn(DataType.DOUBLE, 2, 5, Networks.OUT);
    AssertGradient.of(
        graph, new MultiDataSet(new INDArray[] {x}, new INDArray[] {y}), Set.of("second_F"));
  }

  /** No two gains are alike, nor taps of a convolution. */
  private static void gains(org.deeplearning4j.nn.api.Layer layer) {
    for (String key : new String[] {"gq", "gk", "Wc"}) {
      INDArray parameter = layer.paramTable().get(key);
      if (parameter != null) {
        parameter.assign(Nd4j.rand(DataType.DOUBLE, parameter.shape()).addi(0.5));
      }
    }
  }
}
