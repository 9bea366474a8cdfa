package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.io.File;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.TrainingConfig;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;

@Tag("native")
@ExtendWith(Seeded.class)
class SDMemoryTest {

  @Test
  void aGraphComputesWhatMemoryOpsComputes(Random random) {
    for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
      MemoryGraph memory = MemoryGraph.random(random, type);
      Map<String, INDArray> got = memory.build().output(Map.of(), "top_scores", "top_slots", "bag");
      MemoryOps.TopK top =
          MemoryOps.productKeyTopK(memory.query(), memory.subKeys(), memory.topK());
      AssertClose.same("slots", Elements.longs(top.slots()), got.get("top_slots"));
      double tolerance = AssertClose.tolerance(type, memory.query().size(2), 2);
      AssertClose.close("scores", top.scores(), got.get("top_scores"), tolerance);
      INDArray slots = top.slots().reshape(-1, memory.topK());
      INDArray weights = Nd4j.nn.softmax(top.scores(), -1).reshape(-1, memory.topK());
      INDArray bag = MemoryOps.weightedBag(memory.values(), slots, weights);
      AssertClose.close("bag", bag, got.get("bag"), 2 * tolerance);
    }
  }

  @Test
  void gradientsAgreeWithDifferences(Random random) {
    SameDiff sd = MemoryGraph.random(random, DataType.DOUBLE).build();
    Map<String, INDArray> gradients = sd.calculateGradients(Map.of(), MemoryGraph.variables());
    for (String name : MemoryGraph.variables()) {
      INDArray values = sd.getVariable(name).getArr();
      Differences.assertGradient(
          name, values, gradients.get(name), () -> sd.outputSingle(Map.of(), "loss").getDouble(0));
    }
  }

  @Test
  void aSavedGraphRunsInAFreshJvm(Random random, @TempDir Path folder) throws Exception {
    SameDiff sd = MemoryGraph.random(random, DataType.FLOAT).build();
    File file = folder.resolve("memory.fb").toFile();
    sd.save(file, false);
    String loss = Arrays.toString(sd.outputSingle(Map.of(), "loss").data().asFloat());
    String gradient =
        Arrays.toString(sd.calculateGradients(Map.of(), "values").get("values").data().asFloat());
    String printed = new ChildJvm().run(LoadMain.class, file);
    assertTrue(printed.contains("loss " + loss), printed);
    assertTrue(printed.contains("gradient " + gradient), printed);
  }

  /** Loads a graph, runs it and prints its loss and the gradient of its table. */
  static final class LoadMain {
    private LoadMain() {}

    public static void main(String[] arguments) {
      SDMemory.register();
      SameDiff sd = SameDiff.load(new File(arguments[0]), false);
      float[] loss = sd.outputSingle(Map.of(), "loss").data().asFloat();
      INDArray gradient = sd.calculateGradients(Map.of(), "values").get("values");
      System.out.println("loss " + Arrays.toString(loss));
      System.out.println("gradient " + Arrays.toString(gradient.data().asFloat()));
    }
  }

  /** A table learns the weighted sums of another one; rows that no bag reads keep their bits. */
  @Test
  void fitTrainsTheRowsThatAreRead(Random random) {
    int slotCount = 31;
    int read = 13;
    INDArray start = Elements.uniform(random, DataType.FLOAT, slotCount, 7);
    INDArray slots = Elements.slots(random, read, 29, 5);
    INDArray weights = Elements.uniform(random, DataType.FLOAT, 29, 5);
    INDArray wanted =
        MemoryOps.weightedBag(
            Elements.uniform(random, DataType.FLOAT, slotCount, 7), slots, weights);
    SameDiff sd = SameDiff.create();
    SDVariable labels = sd.placeHolder("labels", DataType.FLOAT, -1, 7);
    SDVariable in = sd.placeHolder("weights", DataType.FLOAT, -1, 5);
    SDVariable bag =
        SDMemory.weightedBag(
            sd, "bag", sd.var("values", start.dup()), sd.constant("slots", slots), in);
    sd.loss.meanSquaredError("loss", labels, bag, null);
    sd.setLossVariables("loss");
    sd.setTrainingConfig(
        TrainingConfig.builder()
            .updater(new Sgd(0.5))
            .dataSetFeatureMapping("weights")
            .dataSetLabelMapping("labels")
            .build());
    DataSet data = new DataSet(weights, wanted);
    double before = loss(sd, data);
    for (int i = 0; i < 60; i++) {
      sd.fit(data);
    }
    assertTrue(loss(sd, data) < 0.5 * before, () -> loss(sd, data) + " after " + before);
    INDArray trained = sd.getVariable("values").getArr();
    for (int row = read; row < slotCount; row++) {
      AssertClose.same("row " + row, Elements.doubles(start.getRow(row)), trained.getRow(row));
    }
  }

  private static double loss(SameDiff sd, DataSet data) {
    Map<String, INDArray> in = Map.of("weights", data.getFeatures(), "labels", data.getLabels());
    return sd.outputSingle(in, "loss").getDouble(0);
  }

  /** The row updates on a graph give what MemoryOps gives, also from a graph saved and loaded. */
  @Test
  void rowUpdatesComputeWhatMemoryOpsComputes(Random random, @TempDir Path folder) {
    INDArray[] tables = new INDArray[3];
    for (int i = 0; i < 3; i++) {
      tables[i] = Elements.uniform(random, DataType.FLOAT, 11, 7).mul(0.4).add(0.5);
    }
    INDArray rows = Nd4j.createFromArray(0L, 3L, 10L);
    INDArray gradients = Elements.uniform(random, DataType.FLOAT, 3, 7);
    AdamStep step = AdamStep.of(0.1, 0.9, 0.99, 1e-8, 3, 0.5);
    SameDiff sd = SameDiff.create();
    SDVariable values = sd.constant("values", tables[0].dup());
    SDVariable at = sd.constant("rows", rows);
    SDVariable g = sd.constant("gradients", gradients);
    SDMemory.rowAdam(
        sd,
        "adam",
        values,
        sd.constant("m", tables[1].dup()),
        sd.constant("v", tables[2].dup()),
        at,
        g,
        step);
    SDMemory.rowSgd(sd, "sgd", values, at, g, 0.25);
    INDArray sgd = tables[0].dup();
    MemoryOps.rowSgd(sgd, rows, gradients, 0.25);
    INDArray[] adam = {tables[0].dup(), tables[1].dup(), tables[2].dup()};
    MemoryOps.rowAdam(adam[0], adam[1], adam[2], rows, gradients, step);
    File file = folder.resolve("updates.fb").toFile();
    sd.save(file, false);
    for (SameDiff graph : new SameDiff[] {sd, SameDiff.load(file, false)}) {
      Map<String, INDArray> got =
          graph.output(Map.of(), "adam_values", "adam_m", "adam_v", "sgd", "values");
      AssertClose.same("values", Elements.doubles(adam[0]), got.get("adam_values"));
      AssertClose.same("m", Elements.doubles(adam[1]), got.get("adam_m"));
      AssertClose.same("v", Elements.doubles(adam[2]), got.get("adam_v"));
      AssertClose.same("sgd", Elements.doubles(sgd), got.get("sgd"));
      AssertClose.same("before", Elements.doubles(tables[0]), got.get("values"));
    }
  }

  @Test
  void registeringAgainChangesNothing() {
    SDMemory.register();
    long hash = NativeLibrary.nd4jOps().opHash(ProductKeyTopKOp.NAME);
    SDMemory.register();
    assertEquals(hash, new ProductKeyTopKOp().opHash());
  }

  @Test
  void theLibraryCanBeLoadedBeforeAndAfterNd4jListsItsOps() {
    for (String order : new String[] {"before", "after"}) {
      String printed = new ChildJvm().run(OrderMain.class, order);
      assertTrue(printed.contains("slots [0]"), printed);
    }
  }

  /** Runs an op, before or after ND4J has cached its list of ops. */
  static final class OrderMain {
    private OrderMain() {}

    public static void main(String[] arguments) {
      if (arguments[0].equals("after")) {
        Nd4j.getExecutioner().getCustomOperations();
        Nd4j.ones(2, 2).mmul(Nd4j.ones(2, 2));
      }
      SameDiff sd = SameDiff.create();
      SDVariable query = sd.constant("query", Nd4j.ones(DataType.FLOAT, 1, 1, 2));
      SDVariable keys = sd.constant("keys", Nd4j.ones(DataType.FLOAT, 1, 2, 3, 1));
      SDMemory.productKeyTopK(sd, "top", query, keys, 1);
      System.out.println(
          "slots " + Arrays.toString(sd.outputSingle(Map.of(), "top_slots").data().asLong()));
    }
  }

  @Test
  void aTableTooLargeForADenseGradientIsRefused() {
    SameDiff sd = SameDiff.create();
    SDVariable values = sd.placeHolder("values", DataType.FLOAT, 1L << 20, 257);
    SDVariable slots = sd.placeHolder("slots", DataType.INT64, -1, 5);
    SDVariable weights = sd.var("weights", Nd4j.ones(DataType.FLOAT, 3, 5));
    SDMemory.weightedBag(sd, "bag", values, slots, weights).sum().rename("loss");
    sd.setLossVariables("loss");
    String message =
        assertThrows(IllegalArgumentException.class, sd::createGradFunction).getMessage();
    assertEquals(
        "[weighted_bag] values: expected at most 268435456 values for the dense gradient of"
            + " SameDiff, got 269484032 (shape [1048576, 257]). Fix: train the table in a DL4J"
            + " network, which updates touched rows only",
        message);
  }

  @Test
  void argumentsAreChecked() {
    SameDiff sd = SameDiff.create();
    SDVariable query = sd.placeHolder("query", DataType.FLOAT, -1, 2, 4);
    SDVariable keys = sd.placeHolder("keys", DataType.DOUBLE, 2, 2, 3, 2);
    SDVariable slots = sd.placeHolder("slots", DataType.INT64, -1);
    assertMessage(
        "[product_key_topk] topK: expected 1 to n, got 0. Fix: choose a larger topK",
        () -> SDMemory.productKeyTopK(sd, "a", query, query, 0));
    assertMessage(
        "[product_key_topk] subKeys: expected a value, got null. Fix: pass one",
        () -> SDMemory.productKeyTopK(sd, "a", query, null, 1));
    assertMessage(
        "[weighted_bag] slots: expected a value, got null. Fix: pass one",
        () -> SDMemory.weightedBag(sd, "a", query, null, keys));
    assertMessage(
        "[row_adam] step: expected a value, got null. Fix: pass one",
        () -> SDMemory.rowAdam(sd, "a", keys, keys, keys, keys, keys, null));
    assertMessage(
        "[row_adam] input 3: expected LONG or INT, got DOUBLE. Fix: cast it with castTo(..)",
        () ->
            SDMemory.rowAdam(
                sd, "d", keys, keys, keys, keys, keys, AdamStep.of(0.1, 0.9, 0.9, 1e-8, 0, 1)));
    assertMessage(
        "[row_sgd] rows: expected a value, got null. Fix: pass one",
        () -> SDMemory.rowSgd(sd, "a", keys, null, keys, 0.1));
    assertMessage(
        "[row_sgd] learningRate: expected a finite number, got NaN. Fix: check the configuration",
        () -> SDMemory.rowSgd(sd, "a", keys, keys, keys, Double.NaN));
    String holds = ": expected a finite number as FLOAT, got 1.0E39. Fix: use a smaller number, or";
    assertMessage(
        "[row_sgd] learningRate" + holds + " DOUBLE arrays",
        () -> SDMemory.rowSgd(sd, "a", query, slots, query, 1e39));
    assertMessage(
        "[row_adam] step.stepSize" + holds + " DOUBLE arrays",
        () ->
            SDMemory.rowAdam(
                sd, "a", query, query, query, slots, query, new AdamStep(1e39, 0, 0, 1, 1)));
    assertMessage(
        "[product_key_topk] input 1: expected FLOAT, got DOUBLE. Fix: cast it with castTo(..)",
        () -> SDMemory.productKeyTopK(sd, "b", query, keys, 1));
    assertMessage(
        "[weighted_bag] input 1: expected LONG or INT, got FLOAT. Fix: cast it with castTo(..)",
        () -> SDMemory.weightedBag(sd, "c", query, query, query));
  }

  /** ND4J binds inputs by name: a variable of another graph would read one of this graph. */
  @Test
  void aVariableOfAnotherGraphIsRefused() {
    SameDiff sd = SameDiff.create();
    SDVariable mine = sd.var("values", Nd4j.ones(DataType.FLOAT, 7, 3));
    SDVariable slots = sd.placeHolder("slots", DataType.INT64, -1, 4);
    SDVariable weights = sd.placeHolder("weights", DataType.FLOAT, -1, 4);
    SDVariable other = SameDiff.create().var("values", Nd4j.zeros(DataType.FLOAT, 7, 3));
    String message =
        "values: expected a variable of this graph, got one of another. Fix: make it with this"
            + " SameDiff";
    assertMessage(
        "[weighted_bag] " + message, () -> SDMemory.weightedBag(sd, "bag", other, slots, weights));
    assertMessage(
        "[row_sgd] " + message, () -> SDMemory.rowSgd(sd, "sgd", other, slots, mine, 0.1));
  }

  private static void assertMessage(
      String expected, org.junit.jupiter.api.function.Executable call) {
    assertEquals(expected, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void theGradientHasNoGradient() {
    String message =
        assertThrows(
                UnsupportedOperationException.class,
                () -> new WeightedBagGradientOp().doDiff(java.util.List.of()))
            .getMessage();
    assertTrue(message.startsWith("[weighted_bag_bp] gradient: expected"), message);
  }
}
