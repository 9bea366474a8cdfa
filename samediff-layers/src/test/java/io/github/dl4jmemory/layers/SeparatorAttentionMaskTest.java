package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Random;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;

/** Padded rows in a network with separator attention. */
@ExtendWith(Seeded.class)
class SeparatorAttentionMaskTest {

  private static ComputationGraph graph(DataType type, IUpdater updater) {
    return SeparatorDecoders.graph(
        type,
        updater,
        SeparatorDecoders.attention().build(),
        SeparatorDecoders.attention().bilevelPositions(true).build());
  }

  /** What stands at masked places, ids out of range included, changes neither score nor step. */
  @Test
  void maskedTokensDoNotMatter(Random random) {
    MultiDataSet data = SeparatorDecoders.text(random, DataType.FLOAT);
    MultiDataSet other = data.copy();
    INDArray mask = data.getFeaturesMaskArray(0);
    for (int b = 0; b < mask.size(0); b++) {
      for (int t = 0; t < mask.size(1); t++) {
        if (mask.getDouble(b, t) == 0) {
          other.getFeatures(0).putScalar(b, t, -1);
        }
      }
    }
    ComputationGraph first = graph(DataType.FLOAT, new Adam(1e-2));
    ComputationGraph second = graph(DataType.FLOAT, new Adam(1e-2));
    assertEquals(first.score(data), second.score(other));
    first.fit(data);
    second.fit(other);
    AssertClose.same("parameters", Elements.doubles(first.params()), second.params());
  }

  /**
   * Where a row's padding is makes no difference: rotary positions are relative, places begin anew.
   */
  @Test
  void leftAndRightPaddingGiveTheSame(Random random) {
    ComputationGraph network = graph(DataType.DOUBLE, new NoOp());
    INDArray ids = Elements.slots(random, SeparatorDecoders.VOCABULARY, 1, 6);
    INDArray none = Nd4j.zeros(DataType.INT64, 1, 3);
    INDArray ones = Nd4j.ones(DataType.DOUBLE, 1, 6);
    INDArray zeros = Nd4j.zeros(DataType.DOUBLE, 1, 3);
    INDArray left = output(network, concat(none, ids), concat(zeros, ones)).slice(0);
    INDArray right = output(network, concat(ids, none), concat(ones, zeros)).slice(0);
    for (int t = 0; t < 6; t++) {
      AssertClose.close("token " + t, right.slice(t), left.slice(t + 3), 1e-12);
    }
  }

  private static INDArray concat(INDArray first, INDArray second) {
    return Nd4j.concat(1, first, second);
  }

  private static INDArray output(ComputationGraph network, INDArray ids, INDArray mask) {
    return network.output(false, new INDArray[] {ids}, new INDArray[] {mask})[0];
  }
}
