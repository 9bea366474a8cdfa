package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** On a SameDiff graph every layer takes features on the last axis, unless told otherwise. */
@Tag("native")
@ExtendWith(Seeded.class)
class SameDiffLayoutTest {

  private static final int SIZE = 6; // features, and time too: no shape tells them apart
  private static final int BATCH = 3;

  private static List<Supplier<TokenwiseLayer.Builder<?>>> layers() {
    return List.of(
        () -> RmsNorm.builder().nIn(SIZE),
        () ->
            ProductKeyMemory.builder()
                .nIn(SIZE)
                .heads(2)
                .subKeys(11)
                .keySize(6)
                .topK(3)
                .valueSize(7)
                .nOut(SIZE),
        () -> CausalAttention.builder().nIn(SIZE).heads(3),
        () -> SwiGlu.builder().nIn(SIZE).hiddenSize(5),
        () -> NextTokenOutput.builder().nIn(SIZE).vocabulary(SIZE));
  }

  @Test
  void allFiveInAChain(Random random) {
    compare(null, random);
  }

  @Test
  void allFiveInAChainWithFeaturesFirst(Random random) {
    compare(RNNFormat.NCW, random);
  }

  private static void compare(RNNFormat format, Random random) {
    SameDiff sd = SameDiff.create();
    SDVariable variable = sd.placeHolder("x", DataType.DOUBLE, -1, -1, SIZE);
    INDArray input = Elements.uniform(random, DataType.DOUBLE, BATCH, SIZE, SIZE);
    INDArray expected = input;
    int number = 0;
    for (Supplier<TokenwiseLayer.Builder<?>> builder : layers()) {
      String name = "layer" + number++;
      DefinedLayer layer = builder.get().rnnFormat(format).build();
      variable = layer.addTo(sd, name, variable);
      DefinedLayer named = builder.get().rnnFormat(format == null ? RNNFormat.NWC : format).build();
      LayerRuntime<?> runtime = Runtimes.of(named, DataType.DOUBLE, random);
      Set.copyOf(runtime.paramTable().keySet())
          .forEach(key -> runtime.setParam(key, sd.getVariable(name + "/" + key).getArr()));
      expected = runtime.activate(expected, false, LayerWorkspaceMgr.noWorkspaces());
    }
    INDArray out = sd.output(Map.of("x", input), variable.name()).get(variable.name());
    AssertClose.close("output", expected, out, 1e-12);
  }

  @Test
  void featuresFirstSaysNothingOfInputsWithoutTime(Random random) {
    for (Supplier<TokenwiseLayer.Builder<?>> builder : layers()) {
      DefinedLayer layer = builder.get().rnnFormat(RNNFormat.NCW).build();
      if (layer instanceof CausalAttention) {
        continue; // takes sequences only
      }
      LayerRuntime<?> runtime = Runtimes.of(layer, DataType.DOUBLE, random);
      INDArray x = Elements.uniform(random, DataType.DOUBLE, BATCH, SIZE);
      SameDiff sd = SameDiff.create();
      Map<String, SDVariable> parameters = new HashMap<>();
      runtime.paramTable().forEach((key, value) -> parameters.put(key, sd.var(key, value)));
      SDVariable out = layer.defineLayer(sd, sd.constant("x", x), parameters, null);
      INDArray expected = runtime.activate(x, false, LayerWorkspaceMgr.noWorkspaces());
      AssertClose.close(layer.title(), expected, out.eval(), 1e-12);
    }
  }
}
