package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.layers.SwiGlu;
import io.github.dl4jmemory.layers.UltraMem;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The feed-forward part of a block at decoding, one token a sequence, other tokens at the next
 * iterations: a dense layer, or a narrower one and a memory whose outputs are added. Both have the
 * multiply-adds per token of {@link ExpertsDecode}, 16.9 million, to a thousandth; the second has
 * its number of parameters, 270 million, to a hundredth.
 */
final class FeedForwardDecode implements Workload {
  private static final int MODEL = ExpertsDecode.MODEL;
  private static final int DENSE_HIDDEN = 5512;
  private static final int HIDDEN_BESIDE_MEMORY = 4168;
  private static final int SUB_KEYS = 704; // 495,616 slots of 512 values: 1.01 GB
  private static final int SETS = 8;

  private final List<SingleLayer> parts;
  private final INDArray[] tokens;
  private INDArray out;

  private FeedForwardDecode(int batch, List<SingleLayer> parts) {
    this.parts = parts;
    tokens = new INDArray[SETS];
    Arrays.setAll(tokens, set -> Inputs.uniform(2 + set, batch, MODEL));
  }

  /** The same layers, so many tokens at once. */
  FeedForwardDecode with(int batch) {
    return new FeedForwardDecode(batch, parts);
  }

  static FeedForwardDecode dense(Shape shape) {
    return new FeedForwardDecode(shape.batch(), List.of(feedForward(DENSE_HIDDEN)));
  }

  static FeedForwardDecode ultraMem(Shape shape) {
    UltraMem memory = UltraMem.builder().nIn(MODEL).nOut(MODEL).subKeys(SUB_KEYS).build();
    return new FeedForwardDecode(
        shape.batch(), List.of(new SingleLayer(memory), feedForward(HIDDEN_BESIDE_MEMORY)));
  }

  private static SingleLayer feedForward(int hidden) {
    return new SingleLayer(SwiGlu.builder().nIn(MODEL).hiddenSize(hidden).build());
  }

  @Override
  public void run(int iteration) {
    INDArray x = tokens[iteration % SETS];
    out = parts.get(0).output(x);
    for (SingleLayer part : parts.subList(1, parts.size())) {
      out.addi(part.output(x));
    }
  }

  @Override
  public Map<String, INDArray> results() {
    return Map.of("out", out);
  }

  @Override
  public INDArray table() {
    return parts.get(0).params();
  }
}
