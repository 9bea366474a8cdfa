package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import java.util.Collection;
import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.NoOp;

class CorrectedSameDiffLayerTest {

  private static final int SIZE = 5;

  /** tanh(x W), on the corrected runtime. */
  private static class Corrected extends CorrectedSameDiffLayer {

    private static final long serialVersionUID = 1L;

    @Override
    public SDVariable defineLayer(
        SameDiff sd, SDVariable x, Map<String, SDVariable> params, SDVariable mask) {
      return sd.math.tanh(x.mmul(params.get("W")));
    }

    @Override
    public void defineParameters(SDLayerParams params) {
      params.addWeightParam("W", SIZE, SIZE);
    }

    @Override
    public void initializeParameters(Map<String, INDArray> params) {
      params.get("W").assign(Nd4j.rand(params.get("W").dataType(), SIZE, SIZE).subi(0.5));
    }

    @Override
    public InputType getOutputType(int layerIndex, InputType type) {
      return type;
    }
  }

  /** The same layer on DL4J's own runtime. */
  private static final class AsReleased extends Corrected {

    private static final long serialVersionUID = 1L;

    @Override
    public Layer instantiate(
        NeuralNetConfiguration conf,
        Collection<TrainingListener> listeners,
        int layerIndex,
        INDArray paramsView,
        boolean initializeParams,
        DataType dataType) {
      org.deeplearning4j.nn.layers.samediff.SameDiffLayer runtime =
          new org.deeplearning4j.nn.layers.samediff.SameDiffLayer(conf, dataType);
      runtime.setIndex(layerIndex);
      runtime.setParamsViewArray(paramsView);
      runtime.setParamTable(initializer().init(conf, paramsView, initializeParams));
      return runtime;
    }
  }

  @Test
  void gradientsAreRight() {
    AssertGradient.of(network(new Corrected(), new Corrected()), data());
  }

  /** Fails on the day DL4J mends its factor of two: then remove CorrectedSameDiffLayer. */
  @Test
  void releasedRuntimeDoublesEveryGradient() {
    MultiLayerNetwork corrected = network(new Corrected());
    MultiLayerNetwork released = network(new AsReleased());
    released.setParams(corrected.params());
    Map<String, INDArray> right = gradients(corrected);
    Map<String, INDArray> doubled = gradients(released);
    AssertClose.close("W of the layer", right.get("1_W").mul(2), doubled.get("1_W"), 1e-12);
    AssertClose.close("W below it", right.get("0_W").mul(2), doubled.get("0_W"), 1e-12);
    AssertClose.close("W above it", right.get("2_W"), doubled.get("2_W"), 1e-12);
  }

  @Test
  void setParamAssigns() {
    MultiLayerNetwork network = network(new Corrected());
    INDArray value = Nd4j.rand(DataType.DOUBLE, SIZE, SIZE);
    network.getLayer(1).setParam("W", value);
    assertEquals(value, network.getLayer(1).getParam("W"));
    assertEquals(SIZE * SIZE, network.getLayer(1).numParams());
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> network.getLayer(1).setParam("b", value))
            .getMessage()
            .contains("b"));
  }

  private static Map<String, INDArray> gradients(MultiLayerNetwork network) {
    network.setInput(data().getFeatures());
    network.setLabels(data().getLabels());
    network.computeGradientAndScore();
    return network.gradient().gradientForVariable();
  }

  private static DataSet data() {
    Nd4j.getRandom().setSeed(53);
    return new DataSet(
        Nd4j.randn(DataType.DOUBLE, 7, SIZE), Nd4j.randn(DataType.DOUBLE, 7, Networks.OUT));
  }

  private static MultiLayerNetwork network(Corrected... layers) {
    NeuralNetConfiguration.ListBuilder list =
        Networks.settings(DataType.DOUBLE, new NoOp())
            .list()
            .layer(
                new DenseLayer.Builder().nIn(SIZE).nOut(SIZE).activation(Activation.TANH).build());
    for (Corrected layer : layers) {
      list.layer(layer);
    }
    org.deeplearning4j.nn.conf.layers.OutputLayer output = Networks.output();
    output.setNIn(SIZE);
    MultiLayerNetwork network = new MultiLayerNetwork(list.layer(output).build());
    network.init();
    return network;
  }
}
