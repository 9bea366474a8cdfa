package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dl4jmemory.testkit.Seeded;
import java.util.Random;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What a mixture of experts refuses, and in which words. */
@ExtendWith(Seeded.class)
class MixtureOfExpertsRefusalTest {

  private static MixtureOfExperts.Builder experts() {
    return MixtureOfExperts.builder().nOut(6).experts(7).hiddenSize(3);
  }

  private static void refused(String message, Runnable action) {
    IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class, action::run);
    assertEquals("[MixtureOfExperts" + message, refusal.getMessage());
  }

  @Test
  void refusedSettings() {
    refused(
        "] experts: expected a positive number, got 0. Fix: call experts(...).",
        () -> MixtureOfExperts.builder().hiddenSize(3).build());
    refused(
        "] experts: expected a positive number, got -1. Fix: use 8 to 64.",
        () -> MixtureOfExperts.builder().experts(-1));
    refused(
        "] hiddenSize: expected a positive number, got 0. Fix: call hiddenSize(...).",
        () -> MixtureOfExperts.builder().experts(3).build());
    refused(
        "] hiddenSize: expected a positive number, got 0. Fix: use about 8/3 of nIn / topK.",
        () -> MixtureOfExperts.builder().hiddenSize(0));
    refused(
        "] topK: expected a positive number, got 0. Fix: use 2, or 8 of 64 small experts.",
        () -> MixtureOfExperts.builder().topK(0));
    refused(
        "] topK: expected 1 to experts = 3, got 4. Fix: change topK(...) or experts(...).",
        () -> MixtureOfExperts.builder().experts(3).topK(4).hiddenSize(3).build());
    for (double bad : new double[] {-0.5, Double.NaN, Double.POSITIVE_INFINITY}) {
      refused(
          "] balanceLoss: expected 0 or a positive number, got " + bad + ". Fix: use 0.01.",
          () -> MixtureOfExperts.builder().balanceLoss(bad));
    }
    refused(
        "] nIn: expected a positive number, got 0. Fix: call nIn(...), or setInputType(...) on the"
            + " network configuration.",
        () -> experts().build().getLayerParams());
  }

  @Test
  void refusedInputs(Random random) {
    LayerWorkspaceMgr none = LayerWorkspaceMgr.noWorkspaces();
    LayerRuntime<?> runtime = Runtimes.of(experts().nIn(5).build(), DataType.FLOAT, random);
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      INDArray x = Nd4j.ones(DataType.FLOAT, 3, 5).putScalar(1, 4, bad);
      refused(
          " (layer 0)] router scores: expected finite numbers, got NaN or infinity for token 1."
              + " Fix: look for NaN in the input, or lower the learning rate.",
          () -> runtime.activate(x, false, none));
    }
    LayerRuntime<?> wide =
        Runtimes.of(
            MixtureOfExperts.builder().nIn(1).experts(2).hiddenSize(1 << 12).build(),
            DataType.FLOAT,
            random);
    refused(
        " (layer 0)] input: expected fewer than 2^31 hidden values (tokens * topK * hiddenSize), got"
            + " 262144 tokens. Fix: use smaller batches.",
        () -> wide.activate(Nd4j.ones(DataType.FLOAT, 1 << 18, 1), false, none));
  }
}
