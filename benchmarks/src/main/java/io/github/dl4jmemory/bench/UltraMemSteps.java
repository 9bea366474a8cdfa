package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.layers.UltraMem;
import io.github.dl4jmemory.zoo.UltraMemTransformer;
import java.util.Map;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Decoding by a third of UltraMem-151M: four blocks of 1024 and one memory, of 495,616 slots of 512
 * values (1.01 GB), that reads in the first block and is added after the third. An iteration is one
 * token of each sequence; texts begin anew after 32 tokens.
 */
final class UltraMemSteps implements Workload {
  private static final int VOCABULARY = 1024;
  private static final int TEXT = 32;
  private static final int SUB_KEYS = 704;
  private static final int KEY_SIZE = 500;
  private static final int LAYERS = 4;

  private final int sequences;
  private final ComputationGraph network;
  private INDArray out;

  UltraMemSteps(Shape shape, boolean asynchronous) {
    sequences = shape.batch();
    UltraMem memory =
        UltraMem.builder().subKeys(SUB_KEYS).keySize(KEY_SIZE).transformerLayers(LAYERS).build();
    network =
        UltraMemTransformer.builder()
            .vocabulary(VOCABULARY)
            .model(1024)
            .layers(LAYERS)
            .heads(16)
            .hidden(2731)
            .memory(memory)
            .span(0, 2)
            .asynchronous(asynchronous)
            .build()
            .init();
  }

  @Override
  public void run(int iteration) {
    if (iteration % TEXT == 0) {
      network.rnnClearPreviousState();
    }
    INDArray ids = Nd4j.create(DataType.FLOAT, sequences, 1, 1);
    for (int sequence = 0; sequence < sequences; sequence++) {
      ids.putScalar(
          sequence, Integer.remainderUnsigned(Inputs.mix(sequence, iteration), VOCABULARY));
    }
    out = network.rnnTimeStep(ids)[0];
  }

  @Override
  public Map<String, INDArray> results() {
    return Map.of("out", out);
  }
}
