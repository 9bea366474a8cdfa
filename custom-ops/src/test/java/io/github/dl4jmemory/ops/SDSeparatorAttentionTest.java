package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.AttentionOracle;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
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
class SDSeparatorAttentionTest {
  private static final int BATCH = 2;
  private static final int TIME = 13;
  private static final int HEADS = 4;
  private static final int GROUPS = 2;
  private static final int SIZE = 3;
  private static final int INITIAL = 2;
  private static final int WINDOW = 4;
  private static final List<String> VARIABLES = List.of("query", "keys", "values");

  private static INDArray kinds(Random random) {
    INDArray kinds = Elements.slots(random, 3, BATCH, TIME).castTo(DataType.INT8);
    return kinds.putScalar(0, 0, 2).putScalar(1, 0, 0);
  }

  private static SameDiff graph(Random random, DataType type) {
    SameDiff sd = SameDiff.create();
    SDVariable query = sd.var("query", Elements.uniform(random, type, BATCH, TIME, HEADS, SIZE));
    SDVariable keys = sd.var("keys", Elements.uniform(random, type, BATCH, TIME, GROUPS, SIZE));
    SDVariable values = sd.var("values", Elements.uniform(random, type, BATCH, TIME, GROUPS, SIZE));
    SDVariable kinds = sd.constant("kinds", kinds(random));
    SDVariable out =
        SDMemory.separatorAttention(sd, "out", query, keys, values, kinds, INITIAL, WINDOW);
    out.mul(out).sum().rename("loss");
    sd.setLossVariables("loss");
    return sd;
  }

  private static INDArray array(SameDiff sd, String name) {
    return sd.getVariable(name).getArr();
  }

  private static AttentionOracle oracle(SameDiff sd) {
    return new AttentionOracle(
        array(sd, "query"),
        array(sd, "keys"),
        array(sd, "values"),
        array(sd, "kinds"),
        INITIAL,
        WINDOW);
  }

