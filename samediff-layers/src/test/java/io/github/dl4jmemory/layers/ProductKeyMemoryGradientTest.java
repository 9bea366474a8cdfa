package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.conf.RNNFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;

class ProductKeyMemoryGradientTest {

  @ParameterizedTest
  @CsvSource({"true,true", "true,false", "false,true", "false,false"})
  void everyParameterAndTheInput(boolean norm, boolean gate) {
    ProductKeyMemory memory =
        Networks.memory().queryKeyNorm(norm).gate(gate).valuesUpdater(new NoOp()).build();
    AssertGradient.of(Networks.forGradients(memory), data());
  }

  /** Sgd(1) turns a gradient row into itself, so DL4J's check sees the row-sparse path. */
  @Test
  void rowSparsePath() {
    ProductKeyMemory memory = Networks.memory().valuesUpdater(new Sgd(1)).build();
    AssertGradient.of(Networks.forGradients(memory), data());
  }

  @ParameterizedTest
  @EnumSource(RNNFormat.class)
  void maskedSequencesInAGraph(RNNFormat format) {
    Nd4j.getRandom().setSeed(29);
    int batch = 4;
    int time = 3;
    boolean last = format == RNNFormat.NWC;
    INDArray x =
        last
            ? Nd4j.randn(DataType.DOUBLE, batch, time, Networks.IN)
            : Nd4j.randn(DataType.DOUBLE, batch, Networks.IN, time);
    INDArray y =
        last
            ? Nd4j.randn(DataType.DOUBLE, batch, time, Networks.OUT)
            : Nd4j.randn(DataType.DOUBLE, batch, Networks.OUT, time);
    INDArray mask =
        Nd4j.createFromArray(new double[][] {{1, 1, 1}, {1, 0, 0}, {1, 1, 0}, {1, 1, 1}});
    IUpdater values = new NoOp();
    AssertGradient.of(
        Networks.sequenceGraph(
            Networks.memory().valuesUpdater(values).build(), format, DataType.DOUBLE, new NoOp()),
        new MultiDataSet(
            new INDArray[] {x}, new INDArray[] {y}, new INDArray[] {mask}, new INDArray[] {mask}));
  }

  private static DataSet data() {
    Nd4j.getRandom().setSeed(23);
    return new DataSet(
        Nd4j.randn(DataType.DOUBLE, 19, Networks.IN),
        Nd4j.randn(DataType.DOUBLE, 19, Networks.OUT));
  }
}
