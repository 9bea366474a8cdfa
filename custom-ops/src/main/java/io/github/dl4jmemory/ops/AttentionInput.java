package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What an attention reads, as {@link MemoryOps#separatorAttention} says it.
 *
 * @param query [batch, time, heads, headSize]
 * @param keys [batch, time, keyValueHeads, headSize]
 * @param values shape of keys
 * @param kinds BYTE [batch, time]
 */
record AttentionInput(
    INDArray query, INDArray keys, INDArray values, INDArray kinds, long initial, long window) {
  static final byte SEPARATOR = 1;
  static final byte PADDING = 2;

  long batch() {
    return query.size(0);
  }

  long time() {
    return query.size(1);
  }

  long heads() {
    return query.size(2);
  }

  long keyValueHeads() {
    return keys.size(2);
  }

  long headSize() {
    return query.size(3);
  }
}
