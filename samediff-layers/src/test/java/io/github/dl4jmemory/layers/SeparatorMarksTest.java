package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Flags of separators, and the places in their segments. */
@ExtendWith(Seeded.class)
class SeparatorMarksTest {

  private static final SeparatorMarks MARKS =
      SeparatorMarks.builder().separators(13, 11, 198, 11).build();
  private static final SegmentPositions PLACES = SegmentPositions.builder().positions(9).build();

  private static LayerRuntime<?> runtime(DefinedLayer layer) {
    return Runtimes.of(layer, DataType.FLOAT, new Random(1));
  }

  private static INDArray activate(LayerRuntime<?> runtime, INDArray x) {
    return runtime.activate(x, false, LayerWorkspaceMgr.noWorkspaces());
  }

  @Test
  void separatorsAreToldByTheirIds() {
    assertArrayEquals(new int[] {11, 13, 198}, MARKS.getSeparators());
    INDArray ids = Nd4j.createFromArray(new int[][] {{5, 13, 12}, {198, 0, 11}});
    double[] expected = {0, 1, 0, 1, 0, 1};
    LayerRuntime<?> runtime = runtime(MARKS);
    for (DataType type : List.of(DataType.INT32, DataType.INT64, DataType.FLOAT, DataType.DOUBLE)) {
      INDArray cast = ids.castTo(type);
      for (INDArray shaped : List.of(cast, cast.reshape(2, 3, 1), cast.reshape(2, 1, 3))) {
        INDArray out = activate(runtime, shaped);
        assertArrayEquals(new long[] {2, 3, 1}, out.shape());
        AssertClose.same(type.toString(), expected, out);
      }
    }
    INDArray gradient =
        runtime
            .backpropGradient(ids.castTo(DataType.FLOAT), LayerWorkspaceMgr.noWorkspaces())
            .getSecond();
    AssertClose.same("gradient", new double[6], gradient);
    assertEquals(0, runtime.numParams());
    assertArrayEquals(
        new int[] {11, 13, 198},
        ((SeparatorMarks) runtime.clone().conf().getLayer()).getSeparators());
  }

  @Test
  void maskedTokensAreNoSeparators() {
    LayerRuntime<?> runtime = runtime(MARKS);
    runtime.setMaskArray(Nd4j.createFromArray(new float[][] {{0, 1, 1}, {1, 1, 0}}));
    INDArray ids = Nd4j.createFromArray(new float[][] {{13, 13, 12}, {198, 0, Float.NaN}});
    AssertClose.same("flags", new double[] {0, 1, 0, 1, 0, 0}, activate(runtime, ids));
    LayerRuntime<?> ofZero = runtime(SeparatorMarks.builder().separators(0).build());
    ofZero.setMaskArray(Nd4j.createFromArray(new float[][] {{0, 1, 1}}));
    INDArray zeros = Nd4j.zeros(DataType.FLOAT, 1, 3);
    AssertClose.same("flags of 0", new double[] {0, 1, 1}, activate(ofZero, zeros));
  }

  /** "ABC,DE.FG" and a line break: a separator is the last token of its segment. */
  @Test
  void bilevelPositions() {
    INDArray flags = Nd4j.createFromArray(new float[][] {{0, 0, 0, 1, 0, 0, 1, 0, 0, 1}});
    double[] places = {0, 1, 2, 3, 0, 1, 2, 0, 1, 2};
    AssertClose.same("intra", places, activate(runtime(PLACES), flags));
    byte[] kinds = SeparatorFlags.read("flags", flags, null);
    assertArrayEquals(new int[] {0, 0, 0, 0, 1, 1, 1, 2, 2, 2}, SeparatorFlags.segments(kinds, 10));
  }

  @Test
  void rowsOfABatchBeginAnewAndPaddingIsNotCounted() {
    LayerRuntime<?> runtime = runtime(PLACES);
    runtime.setMaskArray(Nd4j.createFromArray(new float[][] {{1, 1, 1, 1, 0}, {0, 0, 1, 1, 1}}));
    INDArray flags = Nd4j.createFromArray(new float[][] {{0, 1, 0, 0, 1}, {1, 7, 0, 1, 0}});
    AssertClose.same(
        "intra", new double[] {0, 1, 0, 1, 0, 0, 0, 0, 1, 0}, activate(runtime, flags));
    byte[] kinds = {0, 1, 0, 0, 2, 2, 2, 0, 1, 0};
    assertArrayEquals(new int[] {0, 0, 1, 1, 1, 0, 0, 0, 0, 1}, SeparatorFlags.segments(kinds, 5));
  }

