package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.layers.samediff.AbstractSameDiffLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.learning.config.IUpdater;
import picocli.CommandLine;

class PostTrainingTest {
  @TempDir static Path folder;

  private static SmallComparison comparison;

  @BeforeAll
  static void train() throws IOException {
    comparison = SmallComparison.of(folder, "dense");
  }

  private static String run(int code, String more) {
    StringWriter errors = new StringWriter();
    String all = more;
    for (String one : new String[] {"--comparison " + comparison.folder(), "--points 2"}) {
      all += more.contains(one.split(" ")[0]) ? "" : " " + one;
    }
    String[] arguments = ("--tokens 2500 " + all).split(" ");
    CommandLine line = new CommandLine(new PostTraining()).setErr(new PrintWriter(errors));
    assertEquals(code, line.execute(arguments), errors.toString());
    return errors.toString();
  }

  private static PostTrained.Result read(Path out, String model) throws IOException {
    Path file = out.resolve("post-training-" + model + "-seed-1.json");
    return new ObjectMapper().readValue(file.toFile(), PostTrained.Result.class);
  }

  @Test
  void eachAttentionGoesOnFromTheDenseModel() throws IOException {
    Path out = folder.resolve("out");
    String arguments = "--models separator-64,fix-64 --held-out-rows 1000 --out " + out;
    run(0, arguments);
    FinishedTrials trials = new FinishedTrials("test", comparison.folder());
    double trained = trials.best(Contender.DENSE, 1).report().validationLoss();
    PostTrained.Result dense = read(out, "dense");
    assertEquals(trained, dense.heldOut().losses()[0], 1e-6, "as it was left");
    assertEquals(1, dense.attended());
    for (String model : new String[] {"dense", "separator-64", "fix-64"}) {
      PostTrained.Result result = read(out, model);
      assertArrayEquals(new double[] {0, 1024, 2048}, result.heldOut().tokens(), model);
      double[] losses = result.heldOut().losses();
      assertTrue(losses[2] < losses[0], model + " learns: " + losses[0] + " to " + losses[2]);
      assertTrue(result.seconds() > 0);
      assertEquals(1e-2, result.learningRate());
      if (!model.equals("dense")) {
        assertTrue(result.attended() < 0.95, "windows of 64 in rows of 128");
        assertFalse(Math.abs(losses[0] - trained) < 1e-6, "sees less than the dense model");
      }
    }
    assertTrue(Files.size(out.resolve("post-training-seed-1.png")) > 1000);
    byte[] before = Files.readAllBytes(out.resolve("post-training-dense-seed-1.json"));
    run(0, arguments);
    assertArrayEquals(
        before,
        Files.readAllBytes(out.resolve("post-training-dense-seed-1.json")),
        "not done again");
  }

  @Test
  void aFreshScheduleKeepsEverythingElse() throws IOException {
    FinishedTrials trials = new FinishedTrials("test", comparison.folder());
    ComputationGraph trained = trials.load(trials.best(Contender.DENSE, 1));
    ComputationGraph fresh = new FreshSchedule(0.5, 4, 10).on(trained);
    MemoryTransformerTest.assertSameBits(trained, fresh);
    int now = trained.getIterationCount();
    assertEquals(now, fresh.getIterationCount());
    for (Layer layer : fresh.getLayers()) {
      AbstractSameDiffLayer conf = (AbstractSameDiffLayer) layer.conf().getLayer();
      for (String key : layer.paramTable().keySet()) {
        IUpdater updater = conf.getUpdaterByParam(key);
        assertEquals(0.125, updater.getLearningRate(now, 0), conf.getLayerName());
        assertEquals(0.25, updater.getLearningRate(now + 5, 0), conf.getLayerName());
        assertEquals(0, updater.getLearningRate(now + 10, 0), conf.getLayerName());
      }
    }
    ComputationGraph still = new FreshSchedule(0, 1, 10).on(trained);
    still.fit(TrainingData.batch(List.of(new int[] {1, 2, 3, 4}), 3));
    // Adam of libnd4j takes 1e-8 for a rate of 0
    assertArrayEquals(trained.params().toFloatVector(), still.params().toFloatVector(), 1e-6f);
    assertFalse(Arrays.equals(step(fresh), step(still)), "the rate is used");
  }

  private static float[] step(ComputationGraph network) {
    network.fit(TrainingData.batch(List.of(new int[] {1, 2, 3, 4}), 3));
    return network.params().toFloatVector();
  }

  @Test
  void refusals() {
    String out = " --out " + folder.resolve("none");
    assertTrue(
        run(1, "--models memory" + out)
            .contains(
                "[post-training] --models: expected models that differ from the dense one by their"
                    + " attention, got memory. Fix: use separator-64."));
    assertTrue(
        run(1, "--seed 7" + out)
            .contains(
                "[post-training] --comparison: expected a finished training of dense with seed 7"
                    + " and its network, got none in "
                    + comparison.folder()));
    assertTrue(
        run(1, "--comparison nowhere" + out)
            .contains("[post-training] --comparison: expected a folder, got nowhere"));
    assertTrue(
        run(1, "--points 0" + out)
            .contains("[post-training] --points: expected at least 1, got 0. Fix: use 10."));
    assertTrue(
        run(1, "--held-out-rows 0" + out)
            .contains(
                "[post-training] --held-out-rows: expected at least 1, got 0. Fix: use 200."));
    assertFalse(Files.exists(folder.resolve("none")));
  }
}
