package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Keys and values [batch, keyValueHeads, capacity, headSize] of a cache, off the heap, where the
 * keys of a head stand in sequence.
 */
final class KeyValueMemory {

  private final DataType dataType;
  private final int batch;
  private final int groups;
  private final int headSize;
  private int capacity;
  private INDArray keys;
  private INDArray values;
  private OffHeapBytes keyBytes;
  private OffHeapBytes valueBytes;

  KeyValueMemory(DataType dataType, int batch, int keyValueHeads, int headSize, int capacity) {
    this.dataType = dataType;
    this.batch = batch;
    this.groups = keyValueHeads;
    this.headSize = headSize;
    allocate(capacity);
  }

  private void allocate(int places) {
    keys = Nd4j.createUninitializedDetached(dataType, batch, groups, places, headSize);
    values = Nd4j.createUninitializedDetached(dataType, batch, groups, places, headSize);
    keyBytes = new OffHeapBytes(keys);
    valueBytes = new OffHeapBytes(values);
    capacity = places;
  }

  INDArray keys() {
    return keys;
  }

  INDArray values() {
    return values;
  }

  int capacity() {
    return capacity;
  }

  long bytes() {
    return (keys.length() + values.length()) * dataType.width();
  }

  /** Writes keys and values of a token: number {@code token} of rows [keyValueHeads, headSize]. */
  void put(int row, int place, OffHeapBytes newKeys, OffHeapBytes newValues, long token) {
    for (int group = 0; group < groups; group++) {
      long from = (token * groups + group) * headSize;
      keyBytes.copy(newKeys, from, at(row, group, place), headSize);
      valueBytes.copy(newValues, from, at(row, group, place), headSize);
    }
  }

  /** Moves places of a row to lower ones; the two may overlap. */
  void move(int row, int from, int to, int places) {
    for (int group = 0; group < groups; group++) {
      long source = at(row, group, from);
      keyBytes.move(source, at(row, group, to), (long) places * headSize);
      valueBytes.move(source, at(row, group, to), (long) places * headSize);
    }
  }

  /** Another capacity; the first places of each row stay. */
  void resize(int places) {
    INDArray oldKeys = keys;
    INDArray oldValues = values;
    OffHeapBytes fromKeys = keyBytes;
    OffHeapBytes fromValues = valueBytes;
    long step = (long) capacity * headSize;
    long kept = (long) Math.min(capacity, places) * headSize;
    allocate(places);
    for (int task = 0; task < batch * groups; task++) {
      long to = at(0, task, 0);
      keyBytes.copy(fromKeys, task * step, to, kept);
      valueBytes.copy(fromValues, task * step, to, kept);
    }
    oldKeys.close();
    oldValues.close();
  }

  /** The first places of all rows and heads, copied: [batch, keyValueHeads, places, headSize]. */
  INDArray export(boolean ofKeys, int places) {
    INDArray copy = Nd4j.createUninitializedDetached(dataType, batch, groups, places, headSize);
    OffHeapBytes to = new OffHeapBytes(copy);
    for (long task = 0; task < (long) batch * groups; task++) {
      to.copy(
          ofKeys ? keyBytes : valueBytes,
          task * capacity * headSize,
          task * places * headSize,
          (long) places * headSize);
    }
    return copy;
  }

  /** Takes what {@link #export} gave; the capacity must suffice. */
  void restore(INDArray oldKeys, INDArray oldValues) {
    long places = oldKeys.size(2);
    OffHeapBytes fromKeys = new OffHeapBytes(oldKeys);
    OffHeapBytes fromValues = new OffHeapBytes(oldValues);
    for (long task = 0; task < (long) batch * groups; task++) {
      long from = task * places * headSize;
      long to = task * capacity * headSize;
      keyBytes.copy(fromKeys, from, to, places * headSize);
      valueBytes.copy(fromValues, from, to, places * headSize);
    }
  }

  private long at(int row, int group, int place) {
    return (((long) row * groups + group) * capacity + place) * headSize;
  }
}
