package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.layers.MixtureOfExperts;
import io.github.dl4jmemory.zoo.MoeTransformer.Builder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.MultiDataSet;

class MoeTransformerTest {
  private static Builder tiny() {
    return MoeTransformer.builder()
        .vocabulary(23)
        .model(12)
        .layers(2)
        .heads(2)
        .hidden(17)
        .context(7)
        .experts(5)
        .topK(3)
        .learningRate(1e-2)
        .seed(3);
  }

  @Test
  void multiplyAddsAndParametersAreThoseCountedByHand() {
    MoeTransformer model = tiny().build();
    // Per block: 4*12*12 + 12*(7+1) attention, 12*5 router, 3 experts of 3*12*17; output 12*23.
    assertEquals(2 * (576 + 96 + 60 + 3 * 612) + 276, model.multiplyAddsPerToken());
    // Embedding and output 2*12*23, last norm 12; a block: attention, two norms, router, 5 experts.
    assertEquals(552 + 12 + 2 * (576 + 24 + 60 + 5 * 612), model.parameterCount());
    assertEquals(model.init().numParams(), model.parameterCount());
  }

  /** 32 experts in 12 blocks of model 1024: more than a machine's memory would be missed here. */
  @Test
  void largeModelsAreCountedWithoutMakingThem() {
    MoeTransformer model =
        MoeTransformer.builder()
            .vocabulary(50_000)
            .model(1024)
            .layers(12)
            .heads(16)
            .hidden(1376)
            .experts(32)
            .build();
    long block = 4L * 1024 * 1024 + 2 * 1024 + 1024 * 32 + 32L * 3 * 1024 * 1376;
    assertEquals(2L * 1024 * 50_000 + 1024 + 12 * block, model.parameterCount());
  }

  @Test
  void everySettingReachesTheNetwork() {
    ComputationGraphConfiguration conf =
        tiny().normalizeTopK(true).balanceLoss(0.5).dataType(DataType.DOUBLE).build().conf();
    MixtureOfExperts layer =
        (MixtureOfExperts)
            ((LayerVertex) conf.getVertices().get("feedForward1")).getLayerConf().getLayer();
    assertEquals(5, layer.getExperts());
    assertEquals(3, layer.getTopK());
    assertEquals(17, layer.getHiddenSize());
    assertEquals(12, layer.getNIn());
    assertEquals(0.5, layer.getBalanceLoss());
    assertTrue(layer.isNormalizeTopK());
    assertEquals(DataType.DOUBLE, conf.getDataType());
    MoeTransformer defaults = MoeTransformer.builder().build();
    MemoryTransformer dense = MemoryTransformer.builder().build();
    ComputationGraphConfiguration expected = dense.conf();
    assertEquals(expected.getVertices().keySet(), defaults.conf().getVertices().keySet());
  }

  @Test
  void itLearnsAndTrainsOnAfterSavingToTheSameBits(@TempDir Path folder) throws IOException {
    ComputationGraph network = tiny().schedule(1, 90).build().init();
    MultiDataSet batch = MemoryTransformerTest.batch();
    double before = network.score(batch);
    for (int i = 0; i < 40; i++) {
      network.fit(batch);
    }
    double after = network.score(batch);
    assertTrue(after < 0.5 * before, "loss " + before + " before, " + after + " after");
    Path file = folder.resolve("model.zip");
    MemoryTransformer.save(network, file);
    ComputationGraph again = MemoryTransformer.load(file);
    assertEquals(network.getConfiguration(), again.getConfiguration());
    network.fit(batch);
    again.fit(batch);
    MemoryTransformerTest.assertSameBits(network, again);
  }

  @Test
  void everyRefusalNamesItsFix() {
    refuses(b -> b.experts(2), "topK: expected 1 to experts = 2, got 3");
    refuses(b -> b.topK(0), "topK: expected 1 to experts = 5, got 0");
    refuses(b -> b.balanceLoss(-1), "balanceLoss: expected 0 or a positive number, got -1.0");
    refuses(b -> b.vocabulary(1), "vocabulary: expected at least 2, got 1");
    refuses(b -> b.layers(0), "layers: expected at least 1, got 0");
    refuses(b -> b.heads(5), "model: expected a multiple of 2 * heads = 10, got 12");
    refuses(b -> b.context(0), "context: expected at least 1, got 0");
  }

  private static void refuses(UnaryOperator<Builder> change, String message) {
    String got =
        assertThrows(IllegalArgumentException.class, () -> change.apply(tiny()).build())
            .getMessage();
    assertEquals("[MoeTransformer] " + message, got.substring(0, got.indexOf(". Fix: ")));
  }
}
