package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.testkit.AssertClose;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Which keys take the places of slots where scores are equal. */
class OverlayKeysTest {

  private static final INDArray QUERY = Nd4j.createFromArray(new float[][][] {{{1, 0}}, {{0, 1}}});

  private static OverlayKeys keys() {
    OverlayKeys keys = new OverlayKeys();
    keys.entries().put(5L, entry(2, 9, 1));
    keys.entries().put(3L, entry(2, 9, 10));
    keys.entries().put(4L, entry(1, 9, 100));
    return keys;
  }

  private static OverlayKeys.Entry entry(double first, double second, double value) {
    return new OverlayKeys.Entry(0, new double[] {first, second}, new double[] {value});
  }

  /** Token 0: 3, 2, 2 (a slot), then 2, 2, 1 (keys). Token 1: the keys are above all slots. */
  @Test
  void slotsComeBeforeKeysAndKeysInTheOrderOfTheirIds() {
    INDArray scores = Nd4j.createFromArray(new float[][][] {{{3, 2, 1}}, {{8, 7, 6}}});
    INDArray slots = Nd4j.createFromArray(new long[][][] {{{11, 7, 5}}, {{13, 2, 3}}});
    OverlayKeys.Hits hits = keys().merge(QUERY, null, scores, slots);
    AssertClose.same("scores", new double[] {3, 2, 2, 9, 9, 9}, scores);
    AssertClose.same("slots", new long[] {11, 7, 11, 13, 13, 13}, slots);
    INDArray weights = Nd4j.createFromArray(new float[][] {{.5f, .25f, .25f}, {.5f, .25f, .25f}});
    hits.takeWeights(weights);
    AssertClose.same("weights", new double[] {.5, .25, 0, 0, 0, 0}, weights);
    INDArray read = Nd4j.zeros(DataType.FLOAT, 2, 1);
    hits.addTo(read);
    // token 0: key 3 by .25; token 1, from its last place: keys 3, 4, 5 by .25, .25, .5
    AssertClose.same("read", new double[] {2.5, 2.5 + 25 + .5}, read);
  }
}
