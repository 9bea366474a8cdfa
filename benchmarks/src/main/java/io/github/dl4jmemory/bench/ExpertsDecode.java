package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.layers.MixtureOfExperts;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A mixture of experts at decoding: one token a sequence, other tokens at the next iterations. Of
 * 32 experts, each of the size of a dense feed-forward layer of 8/3 model, a token goes through 2.
 */
final class ExpertsDecode implements Workload {
  static final int MODEL = 1024;
  static final int EXPERTS = 32;
  static final int TOP_K = 2;
  static final int HIDDEN = 2752; // 8/3 model
  private static final int SETS = 8;

  private final SingleLayer experts;
  private final INDArray[] tokens;
  private INDArray out;

  ExpertsDecode(Shape shape) {
    this(
        new SingleLayer(
            MixtureOfExperts.builder()
                .nIn(MODEL)
                .experts(EXPERTS)
                .topK(TOP_K)
                .hiddenSize(HIDDEN)
                .build()),
        shape.batch());
  }

  private ExpertsDecode(SingleLayer experts, int batch) {
    this.experts = experts;
    tokens = new INDArray[SETS];
    Arrays.setAll(tokens, set -> Inputs.uniform(2 + set, batch, MODEL));
  }

  /** The same layer, so many tokens at once. */
  ExpertsDecode with(int batch) {
    return new ExpertsDecode(experts, batch);
  }

  @Override
  public void run(int iteration) {
    out = experts.output(tokens[iteration % SETS]);
  }

  @Override
  public Map<String, INDArray> results() {
    return Map.of("out", out);
  }

  @Override
  public INDArray table() {
    return experts.params();
  }

  /** The three matrices of every expert that is hit, once. */
  @Override
  public long bytesRead(Shape shape) {
    long hit = Arrays.stream(tokens).mapToLong(this::hit).sum();
    return hit * 3 * MODEL * HIDDEN * Float.BYTES / SETS;
  }

  private long hit(INDArray x) {
    INDArray scores = x.mmul(experts.param("Wr"));
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
