package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.learning.config.Sgd;

class ProductKeyMemoryConfigurationTest {

  @Test
  void builderRefusals() {
    refuses(
        b -> b.heads(0),
        "[ProductKeyMemory] heads: expected a positive number, got 0. Fix: use heads(4).");
    for (long subKeys : new long[] {0, 65_537, 1L << 32}) {
      refuses(
          b -> b.subKeys(subKeys),
          "[ProductKeyMemory] subKeys: expected 1 to 65536, got "
              + subKeys
              + ". Fix: use subKeys(1024), for 1024² slots.");
    }
    refuses(
        b -> b.keySize(7),
        "[ProductKeyMemory] keySize: expected a positive even number, both halves together, got 7."
            + " Fix: use keySize(256).");
    refuses(
        b -> b.topK(12),
        "[ProductKeyMemory] topK: expected 1 to subKeys = 11, got 12. Fix: use fewer accesses or"
            + " more sub-keys.");
    refuses(
        b -> b.valueSize(0),
        "[ProductKeyMemory] valueSize: expected a positive number, got 0. Fix: leave"
            + " valueSize(...) away for valueSize = nOut.");
    refuses(
        b -> b.nIn(-1),
        "[ProductKeyMemory] nIn: expected a positive number, got -1. Fix: leave nIn(...) away to"
            + " take it from the input type.");
    refuses(
        b -> b.nOut(0),
        "[ProductKeyMemory] nOut: expected a positive number, got 0. Fix: leave nOut(...) away for"
            + " nOut = nIn.");
    refuses(
        b -> b.valuesUpdater(new Nesterovs()),
        "[ProductKeyMemory] valuesUpdater: expected Adam or Sgd, which can be applied to the"
            + " touched rows alone, or NoOp, got Nesterovs. Fix: use new Adam(1e-3) or new"
            + " Sgd(0.1), with a learning rate or schedule of its own.");
    refuses(
        b -> b.subKeys(1 << 15),
        "[ProductKeyMemory] subKeys: expected a table of fewer than 2^28 values, the most that DL4J"
            + " saves and restores with Adam state, got 1073741824 slots of 1 values. Fix: use"
            + " fewer slots or smaller values, or keep the table of a MemoryPool or UltraMem in a file(...).");
  }

  @Test
  void tableTooLargeForItsValueSize() {
    ProductKeyMemory memory = ProductKeyMemory.builder().subKeys(4096).valueSize(16).build();
    says(
        () -> Networks.forTraining(memory),
        "[ProductKeyMemory layer0] subKeys: expected a table of fewer than 2^28 values, the most"
            + " that DL4J saves and restores with Adam state, got 16777216 slots of 16 values."
            + " Fix: use fewer slots or smaller values, or keep the table of a MemoryPool or UltraMem in a"
            + " file(...).");
  }

