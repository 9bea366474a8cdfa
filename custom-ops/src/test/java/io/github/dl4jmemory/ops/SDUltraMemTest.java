package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.factory.Nd4j;

@Tag("native")
@ExtendWith(Seeded.class)
class SDUltraMemTest {
  private static final int BATCH = 3;
  private static final int HEADS = 2;
  private static final int N = 4;
  private static final int TOP_K = 4;
  private static final int EXPANSION = 2;
  private static final int SLOTS = N * N / EXPANSION;
  private static final List<String> VARIABLES =
      List.of("query", "keys", "cores", "values", "preValues", "inputs");

  /** A small UltraMem: lookup of every key, expansion, pre-values, expanded bag, sum of squares. */
  private static SameDiff graph(Random random, DataType type) {
    SameDiff sd = SameDiff.create();
    INDArray coreValues = Elements.uniform(random, type, HEADS, 2, 2, 2);
    SDVariable query = sd.var("query", Elements.uniform(random, type, BATCH, HEADS, 2, 2, 5));
    SDVariable keys = sd.var("keys", Elements.uniform(random, type, HEADS, 2, 2, N, 5));
    SDVariable cores = sd.var("cores", coreValues);
    SDVariable filters = sd.constant("filters", UltraMemOps.tuckerFilters(coreValues, null));
    SDVariable[] top = SDUltraMem.tuckerTopK(sd, "top", query, keys, cores, filters, TOP_K);
    SDVariable[] at = SDUltraMem.expandSlots(sd, "at", top[1], SLOTS, EXPANSION, 7);
    SDVariable slots = at[0].reshape(BATCH, HEADS * TOP_K);
    SDVariable blocks = at[1].reshape(BATCH, HEADS * TOP_K);
    SDVariable preValues = sd.var("preValues", Elements.uniform(random, type, SLOTS, 3));
    SDVariable inputs = sd.var("inputs", Elements.uniform(random, type, BATCH, 3));
    SDVariable dots = SDUltraMem.rowDots(sd, "dots", preValues, slots, inputs);
    SDVariable weights =
        top[0]
            .reshape(BATCH, HEADS * TOP_K, 2)
            .mul("weights", dots.reshape(BATCH, HEADS * TOP_K, 1));
    SDVariable values = sd.var("values", Elements.uniform(random, type, SLOTS, 6));
    SDVariable bag = SDUltraMem.expandedBag(sd, "bag", values, slots, blocks, weights, EXPANSION);
    bag.mul(bag).sum().rename("loss");
    sd.setLossVariables("loss");
    return sd;
  }

  private static INDArray array(SameDiff sd, String name) {
    return sd.getVariable(name).getArr();
  }

