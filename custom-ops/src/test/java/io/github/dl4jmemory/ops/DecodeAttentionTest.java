package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.DecodeOracle;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.INDArrayIndex;
import org.nd4j.linalg.indexing.NDArrayIndex;

@ExtendWith(Seeded.class)
class DecodeAttentionTest {

  /** One cache of random numbers, and what a token should get from it. */
  private static final class Case {
    final DecodeInput in;
    final INDArray weights;
    final INDArray out;
    private final DecodeOracle oracle;

    /** rotary: 0 for none. */
    Case(
        Random random,
        DataType type,
        int heads,
        int groups,
        int capacity,
        int size,
        int rotary,
        long... counts) {
      int batch = counts.length;
      in =
          new DecodeInput(
              Elements.uniform(random, type, batch, heads, size).muli(3),
              Elements.uniform(random, type, batch, groups, capacity, size),
              Elements.uniform(random, type, batch, groups, capacity, size),
              Nd4j.createFromArray(counts),
              rotary == 0 ? null : angles(rotary, capacity, true).castTo(type),
              rotary == 0 ? null : angles(rotary, capacity, false).castTo(type));
      oracle =
          new DecodeOracle(
              in.query(), in.keys(), in.values(), in.counts(), in.cosines(), in.sines());
      weights = Nd4j.valueArrayOf(new long[] {batch, heads, capacity}, 7.0, type);
      out = Elements.uniform(random, type, batch, heads, size);
    }

    private static INDArray angles(int rotary, int capacity, boolean cosine) {
      INDArray table = Nd4j.create(DataType.DOUBLE, capacity, rotary / 2);
      for (int j = 0; j < capacity; j++) {
        for (int i = 0; i < rotary / 2; i++) {
          double angle = j * Math.pow(10000, -2.0 * i / rotary);
          table.putScalar(j, i, cosine ? Math.cos(angle) : Math.sin(angle));
        }
      }
      return table;
    }

    void assertRight() {
      double tolerance = AssertClose.tolerance(in.query().dataType(), in.capacity(), 8);
      AssertClose.close("out", oracle.out(), out, tolerance);
      double[] expected = Elements.doubles(Nd4j.valueArrayOf(weights.shape(), 7.0));
      for (int b = 0; b < in.batch(); b++) {
        for (int h = 0; h < in.heads(); h++) {
          double[] p = oracle.weights(b, h);
          int at = (int) ((b * in.heads() + h) * in.capacity());
          System.arraycopy(p, 0, expected, at, p.length);
        }
      }
      AssertClose.close("weights", expected, weights, tolerance);
    }

    void assertRight(Kernels kernels) {
      assertEquals(Kernels.OK, kernels.decode().attend(in, weights, out));
      assertRight();
    }
  }

  @Test
  void headSizesGroupsAndRotation(Random random) {
    Tiers.each(
        (kernels, type) -> {
          new Case(random, type, 1, 1, 1, 1, 0, 1).assertRight(kernels);
          new Case(random, type, 2, 2, 67, 17, 6, 67, 0, 13).assertRight(kernels);
          new Case(random, type, 6, 3, 131, 16, 16, 131, 1).assertRight(kernels);
          new Case(random, type, 3, 1, 97, 5, 4, 2, 97, 64, 0, 65).assertRight(kernels);
          new Case(random, type, 8, 2, 149, 67, 0, 129, 149).assertRight(kernels);
          new Case(random, type, 7, 1, 71, 40, 34, 71).assertRight(kernels);
        });
  }

  /** So many bytes that several threads take part. */
  @Test
  void manyRows(Random random) {
    Tiers.each(
        (kernels, type) ->
            new Case(random, type, 4, 4, 311, 61, 30, 311, 307, 0, 293, 311, 5, 311)
                .assertRight(kernels));
  }