  @Test
  void inputSizeIsNeeded() {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            Networks.settings(DataType.FLOAT, new Sgd(1))
                .list()
                .layer(Networks.memory().name("facts").build())
                .layer(Networks.output())
                .build());
    says(
        network::init,
        "[ProductKeyMemory facts] nIn: expected a positive number, got 0. Fix: call nIn(...), or"
            + " setInputType(...) on the network configuration.");
  }

  @Test
  void floatOrDoubleOnly() {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            Networks.settings(DataType.FLOAT16, new Sgd(1))
                .list()
                .layer(Networks.memory().name("facts").nIn(5).build())
                .build());
    says(
        network::init,
        "[ProductKeyMemory facts] dataType: expected FLOAT or DOUBLE, got HALF. Fix: set"
            + " dataType(DataType.FLOAT) in NeuralNetConfiguration.Builder.");
  }

  @Test
  void inputRefusals() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().name("facts").build());
    says(
        () -> network.output(Nd4j.zeros(DataType.INT32, 2, 5)),
        "[ProductKeyMemory facts] input: expected floating point numbers, got INT array (shape [2,"
            + " 5]). Fix: cast the input, or put an embedding layer before this one.");
    says(
        () -> network.output(Nd4j.zeros(DataType.FLOAT, 2, 3, 5, 7)),
        "[ProductKeyMemory facts] input: expected rank 2 [batch, nIn] or rank 3 [batch, nIn, time],"
            + " got FLOAT array (shape [2, 3, 5, 7]). Fix: add a preprocessor that makes it so.");
    says(
        () -> network.output(Nd4j.zeros(DataType.FLOAT, 2, 7)),
        "[ProductKeyMemory facts] input: expected 5 features on axis 1, got FLOAT array (shape [2,"
            + " 7]). Fix: set nIn(7), or the other rnnFormat if time stands on that axis.");
    says(
        () -> network.feedForward(Nd4j.zeros(DataType.FLOAT, 2, 3, 5)),
        "[ProductKeyMemory facts] input: expected 5 features on axis 1 of [batch, nIn, time], got"
            + " FLOAT array (shape [2, 3, 5]). Fix: set nIn(3), or the other rnnFormat if time"
            + " stands on that axis.");
  }

  @Test
  void maskOfAnotherLength() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().name("facts").build());
    network.setLayerMaskArrays(Nd4j.ones(3, 1), null);
    says(
        () -> network.output(Nd4j.zeros(DataType.FLOAT, 2, 5)),
        "[ProductKeyMemory facts] mask: expected one value per token, 2 in all, got FLOAT array"
            + " (shape [3, 1]). Fix: pass a mask of shape [batch, time].");
  }

  @Test
  void setParamRefusals() {
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().name("facts").build());
    says(
        () -> network.getLayer(0).setParam("W", Nd4j.zeros(1)),
        "[ProductKeyMemory facts] setParam: expected one of [Wq, K, g, Wg, Wo, V], got W. Fix: use"
            + " such a key.");
    says(
        () -> network.getLayer(0).setParam("Wg", Nd4j.zeros(DataType.FLOAT, 7, 5)),
        "[ProductKeyMemory facts] Wg: expected shape [5, 7], got FLOAT array (shape [7, 5]). Fix:"
            + " reshape the array.");
    says(
        () -> network.getLayer(0).setParams(Nd4j.zeros(DataType.FLOAT, 3)),
        "[ProductKeyMemory facts] setParams: expected "
            + network.getLayer(0).numParams()
            + " values, got FLOAT array (shape [3]). Fix: pass params() of a layer with the same"
            + " configuration.");
  }

  @Test
  void outputTypeKeepsTheLayout() {
    ProductKeyMemory memory = Networks.memory().build();
    for (RNNFormat format : RNNFormat.values()) {
      assertEquals(
          InputType.recurrent(13, 9, format),
          memory.getOutputType(0, InputType.recurrent(5, 9, format)));
    }
    assertEquals(InputType.feedForward(13), memory.getOutputType(0, InputType.feedForward(5)));
    says(
        () ->
            Networks.memory()
                .rnnFormat(RNNFormat.NWC)
                .build()
                .getOutputType(0, InputType.recurrent(5, RNNFormat.NCW)),
        "[ProductKeyMemory] rnnFormat: expected the layout NWC that the builder was given, got an"
            + " input type of layout NCW. Fix: leave rnnFormat(...) away, it follows from the input"
            + " type.");
  }

  @Test
  void imagesAreFlattened() {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            Networks.settings(DataType.FLOAT, new Sgd(1))
                .list()
                .layer(Networks.memory().build())
                .layer(Networks.output())
                .setInputType(InputType.convolutional(2, 3, 5))
                .build());
    network.init();
    INDArray out = network.output(Nd4j.rand(DataType.FLOAT, 4, 5, 2, 3));
    assertEquals(Networks.OUT, out.size(1));
    says(
        () -> Networks.memory().build().getPreProcessorForInputType(volume()),
        "[ProductKeyMemory] input type: expected feed-forward, recurrent or convolutional (2-D),"
            + " got "
            + volume()
            + ". Fix: add a preprocessor.");
  }

  private static InputType volume() {
    return InputType.convolutional3D(
        org.deeplearning4j.nn.conf.layers.Convolution3D.DataFormat.NCDHW, 2, 3, 5, 7);
  }

  @Test
  void equalsCloneAndUpdatersOfItsOwn() {
    ProductKeyMemory memory = Networks.memory().build();
    assertEquals(memory, Networks.memory().build());
    assertEquals(memory.hashCode(), Networks.memory().build().hashCode());
    assertEquals(memory, memory.clone());
    assertNotEquals(memory, Networks.memory().topK(2).build());
    assertNotEquals(memory, Networks.memory().gate(false).build());
    assertNotEquals(memory, Networks.memory().valuesUpdater(new Adam(2e-3)).build());
    ProductKeyMemory clone = memory.clone();
    clone.getUpdaterByParam("V").setLrAndSchedule(7, null);
    assertEquals(1e-3, memory.getValuesUpdater().getLearningRate(0, 0));
    assertNotEquals(memory, clone);
    memory.getValuesUpdater().setLrAndSchedule(7, null);
    assertEquals(1e-3, memory.getValuesUpdater().getLearningRate(0, 0), "a copy is given out");
  }

  @Test
  void defaults() {
    ProductKeyMemory memory = ProductKeyMemory.builder().nIn(31).build();
    assertEquals(31, memory.getNOut());
    assertEquals(31, memory.getValueSize());
    assertEquals(1024L * 1024, memory.getSlots());
    assertEquals(new Adam(1e-3), memory.getValuesUpdater());
  }

  private static void refuses(UnaryOperator<ProductKeyMemory.Builder> setting, String message) {
    says(() -> setting.apply(Networks.memory()).build(), message);
  }

  private static void says(Executable action, String message) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action).getMessage());
  }
}
