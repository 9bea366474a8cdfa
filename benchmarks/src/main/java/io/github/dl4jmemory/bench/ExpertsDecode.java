package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.layers.MixtureOfExperts;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A mixture of experts at decoding: one token a sequence, other tokens at the next iterations. Of
 * 32 experts of the size of half a dense feed-forward block (of 4 model), a token goes through 2.
 */
final class ExpertsDecode implements Workload {
  static final int MODEL = 1024;
  static final int EXPERTS = 32;
  static final int TOP_K = 2;
  static final int HIDDEN = 1376; // 8/3 model / TOP_K, in whole cache lines
  private static final int SETS = 8;

  private final INDArray params;
  private final Layer layer;
  private final INDArray[] tokens;
  private INDArray out;

  ExpertsDecode(Shape shape) {
    MixtureOfExperts experts =
        MixtureOfExperts.builder()
            .nIn(MODEL)
            .experts(EXPERTS)
            .topK(TOP_K)
            .hiddenSize(HIDDEN)
            .build();
    NeuralNetConfiguration conf = new NeuralNetConfiguration.Builder().layer(experts).build();
    params = Inputs.uniform(1, 1, experts.initializer().numParams(conf));
    params.muli(1 / Math.sqrt(MODEL));
    layer = experts.instantiate(conf, null, 0, params, false, DataType.FLOAT);
    tokens = new INDArray[SETS];
    Arrays.setAll(tokens, set -> Inputs.uniform(2 + set, shape.batch(), MODEL));
  }

  @Override
  public void run(int iteration) {
    out = layer.activate(tokens[iteration % SETS], false, LayerWorkspaceMgr.noWorkspaces());
  }

  @Override
  public Map<String, INDArray> results() {
    return Map.of("out", out);
  }

  @Override
  public INDArray table() {
    return params;
  }

  /** The three matrices of every expert that is hit, once. */
  @Override
  public long bytesRead(Shape shape) {
    long hit = Arrays.stream(tokens).mapToLong(this::hit).sum();
    return hit * 3 * MODEL * HIDDEN * Float.BYTES / SETS;
  }

  private long hit(INDArray x) {
    INDArray scores = x.mmul(layer.getParam("Wr"));
    return IntStream.range(0, Math.toIntExact(x.size(0)))
        .flatMap(token -> best(scores.getRow(token).toDoubleVector()))
        .distinct()
        .count();
  }

  private static IntStream best(double[] scores) {
    return IntStream.range(0, scores.length)
        .filter(e -> Arrays.stream(scores).filter(other -> other > scores[e]).count() < TOP_K);
  }
}
