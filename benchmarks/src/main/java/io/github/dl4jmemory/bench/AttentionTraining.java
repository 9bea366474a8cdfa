package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.ops.MemoryOps;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Attention of one text of 4096 tokens and its gradient, 12 heads of 64: to the first 4 tokens,
 * separators (11.5% of the tokens) and a window, or to all tokens before.
 */
final class AttentionTraining implements Workload {
  static final int TIME = 4096;
  private static final int HEADS = 12;
  private static final int HEAD_SIZE = 64;
  private static final int INITIAL = 4;
  private static final int SEPARATORS_OF_1000 = 115;

  private final long window;
  private final INDArray query = Inputs.uniform(1, 1, TIME, HEADS, HEAD_SIZE);
  private final INDArray keys = Inputs.uniform(2, 1, TIME, HEADS, HEAD_SIZE);
  private final INDArray values = Inputs.uniform(3, 1, TIME, HEADS, HEAD_SIZE);
  private final INDArray outGradients = Inputs.uniform(4, 1, TIME, HEADS, HEAD_SIZE);
  private final INDArray kinds = Nd4j.zeros(DataType.INT8, 1, TIME);
  private final INDArray out = query.like();
  private final INDArray logSums = Nd4j.create(DataType.FLOAT, 1, HEADS, TIME);
  private final INDArray queryGradients = query.like();
  private final INDArray keyGradients = query.like();
  private final INDArray valueGradients = query.like();

  /** To all tokens where the window is as long as the text. */
  AttentionTraining(int window) {
    this.window = window;
    for (int i = 0; i < TIME; i++) {
      boolean separator = Integer.remainderUnsigned(Inputs.mix(5, i), 1000) < SEPARATORS_OF_1000;
      kinds.putScalar(0, i, separator ? 1 : 0);
    }
  }

  @Override
  public void run(int iteration) {
    MemoryOps.separatorAttention(query, keys, values, kinds, INITIAL, window, out, logSums);
    MemoryOps.separatorAttentionGradient(
        query,
        keys,
        values,
        kinds,
        INITIAL,
        window,
        out,
        logSums,
        outGradients,
        queryGradients,
        keyGradients,
        valueGradients);
  }

  @Override
  public Map<String, INDArray> results() {
    return Map.of(
        "out",
        out,
        "queryGradients",
        queryGradients,
        "keyGradients",
        keyGradients,
        "valueGradients",
        valueGradients);
  }
}
