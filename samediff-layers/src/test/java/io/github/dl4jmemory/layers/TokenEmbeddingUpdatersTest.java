package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.AMSGrad;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** Updaters and regularisation that move rows which no step touched, against DL4J's embedding. */
@ExtendWith(Seeded.class)
class TokenEmbeddingUpdatersTest {

  private static final int VOCABULARY = 19;
  private static final int BATCH = 2;
  private static final int TIME = 3;
  private static final int FEATURES = 5;

  static Stream<Arguments> settings() {
    List<Arguments> all = new ArrayList<>();
    for (boolean attach : new boolean[] {false, true}) {
      all.add(Arguments.of(new Nesterovs(0.1, 0.9), 0.0, attach));
      all.add(Arguments.of(new AMSGrad(0.01), 0.0, attach));
      all.add(Arguments.of(new Nesterovs(0.1, 0.9), 0.3, attach));
      all.add(Arguments.of(new NoOp(), 0.3, attach));
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("settings")
  void trainsAsTheDenseEmbedding(IUpdater updater, double l2, boolean attach, Random random) {
    MultiLayerNetwork dense =
        network(
            updater,
            l2,
            new EmbeddingSequenceLayer.Builder()
                .nIn(VOCABULARY)
                .nOut(FEATURES)
                .inputLength(TIME)
                .hasBias(false)
                .activation(Activation.IDENTITY)
                .outputDataFormat(RNNFormat.NWC)
                .build());
    MultiLayerNetwork rows =
        network(
            updater, l2, TokenEmbedding.builder().vocabulary(VOCABULARY).nOut(FEATURES).build());
    dense.paramTable().forEach(rows::setParam);
    if (attach) {
      RowSparseTraining.attach(rows);
    }
    for (int step = 0; step < 4; step++) {
      DataSet batch =
          new DataSet(
              Elements.slots(random, VOCABULARY, BATCH, TIME).castTo(DataType.DOUBLE),
              Elements.uniform(random, DataType.DOUBLE, BATCH, TIME, 2));
      dense.fit(batch);
      rows.fit(batch);
    }
    dense
        .paramTable()
        .forEach((key, value) -> AssertClose.close(key, value, rows.getParam(key), 1e-12));
  }

  private static MultiLayerNetwork network(IUpdater updater, double l2, Layer embedding) {
    NeuralNetConfiguration.Builder settings = Networks.settings(DataType.DOUBLE, updater.clone());
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            settings
                .l2(l2)
                .list()
                .layer(embedding)
                .layer(
                    new RnnOutputLayer.Builder(LossFunctions.LossFunction.MSE)
                        .nIn(FEATURES)
                        .nOut(2)
                        .dataFormat(RNNFormat.NWC)
                        .activation(Activation.IDENTITY)
                        .build())
                .build());
    network.init();
    return network;
  }
}
