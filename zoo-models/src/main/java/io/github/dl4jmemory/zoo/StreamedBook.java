package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.SeparatorAttention;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A text as a network predicts it while it reads it token by token.
 *
 * @param name of its file
 * @param tokens that were predicted: all but the first
 * @param bytes that they stand for
 * @param nats their loss together
 * @param seconds that took
 * @param cacheBytes memory for keys and values at the end, which never shrinks before
 * @param stretches the loss up to 64, 128, 256, ... tokens
 */
record StreamedBook(
    String name,
    long tokens,
    long bytes,
    double nats,
    double seconds,
    long cacheBytes,
    List<Stretch> stretches) {
  private static final int FIRST_STRETCH = 64;

  /** Loss of the first tokens together. */
  record Stretch(long tokens, double nats) {}

  StreamedBook {
    stretches = List.copyOf(stretches);
  }

  /**
   * Reads a text by {@code rnnTimeStep}, from its beginning. Each token is predicted from what the
   * cache keeps when its turn is, however many are passed at once.
   *
   * @param ids at least two
   * @param chunk tokens passed at once
   */
  static StreamedBook read(
      ComputationGraph network, String name, int[] ids, ByteLevelBpe tokenizer, int chunk) {
    network.rnnClearPreviousState();
    long begin = System.nanoTime();
    double nats = 0;
    int stretch = FIRST_STRETCH;
    List<Stretch> stretches = new ArrayList<>();
    for (int from = 0; from + 1 < ids.length; from += chunk) {
      int[] part = Arrays.copyOfRange(ids, from, Math.min(from + chunk, ids.length - 1));
      INDArray p = network.rnnTimeStep(Nd4j.createFromArray(part).reshape(1, part.length))[0];
      for (int t = 0; t < part.length; t++) {
        nats -= Math.log(p.getDouble(0, t, ids[from + t + 1]));
        if (from + t + 1 == stretch) {
          stretches.add(new Stretch(stretch, nats));
          stretch *= 2;
        }
      }
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    long cacheBytes = SeparatorAttention.cacheBytes(network);
    network.rnnClearPreviousState();
    long bytes = tokenizer.decodeBytes(Arrays.copyOfRange(ids, 1, ids.length)).length;
    return new StreamedBook(name, ids.length - 1, bytes, nats, seconds, cacheBytes, stretches);
  }
}
