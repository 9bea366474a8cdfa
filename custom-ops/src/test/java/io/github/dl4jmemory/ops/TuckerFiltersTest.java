package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

@ExtendWith(Seeded.class)
class TuckerFiltersTest {
  private static INDArray filters(INDArray cores) {
    return UltraMemOps.tuckerFilters(cores, null);
  }

  private static INDArray core(double... elements) {
    int rank = (int) Math.sqrt(elements.length);
    return Nd4j.createFromArray(elements).reshape(1, 1, rank, rank);
  }

  /** C = sum of lambda u t^T of orthogonal vectors that are known. */
  @Test
  void theVectorsOfTheLargestSingularValueAreFound() {
    INDArray got = filters(core(0, 7, 0, 0, 0, 2, 3, 0, 0));
    AssertClose.close("u = e1, t = e2", new double[] {1, 0, 0, 0, 1, 0}, got, 1e-15);
    // 5 (3,4)/5 (4,3)/5^T + 1 (-4,3)/5 (-3,4)/5^T
    INDArray turned =
        core((5 * 12 + 12) / 25.0, (5 * 9 - 16) / 25.0, (5 * 16 - 9) / 25.0, (5 * 12 + 12) / 25.0);
    AssertClose.close("turned", new double[] {0.6, 0.8, 0.8, 0.6}, filters(turned), 1e-14);
  }

  /** u^T C t is the norm of C t and of C^T u, and no other pair of unit vectors gives more. */
  @Test
  void theFormIsLargestAtTheFilters(Random random) {
    for (int rank = 1; rank <= 7; rank++) {
      INDArray cores = Elements.uniform(random, DataType.DOUBLE, 3, 2, rank, rank);
      INDArray got = filters(cores);
      for (int head = 0; head < 3; head++) {
        INDArray sum = cores.slice(head).sum(0);
        INDArray u = got.slice(head).getRow(0).reshape(rank, 1);
        INDArray t = got.slice(head).getRow(1).reshape(rank, 1);
        double most = form(u, sum, t);
        AssertClose.close("C t", u.mul(most), sum.mmul(t), 1e-13);
        AssertClose.close("C^T u", t.mul(most), sum.transpose().mmul(u), 1e-13);
        AssertClose.close("lengths", new double[] {1, 1}, norms(u, t), 1e-14);
        for (int i = 0; i < 20; i++) {
          INDArray x = Elements.uniform(random, DataType.DOUBLE, rank, 1);
          INDArray y = Elements.uniform(random, DataType.DOUBLE, rank, 1);
          INDArray lengths = norms(x, y);
          double other = form(x, sum, y) / lengths.getDouble(0) / lengths.getDouble(1);
          assertTrue(other <= most + 1e-12, () -> "above the largest singular value");
        }
      }
    }
  }

  private static double form(INDArray u, INDArray core, INDArray t) {
    return u.transpose().mmul(core).mmul(t).getDouble(0);
  }

  private static INDArray norms(INDArray u, INDArray t) {
    return Nd4j.createFromArray(u.norm2Number().doubleValue(), t.norm2Number().doubleValue());
  }

  @Test
  void theSignIsThatOfThePreviousFilters(Random random) {
    INDArray cores = Elements.uniform(random, DataType.DOUBLE, 5, 1, 3, 3);
    INDArray previous = filters(cores);
    for (int step = 0; step < 50; step++) {
      cores.addi(Elements.uniform(random, DataType.DOUBLE, 5, 1, 3, 3).mul(1e-4));
      INDArray next = UltraMemOps.tuckerFilters(cores, previous);
      AssertClose.close("filters", previous, next, 0.2);
      AssertClose.close(
          "turned", next.neg(), UltraMemOps.tuckerFilters(cores, previous.neg()), 1e-15);
      previous = next;
    }
  }

  @Test
  void theFirstSignIsPositiveForPositiveCores(Random random) {
    INDArray cores = Elements.uniform(random, DataType.FLOAT, 7, 2, 2, 2).add(1.1);
    assertTrue(filters(cores).minNumber().doubleValue() > 0);
  }

  @Test
  void degenerateCores() {
    INDArray zero = core(0, 0, 0, 0);
    AssertClose.same("zero", new double[] {1, 0, 1, 0}, filters(zero));
    INDArray previous = Nd4j.createFromArray(0.6, 0.8, -0.8, 0.6).reshape(1, 2, 2);
    AssertClose.same(
        "previous", Elements.doubles(previous), UltraMemOps.tuckerFilters(zero, previous));
    AssertClose.same("identity", new double[] {1, 0, 1, 0}, filters(core(1, 0, 0, 1)));
    AssertClose.same("rank 1", new double[] {1, 1}, filters(core(-3)).mul(filters(core(-3))));
    AssertClose.close(
        "one direction", new double[] {0.6, 0.8, 1, 0}, filters(core(3, 0, 4, 0)), 1e-15);
    for (double scale : new double[] {1e-300, 1e300}) {
      AssertClose.close(
          "scaled", filters(core(1, 2, 3, 5)), filters(core(1, 2, 3, 5).mul(scale)), 1e-13);
    }
  }
}
