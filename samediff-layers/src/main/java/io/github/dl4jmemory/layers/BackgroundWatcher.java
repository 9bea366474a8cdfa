package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Counts the batches that read each slot of a table. */
final class BackgroundWatcher implements AccessWatcher {

  private final int[] readBy;
  private final int[] lastReadIn;
  private int batch = 1;

  BackgroundWatcher(long slots) {
    readBy = new int[Math.toIntExact(slots)];
    lastReadIn = new int[readBy.length];
  }

  int[] readBy() {
    return readBy;
  }

  void endBatch() {
    batch++;
  }

  @Override
  public void onRead(INDArray slots) {
    for (long slot : slots.dup('c').data().asLong()) {
      int row = (int) slot;
      if (lastReadIn[row] != batch) {
        lastReadIn[row] = batch;
        readBy[row]++;
      }
    }
  }

  @Override
  public void onBackward(INDArray slots, INDArray weights, INDArray outGradients) {
    // only forward passes are counted
  }

  @Override
  public void onBackwardOfNothing() {
    // only forward passes are counted
  }
}
