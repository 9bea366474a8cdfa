package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.ops.MemoryOps;
import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.ops.transforms.Transforms;

class ProductKeyMemoryForwardTest {

  private static final int BATCH = 7;
  private static final int TIME = 3;

  @ParameterizedTest
  @CsvSource({"true,true", "true,false", "false,true", "false,false"})
  void equalsTheOracle(boolean norm, boolean gate) {
    ProductKeyMemory memory = Networks.memory().queryKeyNorm(norm).gate(gate).build();
    ComputationGraph network =
        Networks.sequenceGraph(memory, RNNFormat.NWC, DataType.DOUBLE, new Sgd(1));
    Layer layer = network.getLayer("memory");
    if (norm) {
      layer.getParam("g").assign(Nd4j.rand(layer.getParam("g").shape()).addi(0.5));
    }
    INDArray x = sequences(DataType.DOUBLE);
    INDArray out = layer.activate(x, false, LayerWorkspaceMgr.noWorkspaces());
    assertEquals(13, out.size(2));
    ProductKeyMemory completed = (ProductKeyMemory) layer.conf().getLayer();
    for (int b = 0; b < BATCH; b++) {
      for (int t = 0; t < TIME; t++) {
        double[] token = x.get(NDArrayIndex.point(b), NDArrayIndex.point(t)).toDoubleVector();
        AssertClose.close(
            "token " + b + ", " + t,
            ProductKeyMemoryOracle.token(completed, layer.paramTable(), token),
            out.get(NDArrayIndex.point(b), NDArrayIndex.point(t)),
            1e-12);
      }
    }
  }

  @Test
  void layoutsAgree() {
    MultiLayerNetwork plain = Networks.forTraining(Networks.memory().build());
    INDArray params = plain.getLayer(0).params();
    INDArray x = sequences(DataType.FLOAT);
    INDArray expected =
        activate(plain.getLayer(0), x.reshape(BATCH * TIME, Networks.IN))
            .reshape(BATCH, TIME, 13)
            .dup();
    for (RNNFormat format : RNNFormat.values()) {
      Layer layer = sequenceLayer(format, params);
      boolean last = format == RNNFormat.NWC;
      INDArray out = activate(layer, last ? x : x.permute(0, 2, 1).dup('c'));
      AssertClose.close(format.name(), expected, last ? out : out.permute(0, 2, 1), 1e-6);
      INDArray view = last ? x.dup('f') : x.permute(0, 2, 1); // another order, a view
      INDArray again = activate(layer, view);
      AssertClose.close(format + " view", expected, last ? again : again.permute(0, 2, 1), 1e-6);
    }
  }

  @ParameterizedTest
  @CsvSource({"NCW", "NWC"})
  void maskedStepsAreZeroAndTouchNothing(RNNFormat format) {
    boolean last = format == RNNFormat.NWC;
    ComputationGraph network =
        Networks.sequenceGraph(
            Networks.memory().valuesUpdater(new Sgd(1)).build(),
            format,
            DataType.FLOAT,
            new Sgd(1));
    INDArray mask = Nd4j.ones(DataType.FLOAT, BATCH, TIME);
    mask.putScalar(new int[] {2, 1}, 0);
    mask.putScalar(new int[] {5, 2}, 0);
    INDArray x = sequences(DataType.FLOAT);
    INDArray other = x.dup();
    other.get(NDArrayIndex.point(2), NDArrayIndex.point(1)).assign(31);
    other.get(NDArrayIndex.point(5), NDArrayIndex.point(2)).assign(-37);
    INDArray y = Nd4j.rand(DataType.FLOAT, BATCH, TIME, Networks.OUT);
    ComputationGraph twin = network.clone();
    INDArray labels = last ? y : y.permute(0, 2, 1);
    network.fit(new DataSet(last ? x : x.permute(0, 2, 1), labels, mask, mask));
    twin.fit(new DataSet(last ? other : other.permute(0, 2, 1), labels, mask, mask));
    AssertClose.same("masked steps", Elements.doubles(twin.params()), network.params());

    Layer layer = network.getLayer("memory");
    layer.setMaskArray(mask);
    INDArray out = activate(layer, last ? x : x.permute(0, 2, 1));
    INDArray tokens = last ? out : out.permute(0, 2, 1);
    for (int b = 0; b < BATCH; b++) {
      for (int t = 0; t < TIME; t++) {
        double norm =
            tokens.get(NDArrayIndex.point(b), NDArrayIndex.point(t)).norm2Number().doubleValue();
        assertEquals(mask.getDouble(b, t) > 0, norm > 0, b + ", " + t);
      }
    }
  }

  @Test
  void everythingMasked() {
    ComputationGraph network =
        Networks.sequenceGraph(
            Networks.memory().build(), RNNFormat.NWC, DataType.FLOAT, new Sgd(0.1));
    INDArray x = sequences(DataType.FLOAT);
    INDArray y = Nd4j.rand(DataType.FLOAT, BATCH, TIME, Networks.OUT);
    network.fit(new DataSet(x, y));
    INDArray before = network.getLayer("memory").params().dup();
    INDArray mask = Nd4j.zeros(DataType.FLOAT, BATCH, TIME);
    network.fit(new DataSet(x, y, mask, null));
    AssertClose.same("parameters", Elements.doubles(before), network.getLayer("memory").params());
  }

  /** At the start the softmax over the best topK is neither flat nor one-hot. */
  @Test
  void normalisedScoresSpread() {
    ProductKeyMemory memory =
        ProductKeyMemory.builder().nIn(64).heads(2).subKeys(256).keySize(64).topK(32).build();
    MultiLayerNetwork network = Networks.forTraining(memory);
    INDArray keys = network.getLayer(0).getParam("K");
    INDArray x = Nd4j.randn(DataType.FLOAT, 50, Networks.IN);
    INDArray q = x.mmul(network.getLayer(0).getParam("Wq")).reshape('c', 50, 2, 2, 32);
    INDArray queries =
        q.div(Transforms.sqrt(q.mul(q).mean(true, 3).add(1e-6))).reshape('c', 50, 2, 64);
    INDArray subKeys =
        keys.div(Transforms.sqrt(keys.mul(keys).mean(true, 3).add(1e-6))).div(Math.sqrt(32));
    INDArray weights = Nd4j.nn.softmax(MemoryOps.productKeyTopK(queries, subKeys, 32).scores(), 2);
    double effective = 1 / weights.mul(weights).sum(2).meanNumber().doubleValue();
    assertTrue(effective > 8 && effective < 30, "effective accesses of 32: " + effective);
  }

  private static INDArray sequences(DataType type) {
    Nd4j.getRandom().setSeed(41);
    return Nd4j.randn(type, BATCH, TIME, Networks.IN);
  }

  private static Layer sequenceLayer(RNNFormat format, INDArray params) {
    ComputationGraph graph =
        Networks.sequenceGraph(Networks.memory().build(), format, DataType.FLOAT, new Sgd(1));
    graph.getLayer("memory").setParams(params);
    return graph.getLayer("memory");
  }

  private static INDArray activate(Layer layer, INDArray x) {
    return layer.activate(x, false, LayerWorkspaceMgr.noWorkspaces());
  }
}
