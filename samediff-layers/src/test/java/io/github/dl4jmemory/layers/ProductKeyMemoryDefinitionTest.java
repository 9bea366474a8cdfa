package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.ops.SDMemory;
import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.TrainingConfig;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.NoOp;

/** The definition on a SameDiff graph and the fused runtime say the same. */
@Tag("native")
class ProductKeyMemoryDefinitionTest {

  private static final int BATCH = 3;
  private static final int TIME = 7;

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "true,true,false,NWC,true",
    "false,true,true,NWC,false",
    "true,false,true,NCW,true",
    "false,false,false,NCW,false",
  })
  void definitionEqualsRuntime(
      boolean norm, boolean gate, boolean batchNorm, RNNFormat format, boolean masked) {
    ProductKeyMemory settings =
        Networks.memory()
            .queryKeyNorm(norm)
            .gate(gate)
            .queryBatchNorm(batchNorm)
            .valuesUpdater(new NoOp())
            .build();
    ComputationGraph network =
        Networks.sequenceGraph(settings, format, DataType.DOUBLE, new NoOp());
    network.initGradientsView();
    Layer layer = network.getLayer("memory");
    ProductKeyMemory memory = (ProductKeyMemory) layer.conf().getLayer();

    Nd4j.getRandom().setSeed(71);
    if (batchNorm) {
      INDArray statistics = layer.getParam(ProductKeyLookup.QUERY_STATISTICS);
      statistics.addi(Nd4j.rand(DataType.DOUBLE, statistics.shape()));
    }
    boolean last = format == RNNFormat.NWC;
    INDArray x = Nd4j.randn(DataType.DOUBLE, shape(last, Networks.IN));
    INDArray outGradient = Nd4j.randn(DataType.DOUBLE, shape(last, 13));
    INDArray mask = Nd4j.ones(DataType.DOUBLE, BATCH, TIME);
    mask.putScalar(1, 2, 0);

    layer.setMaskArray(masked ? mask : null);
    LayerWorkspaceMgr workspaces = LayerWorkspaceMgr.noWorkspaces();
    INDArray out = layer.activate(x, true, workspaces);
    Pair<Gradient, INDArray> fused = layer.backpropGradient(outGradient, workspaces);

    SameDiff sd = SameDiff.create();
    SDVariable input = sd.var("x", x);
    Map<String, SDVariable> params = new HashMap<>();
    layer.paramTable().forEach((key, value) -> params.put(key, sd.var(key, value.dup())));
    SDVariable maskVariable = masked ? sd.constant("mask", mask) : null;
    SDVariable defined = memory.defineLayer(sd, input, params, maskVariable);
    SDVariable loss = defined.mul(sd.constant("outGradient", outGradient)).sum().rename("loss");
    sd.setLossVariables(loss.name());
    AssertClose.close("out", defined.eval(), out, 1e-12);
    params.remove(ProductKeyLookup.QUERY_STATISTICS); // no gradient in the runtime, by its rule
    String[] names = params.keySet().toArray(new String[0]);
    String[] all = Arrays.copyOf(names, names.length + 1);
    all[names.length] = "x";
    Map<String, INDArray> gradients = sd.calculateGradients(Map.of(), all);
    AssertClose.close("gradient of x", gradients.get("x"), fused.getSecond(), 1e-11);
    for (String name : names) {
      AssertClose.close(
          "gradient of " + name, gradients.get(name), fused.getFirst().getGradientFor(name), 1e-11);
    }
  }

  @Test
  void trainsSavesAndLoadsInASameDiffGraph() throws IOException {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, Networks.IN);
    SDVariable y = sd.placeHolder("y", DataType.FLOAT, -1, Networks.OUT);
    ProductKeyMemory first = Networks.memory().nIn(Networks.IN).build();
    ProductKeyMemory second = Networks.memory().nIn(13).nOut(Networks.OUT).build();
    SDVariable hidden = first.addTo(sd, "first", x);
    SDVariable out = second.addTo(sd, "second", hidden).rename("out");
    SDVariable loss = sd.math.square(out.sub(y)).mean().rename("loss");
    sd.setLossVariables(loss.name());
    assertTrue(sd.hasVariable("first/V") && sd.hasVariable("second/V"));
    sd.setTrainingConfig(
        new TrainingConfig.Builder()
            .updater(new Adam(1e-2))
            .dataSetFeatureMapping("x")
            .dataSetLabelMapping("y")
            .build());
    DataSet data = ProductKeyMemoryLifecycleTest.batch(1);
    Map<String, INDArray> feed = Map.of("x", data.getFeatures(), "y", data.getLabels());
    double before = sd.output(feed, "loss").get("loss").getDouble();
    for (int step = 0; step < 30; step++) {
      sd.fit(data);
    }
    double after = sd.output(feed, "loss").get("loss").getDouble();
    assertTrue(after < 0.5 * before, before + " -> " + after);

    File file = folder.resolve("graph.fb").toFile();
    sd.save(file, true);
    SDMemory.register();
    SameDiff loaded = SameDiff.load(file, true);
    double[] expected = Elements.doubles(sd.output(feed, "out").get("out"));
    AssertClose.same("out", expected, loaded.output(feed, "out").get("out"));
  }

  private static long[] shape(boolean last, int features) {
    return last ? new long[] {BATCH, TIME, features} : new long[] {BATCH, features, TIME};
  }
}
