package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.AttentionOracle;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

@ExtendWith(Seeded.class)
class SeparatorAttentionTest {

  /** One attention of random numbers, and what it should give. */
  private static final class Case {
    final AttentionInput in;
    final AttentionOracle oracle;
    final INDArray out;
    final INDArray logSums;
    final INDArray outGradients;

    /** kinds: a string of . token, s separator, p padding for each example. */
    Case(
        Random random,
        DataType type,
        int heads,
        int groups,
        int size,
        int a,
        int n,
        String... kinds) {
      int batch = kinds.length;
      int time = kinds[0].length();
      in =
          new AttentionInput(
              Elements.uniform(random, type, batch, time, heads, size).muli(3),
              Elements.uniform(random, type, batch, time, groups, size),
              Elements.uniform(random, type, batch, time, groups, size),
              kinds(kinds),
              a,
              n);
      oracle = new AttentionOracle(in.query(), in.keys(), in.values(), in.kinds(), a, n);
      out = Elements.uniform(random, type, batch, time, heads, size);
      logSums = Elements.uniform(random, type, batch, heads, time);
      outGradients = Elements.uniform(random, type, batch, time, heads, size);
    }

    void assertRight(Kernels kernels) {
      double tolerance = AssertClose.tolerance(in.query().dataType(), in.time(), 8);
      AttentionKernels attention = kernels.attention();
      assertEquals(Kernels.OK, attention.forward(in, out, logSums));
      AssertClose.close("out", oracle.out(), out, tolerance);
      INDArray[] results = {in.query().ulike(), in.keys().ulike(), in.values().ulike()};
      assertEquals(
          Kernels.OK,
          attention.backward(in, out, logSums, outGradients, results[0], results[1], results[2]));
      double[][] expected = oracle.gradients(outGradients);
      String[] names = {"query gradient", "key gradient", "value gradient"};
      for (int i = 0; i < names.length; i++) {
        AssertClose.close(names[i], expected[i], results[i], tolerance * 4);
      }
    }
  }

  private static INDArray kinds(String... examples) {
    INDArray kinds = Nd4j.create(DataType.INT8, examples.length, examples[0].length());
    for (int b = 0; b < examples.length; b++) {
      for (int i = 0; i < examples[b].length(); i++) {
        kinds.putScalar(b, i, ".sp".indexOf(examples[b].charAt(i)));
      }
    }
    return kinds;
  }

