package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What one token's attention to a cache reads, as {@link MemoryOps#decodeAttention} says it.
 *
 * @param query [batch, heads, headSize]
 * @param keys [batch, keyValueHeads, capacity, headSize]
 * @param values shape of keys
 * @param counts LONG [batch]
 * @param cosines [positions, rotary / 2]; null: nothing turns
 * @param sines shape of cosines; null: nothing turns
 */
record DecodeInput(
    INDArray query,
    INDArray keys,
    INDArray values,
    INDArray counts,
    INDArray cosines,
    INDArray sines) {

  long batch() {
    return query.size(0);
  }

  long heads() {
    return query.size(1);
  }

  long headSize() {
    return query.size(2);
  }

  long keyValueHeads() {
    return keys.size(1);
  }

  long capacity() {
    return keys.size(2);
  }

  /** Features of a head that turn. */
  long rotary() {
    return cosines == null ? 0 : 2 * cosines.size(1);
  }
}
