package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;

/** A step of Sgd(1) is the gradient itself, so the change of the parameters shows it. */
class GradientScalingTest {

  private static final double THRESHOLD = 0.003;

  /** DL4J's own normalisation, on a dense layer, against ours on the same gradients. */
  @ParameterizedTest
  @EnumSource(GradientNormalization.class)
  void agreesWithDl4j(GradientNormalization kind) {
    MultiLayerNetwork plain = dense(GradientNormalization.None);
    MultiLayerNetwork normalised = dense(kind);
    normalised.setParams(plain.params());
    Map<String, INDArray> gradients = new LinkedHashMap<>();
    step(plain, 11).forEach((key, change) -> gradients.put(key, change.mul(11))); // sums again
    Map<String, INDArray> expected = step(normalised, 11);

    gradients.put("V", Nd4j.valueArrayOf(new long[] {3, 2}, 1e6, DataType.DOUBLE));
    ProductKeyMemory layer = Networks.memory().build();
    layer.setGradientNormalization(kind);
    layer.setGradientNormalizationThreshold(THRESHOLD);
    GradientScaling.apply(layer, gradients, Set.of("V"), 11);
    AssertClose.close("W", expected.get("W"), gradients.get("W").div(11), 1e-10);
    AssertClose.close("b", expected.get("b"), gradients.get("b").div(11), 1e-10);
    assertEquals(1e6, gradients.get("V").meanNumber().doubleValue(), "the table is left alone");
  }

  @ParameterizedTest
  @EnumSource(
      value = GradientNormalization.class,
      names = {"ClipL2PerLayer", "RenormalizeL2PerLayer"})
  void appliesInTraining(GradientNormalization kind) {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            Networks.settings(DataType.FLOAT, new Sgd(1))
                .gradientNormalization(kind)
                .gradientNormalizationThreshold(1e-3)
                .list()
                .layer(Networks.memory().valuesUpdater(new Sgd(1)).build())
                .layer(Networks.output())
                .setInputType(org.deeplearning4j.nn.conf.inputs.InputType.feedForward(Networks.IN))
                .build());
    network.init();
    INDArray before = network.getLayer(0).params().dup();
    INDArray table = network.getLayer(0).getParam("V");
    INDArray tableBefore = table.dup();
    network.fit(ProductKeyMemoryLifecycleTest.batch(1));
    double all = network.getLayer(0).params().sub(before).norm2Number().doubleValue();
    double ofTable = table.sub(tableBefore).norm2Number().doubleValue();
    double weights = Math.sqrt(all * all - ofTable * ofTable);
    double expected = kind == GradientNormalization.ClipL2PerLayer ? 1e-3 : 1;
    assertEquals(expected, weights, 0.02 * expected);
    assertTrue(ofTable > 1e-2, "the table takes its own step: " + ofTable);
  }

  private static Map<String, INDArray> step(MultiLayerNetwork network, int batch) {
    Nd4j.getRandom().setSeed(61);
    Map<String, INDArray> before = new LinkedHashMap<>();
    network.getLayer(0).paramTable().forEach((key, value) -> before.put(key, value.dup()));
    network.fit(
        new DataSet(
            Nd4j.randn(DataType.DOUBLE, batch, Networks.IN),
            Nd4j.randn(DataType.DOUBLE, batch, Networks.OUT)));
    Map<String, INDArray> change = new LinkedHashMap<>();
    before.forEach((key, value) -> change.put(key, value.sub(network.getLayer(0).getParam(key))));
    return change;
  }

  private static MultiLayerNetwork dense(GradientNormalization kind) {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            Networks.settings(DataType.DOUBLE, new Sgd(1))
                .list()
                .layer(
                    new DenseLayer.Builder()
                        .nIn(Networks.IN)
                        .nOut(7)
                        .activation(Activation.TANH)
                        .gradientNormalization(kind)
                        .gradientNormalizationThreshold(THRESHOLD)
                        .build())
                .layer(Networks.output())
                .setInputType(org.deeplearning4j.nn.conf.inputs.InputType.feedForward(Networks.IN))
                .build());
    network.init();
    return network;
  }
}
