package io.github.dl4jmemory.zoo;

import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Batches of token rows. The batch of a step is a function of the step alone, so that training
 * resumes from the number of the step.
 */
interface TrainingData {
  /**
   * The batches of one training; may keep something of the last step, so for one user at a time.
   */
  @FunctionalInterface
  interface Batches {
    /** Token ids of the rows of a step, each of at least 2 tokens, none longer than context + 1. */
    List<int[]> rows(long step);
  }

  /** New batches, the same ones at every call. Everything else here is for all threads at once. */
  Batches batches();

  /** Rows that are never trained on; may be empty. */
  List<int[]> heldOut();

  /** Inputs of the longest row. */
  int context();

  /** Tokens that the loss counts in some rows. */
  static long predicted(List<int[]> rows) {
    return rows.stream().mapToLong(row -> row.length - 1).sum();
  }

  /**
   * Ids and the ids that follow them, [rows, context], with a mask of the labels where a row is
   * shorter than the context. Attention is causal: what fills the end of a row changes nothing.
   */
  static MultiDataSet batch(List<int[]> rows, int context) {
    float[] ids = new float[rows.size() * context];
    float[] next = new float[ids.length];
    float[] mask = new float[ids.length];
    for (int r = 0; r < rows.size(); r++) {
      int[] row = rows.get(r);
      for (int t = 0; t + 1 < row.length; t++) {
        ids[r * context + t] = row[t];
        next[r * context + t] = row[t + 1];
        mask[r * context + t] = 1;
      }
    }
    long[] shape = {rows.size(), context};
    return new MultiDataSet(
        new INDArray[] {Nd4j.createFromArray(ids).reshape(shape)},
        new INDArray[] {Nd4j.createFromArray(next).reshape(shape)},
        null,
        new INDArray[] {Nd4j.createFromArray(mask).reshape(shape)});
  }
}
