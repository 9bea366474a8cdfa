package io.github.dl4jmemory.layers;

import java.util.List;
import org.deeplearning4j.optimize.api.StepFunction;
import org.deeplearning4j.optimize.solvers.accumulation.GradientsAccumulator;
import org.deeplearning4j.optimize.solvers.accumulation.IndexedTail;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * DL4J's hook around a step: before its forward pass it tells the tables that they are updated in
 * one pass, and at its end, {@code params -= updates}, it leaves them out. It accumulates nothing.
 */
final class RowSparseStep implements GradientsAccumulator {

  private static final long serialVersionUID = 1L;

  private final transient List<long[]> dense;
  private final transient List<RowTable> tables;

  RowSparseStep(List<long[]> dense, List<RowTable> tables) {
    this.dense = List.copyOf(dense);
    this.tables = List.copyOf(tables);
  }

  @Override
  public void applyUpdate(
      StepFunction function, INDArray params, INDArray updates, boolean isFinalStep) {
    INDArray flatParams = params.reshape(params.length());
    INDArray flatUpdates = updates.reshape(updates.length());
    for (long[] stretch : dense) {
      function.step(stretch(flatParams, stretch), stretch(flatUpdates, stretch));
    }
  }

  private static INDArray stretch(INDArray flat, long[] bounds) {
    return flat.get(NDArrayIndex.interval(bounds[0], bounds[1]));
  }

  @Override
  public void applyUpdate(StepFunction function, INDArray params, INDArray updates, double alpha) {
    function.step(params, updates, alpha);
  }

  /**
   * {@inheritDoc} DL4J asks this before the forward pass of every step that ends here, and of no
   * other: not where ParallelWrapper has put an accumulator of its own in this one's place.
   */
  @Override
  public boolean hasAnything() {
    tables.forEach(RowTable::expectAttachedStep);
    return false;
  }

  @Override
  public void storeUpdate(INDArray updates, int iteration, int epoch) {
    // applyUpdate gets the same array next
  }

  private static UnsupportedOperationException noOtherWorkers() {
    return new UnsupportedOperationException(
        Require.text(
            "RowSparseTraining",
            "gradients",
            "those of the attached network",
            "updates of other workers",
            "train with fit(...), or give the workers' accumulator to a network that is not"
                + " attached"));
  }

  @Override
  public void receiveUpdate(INDArray updates) {
    throw noOtherWorkers();
  }

  @Override
  public void setExternalSource(IndexedTail source) {
    throw noOtherWorkers();
  }

  @Override
  public IndexedTail getExternalSource() {
    return null;
  }

  @Override
  public void markExternalUpdates(boolean updatesAvailable) {
    // there are none
  }

  @Override
  public void reset() {
    // nothing is kept
  }

  @Override
  public void touch() {
    // no state per thread
  }
}
