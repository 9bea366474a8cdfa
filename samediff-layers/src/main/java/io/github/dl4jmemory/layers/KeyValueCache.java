package io.github.dl4jmemory.layers;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Keys and values of the steps so far, for {@code rnnTimeStep}. Capacity doubles when it is used
 * up, so n steps copy O(n) values in all.
 *
 * @param <A> float[] or double[]
 */
final class KeyValueCache<A> {

  static final String KEYS = "keys";
  static final String VALUES = "values";
  static final String MASK = "mask";

  private static final int FIRST_CAPACITY = 64;

  private final Reals<A> reals;
  private final int batch;
  private final int groups;
  private final int headSize;
  private int length;
  private int capacity;
  private A keys; // [batch * groups, headSize, capacity]: transposed, as scores read them
  private A values; // [batch * groups, capacity, headSize]
  private boolean[] keep; // [batch, capacity]; null: all

  KeyValueCache(Reals<A> reals, int batch, int keyValueHeads, int headSize) {
    this.reals = reals;
    this.batch = batch;
    this.groups = keyValueHeads;
    this.headSize = headSize;
    this.keys = reals.allocate(0);
    this.values = reals.allocate(0);
  }

  int batch() {
    return batch;
  }

  int length() {
    return length;
  }

  /** Appends rows [batch * time, keyValueHeads * headSize]; keepNew [batch * time] or null. */
  void append(A k, A v, boolean[] keepNew, int time) {
    reserve(Math.addExact(length, time));
    int width = groups * headSize;
    for (int b = 0; b < batch; b++) {
      for (int group = 0; group < groups; group++) {
        int from = b * time * width + group * headSize;
        int task = b * groups + group;
        reals.transpose(
            k, from, width, time, headSize, keys, task * headSize * capacity + length, capacity);
        for (int t = 0; t < time; t++) {
          int to = (task * capacity + length + t) * headSize;
          reals.copy(v, from + t * width, values, to, headSize);
        }
      }
    }
    appendMask(keepNew, time);
    length += time;
  }

  private void appendMask(boolean[] keepNew, int time) {
    if (keep == null && keepNew == null) {
      return;
    }
    if (keep == null) {
      keep = new boolean[batch * capacity];
      Arrays.fill(keep, true);
    }
    for (int b = 0; b < batch; b++) {
      for (int t = 0; t < time; t++) {
        keep[b * capacity + length + t] = keepNew == null || keepNew[b * time + t];
      }
    }
  }

  private void reserve(int needed) {
    if (needed <= capacity) {
      return;
    }
    int larger = Math.max(Math.max(FIRST_CAPACITY, needed), Math.multiplyExact(2, capacity));
    int size = Math.multiplyExact(Math.multiplyExact(batch * groups, headSize), larger);
    A moreKeys = reals.allocate(size);
    A moreValues = reals.allocate(size);
    for (int row = 0; row < batch * groups * headSize; row++) {
      reals.copy(keys, row * capacity, moreKeys, row * larger, length);
    }
    for (int task = 0; task < batch * groups; task++) {
      int from = task * capacity * headSize;
      reals.copy(values, from, moreValues, task * larger * headSize, length * headSize);
    }
    if (keep != null) {
      boolean[] moreKeep = new boolean[batch * larger];
      for (int b = 0; b < batch; b++) {
        System.arraycopy(keep, b * capacity, moreKeep, b * larger, length);
      }
      keep = moreKeep;
    }
    keys = moreKeys;
    values = moreValues;
    capacity = larger;
  }

  /** Assigns out: attention of the last {@code time} steps, whose queries q are, over all steps. */
  void attend(AttentionKernel<A> kernel, int heads, A q, A out, int time) {
    int start = length - time;
    Parallel.forEach(
        batch * groups,
        task -> {
          A scores = reals.allocate(length);
          int perGroup = heads / groups;
          for (int h = 0; h < perGroup; h++) {
            int head = task % groups * perGroup + h;
            for (int i = 0; i < time; i++) {
              attend(kernel, task, heads, head, start + i, i, time, q, out, scores);
            }
          }
        });
  }

  private void attend(
      AttentionKernel<A> kernel,
      int task,
      int heads,
      int head,
      int position,
      int i,
      int time,
      A q,
      A out,
      A scores) {
    int b = task / groups;
    int row = ((b * time + i) * heads + head) * headSize;
    reals.fill(out, row, row + headSize, 0);
    if (keep == null || keep[b * capacity + position]) {
      kernel.attend(
          q,
          row,
          keys,
          task * headSize * capacity,
          capacity,
          values,
          task * capacity * headSize,
          headSize,
          keep,
          b * capacity,
          position + 1,
          scores,
          out);
    }
  }

  /** Copies of the state, as CausalAttention documents them. */
  Map<String, INDArray> export(DataType dataType) {
    Map<String, INDArray> state = new HashMap<>();
    int width = groups * headSize;
    INDArray k = Nd4j.createUninitializedDetached(dataType, batch, length, width);
    INDArray v = Nd4j.createUninitializedDetached(dataType, batch, length, width);
    A rows = reals.allocate(batch * length * width);
    forEachHead(
        (task, at) -> {
          for (int t = 0; t < length; t++) {
            for (int i = 0; i < headSize; i++) {
              int from = (task * headSize + i) * capacity + t;
              reals.copy(keys, from, rows, at + t * width + i, 1);
            }
          }
        });
    reals.write(rows, k);
    forEachHead(
        (task, at) -> {
          for (int t = 0; t < length; t++) {
            reals.copy(values, (task * capacity + t) * headSize, rows, at + t * width, headSize);
          }
        });
    reals.write(rows, v);
    state.put(KEYS, k);
    state.put(VALUES, v);
    if (keep != null) {
      state.put(MASK, exportMask(dataType));
    }
    return state;
  }

  private INDArray exportMask(DataType dataType) {
    INDArray mask = Nd4j.createUninitializedDetached(dataType, batch, length);
    for (int b = 0; b < batch; b++) {
      for (int t = 0; t < length; t++) {
        mask.putScalar(b, t, keep[b * capacity + t] ? 1 : 0);
      }
    }
    return mask;
  }

  private interface HeadAction {
    void run(int task, int at);
  }

  private void forEachHead(HeadAction action) {
    for (int b = 0; b < batch; b++) {
      for (int group = 0; group < groups; group++) {
        action.run(b * groups + group, b * length * groups * headSize + group * headSize);
      }
    }
  }
}