  @Test
  void aGraphComputesWhatTheOracleDoesAlsoSavedAndLoaded(Random random, @TempDir Path folder) {
    for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
      SameDiff made = graph(random, type);
      File file = folder.resolve("attention.fb").toFile();
      made.save(file, false);
      double tolerance = AssertClose.tolerance(type, TIME, 8);
      for (SameDiff sd : List.of(made, SameDiff.load(file, false))) {
        INDArray out = sd.outputSingle(Map.of(), "out");
        AssertClose.close("out", oracle(sd).out(), out, tolerance);
        Map<String, INDArray> got = sd.calculateGradients(Map.of(), VARIABLES);
        double[][] expected = oracle(sd).gradients(out.mul(2));
        for (int i = 0; i < VARIABLES.size(); i++) {
          String name = VARIABLES.get(i);
          AssertClose.close(name, expected[i], got.get(name), 8 * tolerance);
        }
      }
    }
  }

  @Test
  void gradientsAgreeWithDifferences(Random random) {
    SameDiff sd = graph(random, DataType.DOUBLE);
    Map<String, INDArray> gradients = sd.calculateGradients(Map.of(), VARIABLES);
    for (String name : VARIABLES) {
      Differences.assertGradient(
          name,
          array(sd, name),
          gradients.get(name),
          () -> sd.outputSingle(Map.of(), "loss").getDouble(0));
    }
  }

  /**
   * What "ABC,DE.FG" and a line break see, with 2 initial tokens and a window of 3: keys of zero
   * weigh all that is seen alike, and unit values tell who that is.
   */
  @Test
  void tokensSeen() {
    INDArray zeros = Nd4j.zeros(DataType.FLOAT, 1, 10, 1, 10);
    INDArray units = Nd4j.eye(10).castTo(DataType.FLOAT).reshape(1, 10, 1, 10);
    INDArray kinds = Nd4j.createFromArray(new byte[] {0, 0, 0, 1, 0, 0, 1, 0, 0, 1}).reshape(1, 10);
    SameDiff sd = SameDiff.create();
    SDVariable out =
        SDMemory.separatorAttention(
            sd,
            "out",
            sd.constant(zeros),
            sd.constant(zeros.dup()),
            sd.constant(units),
            sd.constant(kinds),
            2,
            3);
    INDArray weights = out.eval().reshape(10, 10);
    String[] expected = {
      "[0]",
      "[0, 1]",
      "[0, 1, 2]",
      "[0, 1, 2, 3]",
      "[0, 1, 2, 3, 4]",
      "[0, 1, 3, 4, 5]",
      "[0, 1, 3, 4, 5, 6]",
      "[0, 1, 3, 5, 6, 7]",
      "[0, 1, 3, 6, 7, 8]",
      "[0, 1, 3, 6, 7, 8, 9]"
    };
    for (int i = 0; i < 10; i++) {
      int query = i;
      List<Integer> seen =
          IntStream.range(0, 10).filter(j -> weights.getDouble(query, j) > 0).boxed().toList();
      assertEquals(expected[i], seen.toString());
      assertEquals(1.0 / seen.size(), weights.getDouble(i, seen.get(0)), 1e-6);
    }
  }

  @Test
  void layoutsAreThoseOfNd4j(Random random) {
    SameDiff sd = graph(random, DataType.FLOAT);
    UnaryOperator<INDArray> layout = array -> array.dup('f');
    INDArray[] in = {
      layout.apply(array(sd, "query")),
      layout.apply(array(sd, "keys")),
      layout.apply(array(sd, "values")),
      layout.apply(array(sd, "kinds"))
    };
    INDArray[] got = Nd4j.exec((CustomOp) new SeparatorAttentionOp(in, INITIAL, WINDOW));
    AssertClose.close("out", oracle(sd).out(), got[0], 1e-5);
    INDArray gradient = Elements.uniform(random, DataType.FLOAT, BATCH, TIME, HEADS, SIZE);
    INDArray[] all = {
      in[0], in[1], in[2], in[3], layout.apply(got[0]), layout.apply(got[1]), layout.apply(gradient)
    };
    INDArray[] back = Nd4j.exec((CustomOp) new SeparatorAttentionGradientOp(all, INITIAL, WINDOW));
    double[][] expected = oracle(sd).gradients(gradient);
    for (int i = 0; i < expected.length; i++) {
      AssertClose.close(VARIABLES.get(i), expected[i], back[i], 1e-4);
    }
  }

  @Test
  void badInputIsRefusedWhenTheGraphRuns() {
    INDArray query = Nd4j.ones(DataType.FLOAT, 2, 5, 6, 3);
    INDArray keys = Nd4j.ones(DataType.FLOAT, 2, 5, 2, 3);
    INDArray kinds = Nd4j.zeros(DataType.INT8, 2, 5);
    assertRuns(
        "keys: expected keyValueHeads that divide the heads of query [2, 5, 6, 3], got [2, 5, 4,"
            + " 3]. Fix: pass keys of as many heads, or of a part of them.",
        forward(query, Nd4j.ones(DataType.FLOAT, 2, 5, 4, 3), kinds));
    assertRuns(
        "keys: expected batch, time and headSize of query [2, 5, 6, 3], got [2, 4, 2, 3]. Fix:"
            + " pass keys of [batch, time, keyValueHeads, headSize].",
        forward(query, Nd4j.ones(DataType.FLOAT, 2, 4, 2, 3), kinds));
    assertRuns(
        "keys: expected FLOAT as query, got DOUBLE (shape [2, 5, 2, 3]). Fix: cast both to one"
            + " type, FLOAT or DOUBLE.",
        forward(query, keys.castTo(DataType.DOUBLE), kinds));
    assertRuns(
        "kinds: expected BYTE, got INT (shape [2, 5]). Fix: cast kinds to BYTE.",
        forward(query, keys, kinds.castTo(DataType.INT32)));
    assertRuns(
        "kinds: expected batch and time of query [2, 5, 6, 3], got [5, 2]. Fix: pass kinds of"
            + " [batch, time].",
        forward(query, keys, kinds.reshape(5, 2)));
    assertRuns(
        "kinds: expected 0 (a token), 1 (a separator) or 2 (padding), got 3 at flat index 7. Fix:"
            + " pass such numbers.",
        forward(query, keys, kinds.dup().putScalar(1, 2, 3)));
    INDArray logSums = Nd4j.ones(DataType.FLOAT, 2, 6, 4);
    INDArray[] all = {query, keys, keys.dup(), kinds, query.dup(), logSums, query.dup()};
    assertRuns(
        "[separator_attention_bp] logSums: expected batch, heads and time of query [2, 5, 6, 3],"
            + " got [2, 6, 4]. Fix: pass logSums as separator_attention gave them.",
        new SeparatorAttentionGradientOp(all, 1, 1));
  }

  private static MemoryOp forward(INDArray query, INDArray keys, INDArray kinds) {
    return new SeparatorAttentionOp(new INDArray[] {query, keys, keys.dup(), kinds}, 3, 4);
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
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, -1, 2, 3);
    SDVariable kinds = sd.placeHolder("kinds", DataType.INT8, -1, -1);
    SDVariable other = SameDiff.create().placeHolder("x", DataType.INT8, -1, -1);
    refuses(
        "initial: expected a number >= 0, got -1. Fix: pass 3, or 0 for none",
        () -> SDMemory.separatorAttention(sd, "a", x, x, x, kinds, -1, 1));
    refuses(
        "window: expected a number >= 1, the token itself being one, got 0. Fix: pass 64, or time"
            + " for dense attention",
        () -> SDMemory.separatorAttention(sd, "a", x, x, x, kinds, 0, 0));
    refuses(
        "kinds: expected a variable of this graph, got one of another. Fix: make it with this"
            + " SameDiff",
        () -> SDMemory.separatorAttention(sd, "a", x, x, x, other, 0, 1));
    refuses(
        "input 3: expected BYTE, got FLOAT. Fix: cast it with castTo(..)",
        () -> SDMemory.separatorAttention(sd, "a", x, x, x, x, 0, 1));
  }

  private static void refuses(String message, Executable call) {
    assertEquals(
        "[separator_attention] " + message,
        assertThrows(IllegalArgumentException.class, call).getMessage());
  }
}