  @Test
  void definitionsAreEqual(Random random) {
    INDArray ids = Elements.slots(random, 17, 3, 7);
    INDArray mask = Elements.slots(random, 3, 3, 7).gt(0).castTo(DataType.FLOAT);
    for (INDArray of : new INDArray[] {null, mask}) {
      for (INDArray x : List.of(ids, ids.castTo(DataType.FLOAT), ids.reshape(3, 7, 1))) {
        INDArray flags = check(MARKS, x.castTo(DataType.FLOAT), of);
        check(PLACES, flags, of);
      }
    }
  }

  private static INDArray check(TokenMark layer, INDArray x, INDArray mask) {
    LayerRuntime<?> runtime = runtime(layer);
    runtime.setMaskArray(mask);
    INDArray expected = activate(runtime, x);
    SameDiff sd = SameDiff.create();
    SDVariable masked = mask == null ? null : sd.constant("mask", mask);
    INDArray out = layer.defineLayer(sd, sd.constant("x", x), Map.of(), masked).eval();
    assertArrayEquals(expected.shape(), out.shape());
    AssertClose.same(layer.title(), Elements.doubles(expected), out);
    return expected;
  }

  @Test
  void refusals() {
    String fix = " Fix: pass the ids that the tokenizer gives to . , ? ! ; : and so on.";
    refused(
        "[SeparatorMarks] separators: expected at least one token id, got none." + fix,
        () -> SeparatorMarks.builder().separators());
    refused(
        "[SeparatorMarks] separators: expected token ids of 0 or more, got -1." + fix,
        () -> SeparatorMarks.builder().separators(7, -1));
    refused(
        "[SeparatorMarks] separators: expected at least one token id, got none. Fix: call"
            + " separators(...).",
        () -> SeparatorMarks.builder().build());
    refused(
        "[SeparatorMarks (layer 0)] input: expected token ids [batch, time], [batch, time, 1] or"
            + " [batch, 1, time], got FLOAT array (shape [2, 3, 4]). Fix: pass ids, not one-hot"
            + " vectors or embeddings.",
        () -> activate(runtime(MARKS), Nd4j.zeros(DataType.FLOAT, 2, 3, 4)));
    refused(
        "[SeparatorMarks (layer 0)] input: expected whole numbers from 0 to 2147483646, got -1.0 at"
            + " token 1 of INT array (shape [1, 2]). Fix: check the tokenizer's vocabulary, and"
            + " mask padding.",
        () -> activate(runtime(MARKS), Nd4j.createFromArray(new int[][] {{3, -1}})));
    refused(
        "[SegmentPositions] positions: expected a positive number, got 0. Fix: use the length of"
            + " the training sequences.",
        () -> SegmentPositions.builder().positions(0));
    refused(
        "[SegmentPositions] positions: expected a positive number, got 0. Fix: call"
            + " positions(...).",
        () -> SegmentPositions.builder().build());
    refused(
        "[SegmentPositions (layer 0)] input: expected segments of at most 9 tokens, got a longer"
            + " one, at token 9. Fix: set positions(...) and the TokenEmbedding behind to the"
            + " longest sequence.",
        () -> activate(runtime(PLACES), Nd4j.zeros(DataType.FLOAT, 1, 12)));
    refused(
        "[SegmentPositions (layer 0)] separator flag: expected 0 or 1, got 13.0 at token 1. Fix:"
            + " pass the flags of a SeparatorMarks layer.",
        () -> activate(runtime(PLACES), Nd4j.createFromArray(new float[][] {{0, 13}})));
    refused(
        "[SegmentPositions (layer 0)] input: expected the flags of separators [batch, time],"
            + " [batch, time, 1] or [batch, 1, time], got FLOAT array (shape [1, 2, 3]). Fix: put"
            + " this layer behind SeparatorMarks.",
        () -> activate(runtime(PLACES), Nd4j.zeros(DataType.FLOAT, 1, 2, 3)));
  }

  private static void refused(String message, Runnable action) {
    IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class, action::run);
    assertEquals(message, refusal.getMessage());
  }
}
