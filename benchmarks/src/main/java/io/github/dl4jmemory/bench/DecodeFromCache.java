package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.ops.MemoryOps;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * One token's attention to caches of 562 keys, the mean of a cache of 800 ({@link
 * SeparatorDecode}), with rotary positions in the cache: 12 heads of 64, 16 texts, so that their
 * keys and values are more than the processor's caches hold.
 */
final class DecodeFromCache implements Workload {
  private static final int BATCH = 16;
  private static final int HEADS = SeparatorDecode.HEADS;
  private static final int HEAD_SIZE = SeparatorDecode.HEAD_SIZE;
  private static final int CAPACITY = 801;
  private static final long KEPT = 562;

  private final INDArray query = Inputs.uniform(1, BATCH, HEADS, HEAD_SIZE);
  private final INDArray keys = Inputs.uniform(2, BATCH, HEADS, CAPACITY, HEAD_SIZE);
  private final INDArray values = Inputs.uniform(3, BATCH, HEADS, CAPACITY, HEAD_SIZE);
  private final INDArray counts = Nd4j.valueArrayOf(new long[] {BATCH}, KEPT, DataType.INT64);
  private final INDArray cosines = Nd4j.create(DataType.FLOAT, CAPACITY, HEAD_SIZE / 2);
  private final INDArray sines = Nd4j.create(DataType.FLOAT, CAPACITY, HEAD_SIZE / 2);
  private final INDArray weights = Nd4j.create(DataType.FLOAT, BATCH, HEADS, CAPACITY);
  private final INDArray out = Nd4j.create(DataType.FLOAT, BATCH, HEADS, HEAD_SIZE);

  DecodeFromCache() {
    for (int j = 0; j < CAPACITY; j++) {
      for (int i = 0; i < HEAD_SIZE / 2; i++) {
        double angle = j * Math.pow(10000, -2.0 * i / HEAD_SIZE);
        cosines.putScalar(j, i, Math.cos(angle));
        sines.putScalar(j, i, Math.sin(angle));
      }
    }
  }

  @Override
  public void run(int iteration) {
    MemoryOps.decodeAttention(query, keys, values, counts, cosines, sines, weights, out);
  }

  @Override
  public Map<String, INDArray> results() {
    return Map.of("out", out);
  }

  @Override
  public INDArray table() {
    return keys;
  }

  /** Keys and values that count, once. */
  @Override
  public long bytesRead(Shape shape) {
    return 2 * BATCH * HEADS * KEPT * HEAD_SIZE * Float.BYTES;
  }
}
