package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions;

class ProductKeyMemoryLearningTest {

  private static final int FACTS = 600;
  private static final int KEY = 24;
  private static final int ANSWERS = 16;

  /** 600 random keys with random answers: far more than a linear map of 24 features can hold. */
  @Test
  void remembersWhatALinearLayerCannot() {
    Nd4j.getRandom().setSeed(83);
    INDArray keys = Nd4j.randn(DataType.FLOAT, FACTS, KEY);
    INDArray answers = Nd4j.zeros(DataType.FLOAT, FACTS, ANSWERS);
    for (int i = 0; i < FACTS; i++) {
      answers.putScalar(i, Nd4j.getRandom().nextInt(ANSWERS), 1);
    }
    DataSet facts = new DataSet(keys, answers);
    double memory =
        recall(
            facts,
            ProductKeyMemory.builder()
                .nOut(KEY)
                .heads(4)
                .subKeys(48)
                .keySize(16)
                .topK(8)
                .valuesUpdater(new Adam(1e-2))
                .build());
    double linear =
        recall(facts, new DenseLayer.Builder().nOut(KEY).activation(Activation.IDENTITY).build());
    assertTrue(memory > 0.9 && memory > 2 * linear, "memory " + memory + ", linear " + linear);
  }

  private static double recall(DataSet facts, Layer layer) {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .seed(89)
                .updater(new Adam(1e-2))
                .list()
                .layer(layer)
                .layer(
                    new OutputLayer.Builder(LossFunctions.LossFunction.MCXENT)
                        .nOut(ANSWERS)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(InputType.feedForward(KEY))
                .build());
    network.init();
    RowSparseTraining.attach(network);
    for (int step = 0; step < 150; step++) {
      network.fit(facts);
    }
    INDArray right = network.output(facts.getFeatures()).argMax(1).eq(facts.getLabels().argMax(1));
    return right.castTo(DataType.DOUBLE).meanNumber().doubleValue();
  }
}
