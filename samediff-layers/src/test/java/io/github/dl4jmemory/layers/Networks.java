package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** Small networks around a layer, every size a prime of its own. */
final class Networks {

  static final int IN = 5;
  static final int OUT = 3;

  private Networks() {}

  /** A product-key memory of 121 slots; heads 2, keySize 6, topK 3, valueSize 7, nOut 13. */
  static ProductKeyMemory.Builder memory() {
    return ProductKeyMemory.builder().nOut(13).heads(2).subKeys(11).keySize(6).topK(3).valueSize(7);
  }

  static NeuralNetConfiguration.Builder settings(DataType dataType, IUpdater updater) {
    return new NeuralNetConfiguration.Builder().seed(17).dataType(dataType).updater(updater);
  }

  /** dense - memory - output, for gradient checks; the dense layer checks the gradient of x. */
  static MultiLayerNetwork forGradients(DefinedLayer layer) {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            settings(DataType.DOUBLE, new NoOp())
                .list()
                .layer(new DenseLayer.Builder().nOut(IN).activation(Activation.TANH).build())
                .layer(layer)
                .layer(output())
                .setInputType(InputType.feedForward(IN))
                .build());
    network.init();
    return network;
  }

  /** memory - output over sequences, as a graph. */
  static ComputationGraph sequenceGraph(
      DefinedLayer layer, RNNFormat format, DataType dataType, IUpdater updater) {
    ComputationGraph network =
        new ComputationGraph(
            settings(dataType, updater)
                .graphBuilder()
                .addInputs("in")
                .setInputTypes(InputType.recurrent(IN, format))
                .addLayer("memory", layer, "in")
                .addLayer(
                    "out",
                    new RnnOutputLayer.Builder(LossFunctions.LossFunction.MSE)
                        .nOut(OUT)
                        .dataFormat(format)
                        .activation(Activation.IDENTITY)
                        .build(),
                    "memory")
                .setOutputs("out")
                .build());
    network.init();
    return network;
  }

  /** memory - output, FLOAT, Adam. */
  static MultiLayerNetwork forTraining(DefinedLayer layer) {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            settings(DataType.FLOAT, new Adam(1e-2))
                .list()
                .layer(layer)
                .layer(output())
                .setInputType(InputType.feedForward(IN))
                .build());
    network.init();
    return network;
  }

  static OutputLayer output() {
    return new OutputLayer.Builder(LossFunctions.LossFunction.MSE)
        .nOut(OUT)
        .activation(Activation.IDENTITY)
        .build();
  }
}
