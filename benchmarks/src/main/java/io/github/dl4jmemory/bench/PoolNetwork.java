package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.layers.MemoryPool;
import io.github.dl4jmemory.layers.PooledMemory;
import io.github.dl4jmemory.layers.RowSparseTraining;
import io.github.dl4jmemory.ops.MemoryOps;
import java.util.Arrays;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.LossLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/**
 * Three memories that read one pool, side by side, all of the network's input; nothing but the pool
 * is updated, so that the slots that an input finds stay the same.
 */
final class PoolNetwork {
  private static final int READERS = 3;
  private static final int INPUTS = 4;
  private static final int FEATURES = 256;

  private final Shape shape;
  private final ComputationGraph graph;
  private final DataSet[] data = new DataSet[INPUTS];

  private PoolNetwork(Shape shape, ComputationGraph graph) {
    this.shape = shape;
    this.graph = graph;
    RowSparseTraining.attach(graph);
    Arrays.setAll(data, this::input);
  }

  static PoolNetwork trained(Shape shape) {
    ComputationGraph graph = new ComputationGraph(configuration(shape).build());
    graph.init();
    return new PoolNetwork(shape, graph);
  }

  /** The same with a pool that no step changes. */
  static PoolNetwork frozen(Shape shape) {
    ComputationGraph graph = trained(shape).graph;
    return new PoolNetwork(
        shape, new TransferLearning.GraphBuilder(graph).setFeatureExtractor("pool").build());
  }

  private static GraphBuilder configuration(Shape shape) {
    PooledMemory memory =
        PooledMemory.builder()
            .heads(shape.heads())
            .keySize(shape.keySize())
            .topK(shape.topK())
            .queryKeyNorm(false)
            .build();
    MemoryPool.Reader[] readers = new MemoryPool.Reader[READERS];
    Arrays.setAll(readers, i -> new MemoryPool.Reader("memory" + i, "in", memory));
    GraphBuilder graph =
        new NeuralNetConfiguration.Builder()
            .seed(1)
            .updater(new NoOp())
            .graphBuilder()
            .addInputs("in")
            .setInputTypes(InputType.feedForward(FEATURES))
            .addVertex(
                "sum",
                new ElementWiseVertex(ElementWiseVertex.Op.Add),
                Arrays.stream(readers).map(MemoryPool.Reader::name).toArray(String[]::new))
            .addLayer(
                "out",
                new LossLayer.Builder(LossFunctions.LossFunction.MSE)
                    .activation(Activation.IDENTITY)
                    .build(),
                "sum")
            .setOutputs("out");
    return MemoryPool.builder()
        .subKeys(shape.subKeys())
        .valueSize(shape.valueSize())
        .shards(shape.shards())
        .build()
        .addTo(graph, "pool", "in", readers);
  }

  private DataSet input(int seed) {
    return new DataSet(
        Inputs.uniform(seed, shape.batch(), FEATURES),
        Inputs.uniform(INPUTS + seed, shape.batch(), FEATURES));
  }

  void listen(TrainingListener listener) {
    graph.addListeners(listener);
  }

  void fit(int iteration) {
    graph.fit(data[iteration % INPUTS]);
  }

  /** The slots that all readers read at an iteration, [3 * batch, bagSize]. */
  INDArray[] slots() {
    INDArray[] slots = new INDArray[INPUTS];
    Arrays.setAll(slots, this::slots);
    return slots;
  }

  private INDArray slots(int input) {
    INDArray[] all = new INDArray[READERS];
    for (int reader = 0; reader < READERS; reader++) {
      INDArray query = data[input].getFeatures().mmul(parameter(reader, "Wq"));
      all[reader] =
          MemoryOps.productKeyTopK(
                  query.reshape(shape.batch(), shape.heads(), shape.keySize()),
                  parameter(reader, "K"),
                  shape.topK())
              .slots()
              .reshape(shape.batch(), shape.bagSize());
    }
    return Nd4j.concat(0, all);
  }

  private INDArray parameter(int reader, String key) {
    return graph.getLayer("memory" + reader).getParam(key);
  }
}