  @Test
  void aGraphComputesWhatUltraMemOpsComputes(Random random, @TempDir Path folder) {
    for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
      SameDiff made = graph(random, type);
      java.io.File file = folder.resolve("ultramem.fb").toFile();
      made.save(file, false);
      for (SameDiff sd : List.of(made, SameDiff.load(file, false))) {
        Map<String, INDArray> got =
            sd.output(
                Map.of(),
                "top_scores",
                "top_slots",
                "at_slots",
                "at_blocks",
                "dots",
                "weights",
                "bag");
        UltraMemOps.TuckerTopK top =
            UltraMemOps.tuckerTopK(
                array(sd, "query"),
                array(sd, "keys"),
                array(sd, "cores"),
                array(sd, "filters"),
                TOP_K);
        AssertClose.same("slots", Elements.longs(top.slots()), got.get("top_slots"));
        AssertClose.close("scores", top.scores(), got.get("top_scores"), 1e-4);
        UltraMemOps.ExpandedSlots at = UltraMemOps.expandSlots(top.slots(), SLOTS, EXPANSION, 7);
        AssertClose.same("rows", Elements.longs(at.slots()), got.get("at_slots"));
        AssertClose.same("blocks", Elements.longs(at.blocks()), got.get("at_blocks"));
        INDArray slots = at.slots().reshape(BATCH, -1);
        INDArray dots = UltraMemOps.rowDots(array(sd, "preValues"), slots, array(sd, "inputs"));
        AssertClose.close("dots", dots, got.get("dots"), 1e-5);
        INDArray blocks = at.blocks().reshape(BATCH, -1);
        INDArray bag =
            UltraMemOps.expandedBag(
                array(sd, "values"), slots, blocks, got.get("weights"), EXPANSION);
        AssertClose.close("bag", bag, got.get("bag"), 1e-4);
      }
    }
  }

  /** Every key is a candidate and topK of 16 pairs are kept: drawn until no choice is near. */
  @Test
  void gradientsAgreeWithDifferences(Random random) {
    SameDiff sd = graph(random, DataType.DOUBLE);
    while (nearATie(sd)) {
      sd = graph(random, DataType.DOUBLE);
    }
    SameDiff chosen = sd;
    Map<String, INDArray> gradients =
        sd.calculateGradients(Map.of(), VARIABLES.toArray(String[]::new));
    for (String name : VARIABLES) {
      Differences.assertGradient(
          name,
          array(sd, name),
          gradients.get(name),
          () -> chosen.outputSingle(Map.of(), "loss").getDouble(0));
    }
  }

  private static boolean nearATie(SameDiff sd) {
    INDArray all = Nd4j.create(DataType.DOUBLE, BATCH * HEADS, N * N);
    INDArray query = array(sd, "query");
    double[][][] scores =
        io.github.dl4jmemory.testkit.TuckerOracle.keyScores(query, array(sd, "keys"));
    for (int i = 0; i < BATCH * HEADS; i++) {
      INDArray core = array(sd, "cores").slice(i % HEADS).sum(0);
      for (int s = 0; s < N * N; s++) {
        double sum = 0;
        for (int a = 0; a < 4; a++) {
          sum +=
              core.getDouble(a / 2, a % 2) * scores[i][a / 2][s / N] * scores[i][2 + a % 2][s % N];
        }
        all.putScalar(i, s, sum);
      }
      double[] sorted = Elements.doubles(all.getRow(i));
      java.util.Arrays.sort(sorted);
      if (sorted[N * N - TOP_K] - sorted[N * N - TOP_K - 1] < 1e-3) {
        return true;
      }
    }
    return false;
  }

  @Test
  void layoutsAreThoseOfNd4j(Random random) {
    INDArray query = Elements.uniform(random, DataType.FLOAT, 7, 2, 2, 2, 3);
    INDArray keys = Elements.uniform(random, DataType.FLOAT, 2, 2, 2, 11, 3);
    INDArray cores = Elements.uniform(random, DataType.FLOAT, 2, 2, 2, 2);
    INDArray filters = UltraMemOps.tuckerFilters(cores, null);
    UltraMemOps.TuckerTopK want = UltraMemOps.tuckerTopK(query, keys, cores, filters, 5);
    TuckerTopKOp op =
        new TuckerTopKOp(query.dup('f'), keys.dup('f'), cores.dup('f'), filters.dup('f'), 5);
    INDArray[] got = Nd4j.exec((CustomOp) op);
    AssertClose.same("scores", Elements.doubles(want.scores()), got[0]);
    AssertClose.same("slots", Elements.longs(want.slots()), got[1]);
  }

  @Test
  void badInputIsRefusedWhenTheGraphRuns(Random random) {
    INDArray query = Elements.uniform(random, DataType.FLOAT, 3, 2, 2, 2, 5);
    INDArray keys = Elements.uniform(random, DataType.FLOAT, 2, 2, 2, 7, 5);
    INDArray cores = Elements.uniform(random, DataType.FLOAT, 2, 1, 2, 2);
    INDArray filters = UltraMemOps.tuckerFilters(cores, null);
    assertRuns(
        "[tucker_topk] topK: expected 1 to n = 7, got 8. Fix: choose a smaller topK or more keys.",
        new TuckerTopKOp(query, keys, cores, filters, 8));
    assertRuns(
        "[tucker_topk] cores: expected [2, 1 or more, 2, 2], got [1, 1, 2, 2]. Fix: pass cores of"
            + " [heads, cores, rank, rank].",
        new TuckerTopKOp(query, keys, Nd4j.ones(DataType.FLOAT, 1, 1, 2, 2), filters, 3));
    INDArray nan = query.dup();
    nan.putScalar(new int[] {1, 1, 0, 0, 0}, Float.NaN);
    assertRuns(
        "[tucker_topk] query: expected scores that are numbers, got NaN at batch 1, head 1. Fix:"
            + " look for NaN in query, keys, cores and filters.",
        new TuckerTopKOp(nan, keys, cores, filters, 3));
    INDArray values = Nd4j.ones(DataType.FLOAT, 5, 6);
    INDArray slots = Nd4j.createFromArray(0L, 4L, 5L, 1L).reshape(2, 2);
    INDArray blocks = Nd4j.createFromArray(0L, 2L, 1L, 1L).reshape(2, 2);
    INDArray weights = Nd4j.ones(DataType.FLOAT, 2, 2, 2);
    assertRuns(
        "[expanded_bag] slots: expected 0 to 4, got 5 at flat index 2. Fix: pass the slots that"
            + " expand_slots gave for this table.",
        new ExpandedBagOp(values, slots, blocks, weights, 3));
    assertRuns(
        "[expanded_bag] blocks: expected 0 to 1, got 2 at flat index 1. Fix: pass the blocks that"
            + " expand_slots gave for this table.",
        new ExpandedBagOp(values, slots.sub(1).add(1).mul(0), blocks, weights, 2));
    assertRuns(
        "[expanded_bag] weights: expected cores that divide valueSize = 6, got 4. Fix: choose"
            + " valueSize as a multiple of cores.",
        new ExpandedBagOp(values, slots, blocks, Nd4j.ones(DataType.FLOAT, 2, 2, 4), 3));
    assertRuns(
        "[expand_slots] virtualSlots: expected 0 to 4, got 5 at flat index 2. Fix: use virtualSlots"
            + " inside the table of 5 slots.",
        new ExpandSlotsOp(slots, 5, 1, 3));
    assertRuns(
        "[row_dots] inputs: expected [2, 6], got [2, 5]. Fix: pass inputs of [bags, valueSize].",
        new RowDotsOp(values, slots, Nd4j.ones(DataType.FLOAT, 2, 5)));
  }

  private static void assertRuns(String message, MemoryOp op) {
    Throwable failure = assertThrows(RuntimeException.class, () -> Nd4j.exec((CustomOp) op));
    StringBuilder texts = new StringBuilder();
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      texts.append(cause.getMessage()).append('\n');
    }
    assertTrue(texts.toString().contains(message), () -> message + " is not in\n" + texts);
  }

  @Test
  void argumentsAreChecked() {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, 2);
    SDVariable slots = sd.placeHolder("slots", DataType.INT64, -1, 2);
    SDVariable other = SameDiff.create().placeHolder("x", DataType.FLOAT, -1, 2);
    refuses(
        "[tucker_topk] topK: expected 1 or more, got 0. Fix: check the configuration",
        () -> SDUltraMem.tuckerTopK(sd, "a", x, x, x, x, 0));
    refuses(
        "[tucker_topk] filters: expected a value, got null. Fix: pass one",
        () -> SDUltraMem.tuckerTopK(sd, "a", x, x, x, null, 1));
    refuses(
        "[expand_slots] expansion: expected 1 or more, got 0. Fix: check the configuration",
        () -> SDUltraMem.expandSlots(sd, "a", slots, 5, 0, 1));
    refuses(
        "[expand_slots] input 0: expected LONG or INT, got FLOAT. Fix: cast it with castTo(..)",
        () -> SDUltraMem.expandSlots(sd, "b", x, 5, 1, 1));
    refuses(
        "[expanded_bag] name: expected a value, got null. Fix: pass one",
        () -> SDUltraMem.expandedBag(sd, null, x, slots, slots, x, 1));
    refuses(
        "[row_dots] inputs: expected a variable of this graph, got one of another. Fix: make it"
            + " with this SameDiff",
        () -> SDUltraMem.rowDots(sd, "a", x, slots, other));
  }

  private static void refuses(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }
}
