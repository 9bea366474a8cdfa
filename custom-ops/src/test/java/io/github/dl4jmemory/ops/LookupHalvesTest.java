package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.ProductKeyOracle;
import io.github.dl4jmemory.testkit.ProductKeyOracle.Hit;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** The lookup in parts: the best of one half, and the merge of two. */
@ExtendWith(Seeded.class)
class LookupHalvesTest {

  private static Kernels.Half room(DataType type, long... shape) {
    return new Kernels.Half(Nd4j.create(type, shape), Nd4j.create(DataType.INT64, shape));
  }

  private static INDArray queryHalf(INDArray query, int half) {
    long side = query.size(2) / 2;
    return query.get(
        NDArrayIndex.all(),
        NDArrayIndex.all(),
        NDArrayIndex.interval(half * side, (half + 1) * side));
  }

  private static INDArray subKeysHalf(INDArray subKeys, int half) {
    return subKeys.get(
        NDArrayIndex.all(), NDArrayIndex.point(half), NDArrayIndex.all(), NDArrayIndex.all());
  }

  private static Kernels.Half find(
      Kernels kernels, INDArray query, INDArray keys, int half, int topK) {
    Kernels.Half found = room(query.dataType(), query.size(0), query.size(1), topK);
    INDArray mine = queryHalf(query, half);
    assertEquals(
        Kernels.OK,
        kernels.halfTopK(mine, subKeysHalf(keys, half), found.scores(), found.indices()));
    return rows(found);
  }

  private static Kernels.Half rows(Kernels.Half half) {
    long topK = half.scores().size(2);
    return new Kernels.Half(
        half.scores().reshape('c', half.scores().length() / topK, topK),
        half.indices().reshape('c', half.indices().length() / topK, topK));
  }

  /** Views of the halves, few queries and many: the bits of the lookup in one. */
  @Test
  void halvesAreTheWholeLookup(Random random) {
    Tiers.each(
        (kernels, type) -> {
          for (long[] size :
              new long[][] {{131, 3, 31, 13, 11}, {1, 5, 521, 17, 7}, {5, 2, 7, 3, 7}}) {
            INDArray query = Elements.uniform(random, type, size[0], size[1], 2 * size[3]);
            INDArray keys = Elements.uniform(random, type, size[1], 2, size[2], size[3]);
            int topK = (int) size[4];
            Kernels.Half whole = room(type, size[0], size[1], topK);
            kernels.productKeyTopK(query, keys, whole.scores(), whole.indices());
            Kernels.Half merged = room(type, size[0] * size[1], topK);
            assertEquals(
                Kernels.OK,
                kernels.mergeHalves(
                    find(kernels, query, keys, 0, topK),
                    find(kernels, query, keys, 1, topK),
                    size[2],
                    merged.scores(),
                    merged.indices()));
            AssertClose.same("scores", Elements.doubles(whole.scores()), merged.scores());
            AssertClose.same("slots", Elements.longs(whole.indices()), merged.indices());
          }
        });
  }

  /** Keys of one feature and queries of 1: the half scores are what the test gives, ties too. */
  @Test
  void givenHalfScoresAreRankedAndMergedByTheRule(Random random) {
    Tiers.each(
        (kernels, type) -> {
          int queries = 17;
          int n = 29;
          int topK = 11;
          INDArray keys = Elements.whole(random, type, 2, queries, 2, n, 1);
          keys.slice(3).addi(Elements.uniform(random, type, 2, n, 1));
          INDArray query = Nd4j.ones(type, 1, queries, 2);
          Kernels.Half merged = room(type, queries, topK);
          Kernels.Half first = find(kernels, query, keys, 0, topK);
          Kernels.Half second = find(kernels, query, keys, 1, topK);
          kernels.mergeHalves(first, second, n, merged.scores(), merged.indices());
          for (int i = 0; i < queries; i++) {
            double[] one = Elements.doubles(keys.slice(i).slice(0));
            double[] two = Elements.doubles(keys.slice(i).slice(1));
            assertRanked(
                ProductKeyOracle.select(new double[][] {one, new double[n]}, 1, type), first, i);
            List<Hit> hits = ProductKeyOracle.select(new double[][] {one, two}, topK, type);
            AssertClose.same(
                "scores",
                hits.stream().mapToDouble(Hit::score).toArray(),
                merged.scores().getRow(i));
            AssertClose.same(
                "slots", hits.stream().mapToLong(Hit::slot).toArray(), merged.indices().getRow(i));
          }
        });
  }