  @Test
  void extremeScores(Random random) {
    Tiers.each(
        (kernels, type) -> {
          Case broken = new Case(random, type, 1, 1, 11, 3, 0, 7, 11);
          broken.in.keys().putScalar(new int[] {0, 0, 6, 1}, Double.NaN);
          broken.in.keys().putScalar(new int[] {1, 0, 3, 1}, 1e4); // its exponential overflows
          broken.in.query().putScalar(new int[] {1, 0, 1}, 3);
          broken.in.keys().putScalar(new int[] {0, 0, 9, 0}, Double.NaN); // beyond the count
          kernels.decode().attend(broken.in, broken.weights, broken.out);
          assertEquals(Double.NaN, broken.out.getDouble(0, 0, 0));
          AssertClose.close(
              "out",
              Elements.doubles(
                  broken.in.values().get(at(1), at(0), at(3), NDArrayIndex.all()).reshape(3)),
              broken.out.get(at(1), at(0), NDArrayIndex.all()).reshape(3),
              1e-6);
        });
  }

  private static INDArrayIndex at(long index) {
    return NDArrayIndex.point(index);
  }

  /** Query and out may be views; an INT count is cast; a table may be longer than the cache. */
  @Test
  void throughThePublicDoor(Random random) {
    Case plain = new Case(random, DataType.FLOAT, 4, 2, 53, 6, 0, 53, 17);
    INDArray query = plain.in.query().permute(2, 0, 1).dup('c').permute(1, 2, 0);
    MemoryOps.decodeAttention(
        query,
        plain.in.keys(),
        plain.in.values(),
        plain.in.counts().castTo(DataType.INT32),
        plain.weights,
        plain.out);
    plain.assertRight();
    Case turned = new Case(random, DataType.DOUBLE, 4, 2, 53, 6, 4, 53, 17);
    INDArray out = Nd4j.create(DataType.DOUBLE, 4, 2, 6).permute(1, 0, 2);
    MemoryOps.decodeAttention(
        turned.in.query(),
        turned.in.keys(),
        turned.in.values(),
        turned.in.counts(),
        Case.angles(4, 59, true),
        Case.angles(4, 59, false),
        turned.weights,
        out);
    turned.out.assign(out);
    turned.assertRight();
  }

  /** The weight of a key depends on its distance from the token alone. */
  @Test
  void onlyDistancesCount(Random random) {
    Case one = new Case(random, DataType.DOUBLE, 1, 1, 5, 6, 6, 5);
    MemoryOps.decodeAttention(
        one.in.query(),
        one.in.keys(),
        one.in.values(),
        one.in.counts(),
        one.in.cosines(),
        one.in.sines(),
        one.weights,
        one.out);
    // The same five keys, three places further on, behind three that have no part.
    Case far = new Case(random, DataType.DOUBLE, 1, 1, 8, 6, 6, 8);
    for (int j = 0; j < 8; j++) {
      for (int i = 0; i < 6; i++) {
        double key = j < 3 ? 0 : one.in.keys().getDouble(0, 0, j - 3, i);
        far.in.keys().putScalar(new int[] {0, 0, j, i}, key);
      }
    }
    far.in.query().assign(one.in.query());
    MemoryOps.decodeAttention(
        far.in.query(),
        far.in.keys(),
        far.in.values(),
        far.in.counts(),
        far.in.cosines(),
        far.in.sines(),
        far.weights,
        far.out);
    for (int j = 1; j < 5; j++) {
      assertEquals(
          one.weights.getDouble(0, 0, j) / one.weights.getDouble(0, 0, 0),
          far.weights.getDouble(0, 0, j + 3) / far.weights.getDouble(0, 0, 3),
          1e-12,
          "key " + j);
    }
  }

  @Test
  void emptyBatch() {
    INDArray query = Nd4j.create(DataType.FLOAT, 0, 2, 3);
    INDArray cache = Nd4j.create(DataType.FLOAT, 0, 1, 5, 3);
    MemoryOps.decodeAttention(
        query,
        cache,
        Nd4j.create(DataType.FLOAT, 0, 1, 5, 3),
        Nd4j.create(DataType.INT64, 0),
        Nd4j.create(DataType.FLOAT, 0, 2, 5),
        Nd4j.create(DataType.FLOAT, 0, 2, 3));
  }
}
