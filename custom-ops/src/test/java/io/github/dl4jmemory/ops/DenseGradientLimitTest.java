package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class DenseGradientLimitTest {
  @Test
  void aTableUpToTheLimitIsAccepted() {
    DenseGradientLimit.check(new long[] {1 << 20, 256});
    assertThrows(
        IllegalArgumentException.class,
        () -> DenseGradientLimit.check(new long[] {(1 << 28) + 1, 1}));
  }

  @Test
  void aShapeThatIsNotKnownYetIsAccepted() {
    DenseGradientLimit.check(null);
    DenseGradientLimit.check(new long[] {-1, 1L << 40});
    assertNull(DenseGradientLimit.warning(null));
  }

  @Test
  void aLargeTableIsWarnedOf() {
    assertNull(DenseGradientLimit.warning(new long[] {1 << 20, 16}));
    assertEquals(
        "[weighted_bag] values: SameDiff makes and reads a dense gradient of shape [1048576, 17] at"
            + " every step. Fix: train the table in a DL4J network, which updates touched rows"
            + " only",
        DenseGradientLimit.warning(new long[] {1 << 20, 17}));
  }

  /** One element in memory, seen 2^28 + 2^18 times: nothing of that size is allocated. */
  @Test
  void theOpChecksTheShapeThatItRunsOn() {
    INDArray one = Nd4j.ones(DataType.FLOAT, 1);
    INDArray huge = Nd4j.create(one.data(), new long[] {1 << 18, 1025}, new long[] {0, 0}, 0, 'c');
    INDArray small = Nd4j.ones(DataType.FLOAT, 1, 1);
    WeightedBagGradientOp op =
        new WeightedBagGradientOp(huge, small.castTo(DataType.INT64), small, small);
    assertThrows(IllegalArgumentException.class, op::calculateOutputShape);
  }
}