  /** The best of a half, and that the list descends, equal scores by index ascending. */
  private static void assertRanked(List<Hit> best, Kernels.Half half, int query) {
    double[] scores = Elements.doubles(half.scores().getRow(query));
    long[] indices = Elements.longs(half.indices().getRow(query));
    assertEquals(best.get(0).score(), scores[0]);
    assertEquals(best.get(0).slot() / 29, indices[0]);
    for (int k = 1; k < scores.length; k++) {
      boolean ordered =
          scores[k - 1] > scores[k] || scores[k - 1] == scores[k] && indices[k - 1] < indices[k];
      assertEquals(true, ordered, "rank " + k + " of query " + query);
    }
  }

  @Test
  void firstQueryWithNanIsNamedAndNothingIsWritten(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray query = Elements.uniform(random, type, 5, 3, 14);
          query.putScalar(2, 1, 3, Double.NaN);
          query.putScalar(4, 0, 0, Double.NaN);
          INDArray keys = Elements.uniform(random, type, 3, 2, 11, 7);
          Kernels.Half out = room(type, 5, 3, 2);
          assertEquals(
              (2 * 3 + 1) << 8 | Kernels.NAN,
              kernels.halfTopK(
                  queryHalf(query, 0), subKeysHalf(keys, 0), out.scores(), out.indices()));
          AssertClose.same("scores", new double[30], out.scores());
          AssertClose.same("indices", new long[30], out.indices());
        });
  }

  @Test
  void mergeRefusesWrongIndicesAndNan(Random random) {
    Tiers.each(
        (kernels, type) -> {
          INDArray query = Elements.uniform(random, type, 7, 1, 6);
          INDArray keys = Elements.uniform(random, type, 1, 2, 11, 3);
          Kernels.Half out = room(type, 7, 5);
          for (int half = 0; half < 2; half++) {
            for (long wrong : new long[] {-1, 11, Long.MIN_VALUE, 5}) { // 5: one twice
              Kernels.Half[] halves = {
                find(kernels, query, keys, 0, 5), find(kernels, query, keys, 1, 5)
              };
              INDArray indices = halves[half].indices();
              indices.putScalar(new long[] {3, 2}, wrong == 5 ? indices.getLong(3, 0) : wrong);
              assertEquals(
                  (half * 35L + 17) << 8 | Kernels.OUT_OF_RANGE,
                  kernels.mergeHalves(halves[0], halves[1], 11, out.scores(), out.indices()));
            }
          }
          Kernels.Half first = find(kernels, query, keys, 0, 5);
          first.scores().putScalar(new long[] {2, 4}, Double.NaN);
          Kernels.Half second = find(kernels, query, keys, 1, 5);
          assertEquals(
              2 << 8 | Kernels.NAN,
              kernels.mergeHalves(first, second, 11, out.scores(), out.indices()));
          AssertClose.same("scores", new double[35], out.scores());
          AssertClose.same("slots", new long[35], out.indices());
        });
  }

  /** The door that users take: views, INT indices, an empty batch. */
  @Test
  void throughMemoryOps(Random random) {
    INDArray query = Elements.uniform(random, DataType.DOUBLE, 13, 2, 10);
    INDArray keys = Elements.uniform(random, DataType.DOUBLE, 2, 2, 17, 5);
    MemoryOps.TopK whole = MemoryOps.productKeyTopK(query, keys, 7);
    MemoryOps.HalfTopK first = MemoryOps.halfTopK(queryHalf(query, 0), subKeysHalf(keys, 0), 7);
    MemoryOps.HalfTopK second =
        MemoryOps.halfTopK(
            queryHalf(query, 1).permute(1, 0, 2).dup().permute(1, 0, 2),
            subKeysHalf(keys, 1).permute(0, 2, 1).dup().permute(0, 2, 1),
            7);
    INDArray scores = Nd4j.create(DataType.DOUBLE, 7, 13, 2).permute(1, 2, 0);
    INDArray slots = Nd4j.create(DataType.INT64, 13, 2, 7);
    MemoryOps.HalfTopK narrow =
        new MemoryOps.HalfTopK(second.scores(), second.indices().castTo(DataType.INT32));
    MemoryOps.mergeHalves(first, narrow, 17, scores, slots);
    AssertClose.same("scores", Elements.doubles(whole.scores()), scores);
    AssertClose.same("slots", Elements.longs(whole.slots()), slots);
    MemoryOps.HalfTopK none =
        MemoryOps.halfTopK(
            Nd4j.create(DataType.FLOAT, 0, 2, 5), keys.castTo(DataType.FLOAT).slice(0), 7);
    assertEquals(0, none.scores().length());
    MemoryOps.mergeHalves(
        none, none, 17, Nd4j.create(DataType.FLOAT, 0, 2, 7), Nd4j.create(DataType.INT64, 0, 2, 7));
  }
}
