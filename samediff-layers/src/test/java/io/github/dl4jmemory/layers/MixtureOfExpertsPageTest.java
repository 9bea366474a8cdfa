package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.PageExample;
import java.io.IOException;
import java.util.Map;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** The examples of docs/layers/mixture-of-experts.md are this code, and they train. */
class MixtureOfExpertsPageTest {

  @Test
  void exampleOfThePageTrains() {
    Nd4j.getRandom().setSeed(43);
    INDArray labels = Nd4j.eye(10).castTo(DataType.FLOAT);
    DataSet data = new DataSet(Nd4j.rand(DataType.FLOAT, 10, 20), labels);
    // page begin
    ComputationGraph network =
        new ComputationGraph(
            new NeuralNetConfiguration.Builder()
                .updater(new Adam(1e-3))
                .graphBuilder()
                .addInputs("in")
                .setInputTypes(InputType.feedForward(20))
                .addLayer("hidden", new DenseLayer.Builder().nOut(64).build(), "in")
                .addLayer(
                    "experts",
                    MixtureOfExperts.builder().experts(8).hiddenSize(96).build(),
                    "hidden")
                .addVertex(
                    "sum", new ElementWiseVertex(ElementWiseVertex.Op.Add), "hidden", "experts")
                .addLayer(
                    "out",
                    new OutputLayer.Builder().nOut(10).activation(Activation.SOFTMAX).build(),
                    "sum")
                .setOutputs("out")
                .build());
    network.init();
    network.fit(data);
    // page end
    double before = network.score(data);
    for (int i = 0; i < 40; i++) {
      network.fit(data);
    }
    double after = network.score(data);
    assertTrue(after < 0.9 * before, "score " + before + " before, " + after + " after");
  }

  @Test
  void exampleOfASameDiffGraphHasBothLosses() {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.var("x", Nd4j.rand(DataType.FLOAT, 5, 64));
    // page begin
    SDVariable out =
        MixtureOfExperts.builder()
            .nIn(64)
            .experts(8)
            .hiddenSize(96)
            .build()
            .addTo(sd, "experts", x);
    // page end
    out.mul(out).mean().mul("loss", 1.0);
    // page begin
    sd.setLossVariables("loss", "experts/balanceLoss");
    // page end
    INDArray both = sd.calculateGradients(Map.of(), "experts/Wr").get("experts/Wr").dup();
    SameDiff one = sd.dup();
    one.setLossVariables("loss");
    INDArray alone = one.calculateGradients(Map.of(), "experts/Wr").get("experts/Wr");
    assertTrue(both.distance2(alone) > 0, "the load-balance loss has a gradient of its own");
  }

  @Test
  void exampleStandsOnThePage() throws IOException {
    PageExample.assertStandsOn("docs/layers/mixture-of-experts.md", MixtureOfExpertsPageTest.class);
  }
}