  private static String random(Random random, int time, int separatorPercent) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < time; i++) {
      text.append(random.nextInt(100) < separatorPercent ? 's' : '.');
    }
    return text.toString();
  }

  /** Windows around the tiles of the kernels, from one token to all. */
  @Test
  void windowsOfAllSizes(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (int n : new int[] {1, 2, 23, 29, 97, 149, 1000}) {
            new Case(random, type, 2, 1, 5, 3, n, random(random, 149, 12)).assertRight(kernels);
          }
        });
  }

  @Test
  void headSizesAndGroupsOfHeads(Random random) {
    Tiers.each(
        (kernels, type) -> {
          int[][] shapes = {{1, 1, 1}, {6, 3, 17}, {4, 4, 16}, {5, 1, 2}, {3, 3, 67}};
          for (int[] s : shapes) {
            String[] kinds = {random(random, 53, 20), random(random, 53, 5)};
            new Case(random, type, s[0], s[1], s[2], 2, 7, kinds).assertRight(kernels);
          }
        });
  }

  /**
   * Left, right and inner padding; rows with other separators; initial tokens after the padding.
   */
  @Test
  void padding(Random random) {
    Tiers.each(
        (kernels, type) ->
            new Case(
                    random,
                    type,
                    2,
                    2,
                    3,
                    2,
                    3,
                    "ppp..s...s....s....",
                    "..s...s.......ppppp",
                    "..p..s.pp..s...p..p",
                    "ppppppppppppppppppp",
                    "sssssssssssssssssss",
                    "...................")
                .assertRight(kernels));
  }

  @Test
  void oneTokenAndNoInitialTokens(Random random) {
    Tiers.each(
        (kernels, type) -> {
          new Case(random, type, 1, 1, 1, 0, 1, ".").assertRight(kernels);
          new Case(random, type, 2, 1, 3, 0, 1, "....s..").assertRight(kernels);
          new Case(random, type, 2, 1, 3, 50, 1, "....s..").assertRight(kernels);
        });
  }

  /** Many blocks, tiles and threads: more than 2 x 96 gathered keys. */
  @Test
  void longSequences(Random random) {
    Tiers.each(
        (kernels, type) ->
            new Case(random, type, 1, 1, 2, 3, 31, random(random, 709, 40)).assertRight(kernels));
  }

  /** "ABC,DE.FG" and a line break, the text of figure 3, with a = 2 and n = 3: 45 of 55 pairs. */
  @Test
  void keysSeenOfFigureThree() {
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
    INDArray any = Nd4j.create(1, 10, 1, 1);
    AttentionInput in = new AttentionInput(any, any, any, kinds("...s..s..s"), 2, 3);
    VisibleKeys visible = new VisibleKeys(in);
    visible.load(0);
    AttentionOracle oracle = new AttentionOracle(any, any, any, in.kinds(), 2, 3);
    for (int i = 0; i < 10; i++) {
      int query = i;
      int count = visible.of(i);
      assertEquals(
          expected[i],
          IntStream.range(0, count).map(visible::at).sorted().boxed().toList().toString());
      assertEquals(
          expected[i],
          IntStream.range(0, 10).filter(j -> oracle.sees(0, query, j)).boxed().toList().toString());
    }
  }

  /** Initial tokens and a window alone: 135,005 of the 2,098,176 pairs of 2048 tokens. */
  @Test
  void pairsWithoutSeparators() {
    INDArray any = Nd4j.create(1, 2048, 1, 1);
    VisibleKeys visible =
        new VisibleKeys(new AttentionInput(any, any, any, kinds(".".repeat(2048)), 3, 64));
    visible.load(0);
    assertEquals(135_005, IntStream.range(0, 2048).map(visible::of).sum());
  }

  /** The same counted by the kernels: queries of zero weigh all alike, so the sums are counts. */
  @Test
  void pairsThatTheKernelsSum() {
    Tiers.each(
        (kernels, type) -> {
          int[][] expected = {{64, 135_005}, {2048, 2_098_176}, {5000, 2_098_176}};
          for (int[] pairs : expected) {
            INDArray any = Nd4j.zeros(type, 1, 2048, 1, 1);
            AttentionInput in =
                new AttentionInput(any, any, any, kinds(".".repeat(2048)), 3, pairs[0]);
            INDArray logSums = Nd4j.create(type, 1, 1, 2048);
            assertEquals(Kernels.OK, kernels.attention().forward(in, any.ulike(), logSums));
            double sum = 0;
            for (double logSum : Elements.doubles(logSums)) {
              sum += Math.exp(logSum);
            }
            assertEquals(pairs[1], sum, 1);
          }
        });
  }

  /** Scores that overflow exponentials, and NaN, which must not be hidden. */
  @Test
  void extremeScores(Random random) {
    Tiers.each(
        (kernels, type) -> {
          Case large = new Case(random, type, 1, 1, 3, 1, 5, random(random, 61, 20));
          large.in.query().muli(300);
          AttentionOracle oracle =
              new AttentionOracle(
                  large.in.query(), large.in.keys(), large.in.values(), large.in.kinds(), 1, 5);
          assertEquals(Kernels.OK, kernels.attention().forward(large.in, large.out, large.logSums));
          AssertClose.close("out", oracle.out(), large.out, AssertClose.tolerance(type, 61, 300));
          Case broken = new Case(random, type, 1, 1, 3, 1, 5, "......p....");
          broken.in.query().putScalar(new int[] {0, 4, 0, 1}, Double.NaN);
          broken.in.keys().putScalar(new int[] {0, 6, 0, 1}, Double.NaN); // padding: not read
          broken.in.values().putScalar(new int[] {0, 6, 0, 1}, Double.NaN);
          kernels.attention().forward(broken.in, broken.out, broken.logSums);
          for (int i = 0; i < 11; i++) {
            assertEquals(
                i == 4, Double.isNaN(broken.out.getDouble(0, i, 0, 0)), "query " + i + " is NaN");
          }
        });
  }

  @Test
  void gradientIsThatOfTheOutput(Random random) {
    Case c = new Case(random, DataType.DOUBLE, 4, 2, 3, 2, 4, "p..s....s.s..", "..s...s...s.p");
    AttentionInput in = c.in;
    MemoryOps.separatorAttention(
        in.query(), in.keys(), in.values(), in.kinds(), 2, 4, c.out, c.logSums);
    INDArray[] d = {in.query().ulike(), in.keys().ulike(), in.values().ulike()};
    MemoryOps.separatorAttentionGradient(
        in.query(),
        in.keys(),
        in.values(),
        in.kinds(),
        2,
        4,
        c.out,
        c.logSums,
        c.outGradients,
        d[0],
        d[1],
        d[2]);
    INDArray[] of = {in.query(), in.keys(), in.values()};
    INDArray out = c.out.ulike();
    INDArray logSums = c.logSums.ulike();
    for (int i = 0; i < of.length; i++) {
      Differences.assertGradient(
          "argument " + i,
          of[i],
          d[i],
          () -> {
            MemoryOps.separatorAttention(
                in.query(), in.keys(), in.values(), in.kinds(), 2, 4, out, logSums);
            return out.mul(c.outGradients).sumNumber().doubleValue();
          });
    }
  }

  /** Views of any strides are the same to the operation. */
  @Test
  void permutedArrays(Random random) {
    Case c = new Case(random, DataType.FLOAT, 2, 1, 3, 2, 4, "...s....s.s..", "..s...s...s..");
    AttentionInput in = c.in;
    INDArray out = Nd4j.create(DataType.FLOAT, 2, 2, 13, 3).permute(0, 2, 1, 3);
    INDArray query = in.query().permute(0, 2, 1, 3).dup('c').permute(0, 2, 1, 3);
    MemoryOps.separatorAttention(
        query, in.keys(), in.values(), in.kinds().dup('f'), 2, 4, out, c.logSums);
    AssertClose.close("out", c.oracle.out(), out, 1e-5);
    assertTrue(!Dense.contiguous(out), "a view");
  }
}
