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
        memory().queryKeyNorm(norm).gate(gate).valuesUpdater(new NoOp()).build();
    AssertGradient.of(Networks.forGradients(memory), data());
  }

  /** Sgd(1) turns a gradient row into itself, so DL4J's check sees the row-sparse path. */
  @Test
  void rowSparsePath() {
    ProductKeyMemory memory = memory().valuesUpdater(new Sgd(1)).build();
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
    IUpdater values = last ? new NoOp() : new Sgd(1); // Sgd(1): the row-sparse path of a graph
    AssertGradient.of(
        Networks.sequenceGraph(
            memory().valuesUpdater(values).build(), format, DataType.DOUBLE, new NoOp()),
        new MultiDataSet(
            new INDArray[] {x}, new INDArray[] {y}, new INDArray[] {mask}, new INDArray[] {mask}));
  }

  /** 49 slots: fewer parameters than elsewhere, because every one takes two forward passes. */
  private static ProductKeyMemory.Builder memory() {
    return Networks.memory().subKeys(7).nOut(4).valueSize(2);
  }

  private static DataSet data() {
    Nd4j.getRandom().setSeed(23);
    return new DataSet(
        Nd4j.randn(DataType.DOUBLE, 19, Networks.IN),
        Nd4j.randn(DataType.DOUBLE, 19, Networks.OUT));
  }
}
