package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.ops.SDMemory;
import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.TrainingConfig;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** The definition on a SameDiff graph and the fused runtime say the same. */
@Tag("native")
@ExtendWith(Seeded.class)
class TuckerMemoryDefinitionTest {

  private static final int BATCH = 3;
  private static final int TIME = 7;

  @TempDir Path folder;

  static Stream<Arguments> kinds() {
    List<Arguments> all = new ArrayList<>();
    for (TuckerMemory layer : TuckerMemories.all()) {
      all.add(Arguments.of(layer, RNNFormat.NWC, true));
      all.add(Arguments.of(layer, RNNFormat.NCW, false));
      all.add(Arguments.of(layer, null, false));
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void definitionEqualsRuntime(
      TuckerMemory settings, RNNFormat format, boolean masked, Random random) {
    LayerRuntime<?> runtime = TuckerMemoryForwardTest.runtime(settings, format, random);
    TuckerMemory layer = (TuckerMemory) runtime.conf().getLayer();
    INDArray x = Elements.uniform(random, DataType.DOUBLE, shape(format, Networks.IN));
    INDArray outGradient = Elements.uniform(random, DataType.DOUBLE, shape(format, 5));
    INDArray mask = Nd4j.ones(DataType.DOUBLE, BATCH, TIME).putScalar(1, 2, 0);
    runtime.setMaskArray(masked ? mask : null);
    LayerWorkspaceMgr workspaces = LayerWorkspaceMgr.noWorkspaces();
    INDArray out = runtime.activate(x, true, workspaces);
    Pair<Gradient, INDArray> fused = runtime.backpropGradient(outGradient, workspaces);

    SameDiff sd = SameDiff.create();
    SDVariable input = sd.var("x", x);
    Map<String, SDVariable> params = new HashMap<>();
    runtime.paramTable().forEach((key, value) -> params.put(key, sd.var(key, value.dup())));
    SDVariable maskVariable = masked ? sd.constant("mask", mask) : null;
    SDVariable defined = layer.defineLayer(sd, input, params, maskVariable);
    SDVariable loss = defined.mul(sd.constant("outGradient", outGradient)).sum();
    boolean losing = layer.getRank() == 2 && layer.getSingularValueLoss() > 0;
    assertEquals(losing, sd.hasVariable("singularValueLoss"));
    if (losing) { // DL4J divides gradients by the examples: the runtime's are as much larger
      SDVariable singular = sd.getVariable("singularValueLoss");
      assertEquals(runtime.ownLoss(), singular.eval().getDouble(), 1e-12);
      loss = loss.add(singular.mul((double) BATCH));
    }
    sd.setLossVariables(loss.rename("loss").name());
    AssertClose.close("out", defined.eval(), out, 1e-11);
    List<String> names = new ArrayList<>(params.keySet());
    names.add("x");
    Map<String, INDArray> gradients = sd.calculateGradients(Map.of(), names);
    AssertClose.close("gradient of x", gradients.get("x"), fused.getSecond(), 1e-10);
    for (String name : params.keySet()) {
      INDArray actual = fused.getFirst().getGradientFor(name);
      if (!losing && layer.getSingularValueLoss() > 0 && layer.getRank() > 1 && name.equals("C")) {
        continue; // M2.1 cannot differentiate singular values
      }
      AssertClose.close("gradient of " + name, gradients.get(name), actual, 1e-10);
    }
  }

  @Test
  void trainsSavesAndLoadsInASameDiffGraph() throws IOException {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, Networks.IN);
    SDVariable y = sd.placeHolder("y", DataType.FLOAT, -1, Networks.OUT);
    UltraMem first = TuckerMemories.first().nIn(Networks.IN).build();
    UltraMemV2 second = TuckerMemories.second().nIn(5).nOut(Networks.OUT).build();
    SDVariable hidden = first.addTo(sd, "first", x);
    SDVariable out = second.addTo(sd, "second", hidden).rename("out");
    SDVariable loss = sd.math.square(out.sub(y)).mean().rename("loss");
    sd.setLossVariables(loss.name(), "first/singularValueLoss");
    assertTrue(sd.hasVariable("first/V") && sd.hasVariable("second/P"));
    assertFalse(sd.hasVariable("second/singularValueLoss"));
    sd.setTrainingConfig(
        new TrainingConfig.Builder()
            .updater(new Adam(1e-2))
            .dataSetFeatureMapping("x")
            .dataSetLabelMapping("y")
            .build());
    DataSet data = ProductKeyMemoryLifecycleTest.batch(1);
    double[] filters = Elements.doubles(sd.getVariable("first/F").getArr());
    Map<String, INDArray> feed = Map.of("x", data.getFeatures(), "y", data.getLabels());
    double before = sd.output(feed, "loss").get("loss").getDouble();
    for (int step = 0; step < 60; step++) {
      sd.fit(data);
    }
    double after = sd.output(feed, "loss").get("loss").getDouble();
    assertTrue(after < 0.5 * before, before + " -> " + after);
    AssertClose.same("filters", filters, sd.getVariable("first/F").getArr());

    File file = folder.resolve("graph.fb").toFile();
    sd.save(file, true);
    SDMemory.register();
    SameDiff loaded = SameDiff.load(file, true);
    double[] expected = Elements.doubles(sd.output(feed, "out").get("out"));
    AssertClose.same("out", expected, loaded.output(feed, "out").get("out"));
  }

  private static long[] shape(RNNFormat format, int features) {
    if (format == null) {
      return new long[] {BATCH, features};
    }
    return format == RNNFormat.NWC
        ? new long[] {BATCH, TIME, features}
        : new long[] {BATCH, features, TIME};
  }
}
