package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.ops.UltraMemOps;
import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** What a memory is at its start: deviations, scores, and the variance of its output. */
class TuckerMemoryStartTest {

  private static final int MODEL = 64;
  private static final int LAYERS = 6;

  private static Layer layer(TuckerMemory memory, long seed) {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            Networks.settings(DataType.FLOAT, new Adam(1e-3))
                .seed(seed)
                .list()
                .layer(memory)
                .layer(Networks.output())
                .setInputType(InputType.feedForward(MODEL))
                .build());
    network.init();
    return network.getLayer(0);
  }

  private static UltraMem.Builder first() {
    return UltraMem.builder().subKeys(61).keySize(32).topK(16).transformerLayers(LAYERS);
  }

  private static UltraMemV2.Builder second() {
    return UltraMemV2.builder().subKeys(61).keySize(16).topK(16).transformerLayers(LAYERS);
  }

  private static double variance(TuckerMemory memory) {
    double sum = 0;
    for (int seed = 1; seed <= 4; seed++) {
      Layer layer = layer(memory, seed);
      INDArray x = Nd4j.randn(DataType.FLOAT, 300, MODEL);
      INDArray out = layer.activate(x, false, LayerWorkspaceMgr.noWorkspaces());
      sum += out.mul(out).meanNumber().doubleValue() / 4;
    }
    return sum;
  }

  /** 1 / (2 * layers), times the mean square of the scores. */
  @Test
  void outputOfTheFirstVersion() {
    double plain = variance(first().build()) * 2 * LAYERS;
    assertTrue(plain > 0.9 && plain < 2, "variance times 2 layers: " + plain);
    double expanded = variance(first().expansion(9).heads(1).build()) * 2 * LAYERS;
    assertTrue(expanded > 0.9 && expanded < 2, "variance times 2 layers: " + expanded);
    double softmax = variance(first().softmax(true).build());
    assertTrue(softmax > 0 && Double.isFinite(softmax), "variance: " + softmax);
  }

  /** That of a feed-forward block: 0.064 * ratio / (2 * layers) (equation 25). */
  @Test
  void outputOfTheSecondVersion() {
    double block = 0.064 * 4 / (2 * LAYERS);
    double ratio = variance(second().build()) / block;
    assertTrue(ratio > 0.7 && ratio < 1.4, "variance over that of a feed-forward block: " + ratio);
    double narrow = variance(second().preValueSize(4).valueSize(12).build()) / block;
    assertTrue(narrow > 0.6 && narrow < 1.6, "of unequal sizes: " + narrow);
  }

  /** Queries of other tokens than those of the simulation find scores of 1 too. */
  @Test
  void scoresAreOneInTheMean() {
    for (TuckerMemory memory : new TuckerMemory[] {first().build(), second().build()}) {
      Layer layer = layer(memory, 3);
      TuckerMemoryRuntime runtime = (TuckerMemoryRuntime) layer;
      INDArray x = Nd4j.randn(DataType.FLOAT, 200, MODEL);
      TuckerKeys keys = new TuckerKeys(runtime, runtime.layerConf());
      TuckerKeys.Lookup lookup =
          keys.of(x, new TuckerMemoryRuntime.Room(DataType.FLOAT, false, null));
      INDArray scores = keys.find(lookup, 16).scores();
      double mean = scores.meanNumber().doubleValue();
      assertTrue(mean > 0.85 && mean < 1.15, "mean score " + mean);
    }
  }

  @Test
  void deviations() {
    Layer layer = layer(first().queryConvolution(3).build(), 5);
    assertEquals(1 / Math.sqrt(16), deviation(layer, "Wq"), 0.01);
    assertEquals(1 / Math.sqrt(16), deviation(layer, "K"), 0.01);
    assertEquals(Math.sqrt(4.0 / (2 * 16 * 2 * LAYERS)), deviation(layer, "V"), 0.003);
    assertEquals(1 / Math.sqrt(4 * 32), deviation(layer, "Wo"), 0.003);
    assertEquals(1 / Math.sqrt(16), layer.getParam("gk").meanNumber().doubleValue(), 1e-6);
    assertEquals(0, layer.getParam("gq").stdNumber().doubleValue(), 1e-6);
    INDArray cores = layer.getParam("C");
    assertTrue(cores.minNumber().doubleValue() >= 0 && cores.maxNumber().doubleValue() <= 1);
    INDArray filters = UltraMemOps.tuckerFilters(cores, null);
    AssertClose.same("filters", Elements.doubles(filters), layer.getParam("F"));
    INDArray identity = Nd4j.zeros(3, MODEL);
    identity.getRow(2).assign(1);
    AssertClose.same("Wc", Elements.doubles(identity), layer.getParam("Wc"));
    Layer second = layer(second().build(), 5);
    assertEquals(Math.sqrt(0.4 / MODEL), deviation(second, "Wp"), 0.003);
    assertEquals(Math.sqrt(0.4 / MODEL), deviation(second, "Wo"), 0.003);
    assertEquals(deviation(second, "P"), deviation(second, "V"), 0.003);
  }

  private static double deviation(Layer layer, String key) {
    return layer.getParam(key).stdNumber().doubleValue();
  }
}
