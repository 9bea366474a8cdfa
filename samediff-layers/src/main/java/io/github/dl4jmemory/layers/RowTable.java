package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.AdamStep;
import io.github.dl4jmemory.ops.MemoryOps;
import io.github.dl4jmemory.ops.TouchedRows;
import java.util.concurrent.Executor;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;

/**
 * A table parameter [slots, valueSize] that is trained by the rows that a step touches.
 *
 * <p>One step: {@link #backward} empties the gradient rows of the step before, groups the new
 * accesses by row and writes the gradients of the touched rows into the network's gradient view;
 * DL4J then asks {@link #updater()} to turn them into updates, in place and on those rows only; the
 * network subtracts its gradient view from its parameters. Untouched rows of the gradient view are
 * zero all the time.
 *
 * <p>A step that {@link RowSparseStep} ends ({@link RowSparseTraining#attach}) is shorter: {@link
 * #backward} keeps what the gradient is made of, the updater forms it and updates the table in one
 * pass over the touched rows, and the gradient view is zero everywhere. Both give the same bits.
 *
 * <p>Memory beside the views grows with the accesses of a step, never with the number of slots.
 */
final class RowTable implements PoolTable {

  /** DL4J's file format ends here: 2^31-1 bytes an entry, and Adam keeps two floats a value. */
  static final long MAX_VALUES = 1L << 28;

  private final String layer;
  private final String key;
  private final Supplier<IUpdater> configured;
  private final DoubleSupplier gradientScale;
  private final int slices;
  private final TouchedRows ownTouched = new TouchedRows();
  private TouchedRows touched = ownTouched;
  private final RowUpdater updater = new RowUpdater(this);
  private Executor updateExecutor = Runnable::run;
  private INDArray values;
  private INDArray gradients;
  private final KeptArray keptWeights = new KeptArray();
  private final KeptArray keptGradients = new KeptArray();
  private boolean attached;
  private Bags bags;
  private boolean advised;
  private boolean live;
  private AccessWatcher watcher;
  private long witnessRow = NONE;
  private INDArray witness;

  private static final long NONE = -1;

  /** What the gradient of a step is made of. */
  private record Bags(INDArray weights, INDArray outGradients) {}

  /**
   * What the gradient of a step is made of, once its accesses are grouped.
   *
   * @param touched the accesses, by rows of the table
   * @param weights [bags, bagSize], kept by the caller until the next step
   * @param outGradients [bags, values of a row]
   */
  record Grouped(TouchedRows touched, INDArray weights, INDArray outGradients) {}

  /** A table of which every row is trained as so many rows, its slices. */
  RowTable(
      String layer,
      String key,
      int slices,
      Supplier<IUpdater> configured,
      DoubleSupplier gradientScale) {
    this.layer = layer;
    this.key = key;
    this.slices = slices;
    this.configured = configured;
    this.gradientScale = gradientScale;
  }

  /** Refuses a table that DL4J could not save and restore. */
  static void requireSize(String layer, String parameter, long slots, long valueSize) {
    Require.that(
        slots > 0 && valueSize > 0 && slots <= (MAX_VALUES - 1) / valueSize,
        layer,
        parameter,
        "a table of fewer than 2^28 values, the most that DL4J saves and restores with Adam state",
        slots + " slots of " + valueSize + " values",
        "use fewer slots or smaller values, or keep the table of a MemoryPool or UltraMem in a file(...)");
  }

  /** Refuses an updater that would need a dense pass over the table. */
  static void requireUpdater(String layer, String parameter, IUpdater updater) {
    Require.that(
        updater != null && (isRowUpdater(updater) || updater.getClass() == NoOp.class),
        layer,
        parameter,
        "Adam or Sgd, which can be applied to the touched rows alone, or NoOp",
        updater == null ? "null" : updater.getClass().getSimpleName(),
        "use new Adam(1e-3) or new Sgd(0.1), with a learning rate or schedule of its own");
  }

  private static boolean isRowUpdater(IUpdater updater) {
    return updater.getClass() == Adam.class || updater.getClass() == Sgd.class;
  }

  String key() {
    return key;
  }

  INDArray values() {
    return values;
  }

  /** False for updaters but Adam and Sgd, where DL4J's dense way is kept (gradient checks). */
  boolean rowSparse() {
    return isRowUpdater(configured.get());
  }

  /** The updater for DL4J's updater blocks; it is bound to this table, equal to no other. */
  IUpdater updater() {
    return updater;
  }

  IUpdater configured() {
    return configured.get();
  }

  /** Where updates run from now on; default: in the thread that asks for them. */
  void updateBy(Executor executor) {
    updateExecutor = executor;
  }

  /** Runs an update. */
  void update(Runnable update) {
    updateExecutor.execute(update);
  }

  double gradientScale() {
    return gradientScale.getAsDouble();
  }

  void bindValues(INDArray view) {
    values = sliced(view);
  }

  private INDArray sliced(INDArray view) {
    return slices == 1 ? view : view.reshape('c', view.size(0) * slices, view.size(1) / slices);
  }

  void bindGradients(INDArray whole) {
    INDArray view = sliced(whole);
    gradients = view;
    gradients.assign(0);
    live = false;
    witnessRow = NONE;
    witness = Nd4j.createUninitializedDetached(view.dataType(), view.size(1));
  }

  /** The next step is one that {@link RowSparseStep} ends. */
  void expectAttachedStep() {
    attached = true;
  }

  /** From now on, who sees what is read; null for none. */
  void watch(AccessWatcher watcher) {
    this.watcher = watcher;
  }

  @Override
  public void read(INDArray slots, INDArray weights, INDArray out) {
    MemoryOps.weightedBag(values, slots, weights, out);
    if (watcher != null) {
      watcher.onRead(slots);
    }
  }

  @Override
  public void weightGradient(INDArray slots, INDArray outGradients, INDArray weightGradientsOut) {
    MemoryOps.weightedBagWeightGradient(values, slots, outGradients, weightGradientsOut);
  }

  @Override
  public void backward(INDArray slots, INDArray weights, INDArray outGradients) {
    backward(slots, weights, outGradients, null);
  }

  /**
   * Writes the gradient of {@link #read} into the rows of the gradient view, or keeps what it is
   * made of.
   *
   * @param slots LONG [bags, bagSize]
   * @param weights [bags, bagSize]
   * @param outGradients [bags, valueSize]
   * @param weightGradientsOut [bags, bagSize], assigned; null where weights are constants
   */
  void backward(
      INDArray slots, INDArray weights, INDArray outGradients, INDArray weightGradientsOut) {
    if (watcher != null) {
      watchedBackward(slots, weights, outGradients, weightGradientsOut);
      return;
    }
    eraseLastStep();
    touched = ownTouched;
    touched.group(slots, values.size(0));
    INDArray valueGradientsOut = null;
    if (attached) {
      bags = new Bags(keptWeights.keep(weights), keptGradients.keep(outGradients));
      attached = false;
    } else {
      live = true;
      valueGradientsOut = gradients;
    }
    if (valueGradientsOut != null || weightGradientsOut != null) {
      MemoryOps.weightedBagGradient(
          values, weights, outGradients, touched, valueGradientsOut, weightGradientsOut);
    }
  }

  /** As {@link #backward} without gradients of weights, of bags that are grouped when asked for. */
  void backward(Supplier<Grouped> bagsOfStep) {
    eraseLastStep();
    Grouped step = bagsOfStep.get();
    touched = step.touched();
    if (attached) {
      bags = new Bags(step.weights(), keptGradients.keep(step.outGradients()));
      attached = false;
    } else {
      live = true;
      MemoryOps.weightedBagGradient(
          values, step.weights(), step.outGradients(), touched, gradients, null);
    }
  }

  private void watchedBackward(
      INDArray slots, INDArray weights, INDArray outGradients, INDArray weightGradientsOut) {
    if (weightGradientsOut != null) {
      weightGradient(slots, outGradients, weightGradientsOut);
    }
    watcher.onBackward(slots, weights, outGradients);
  }

  @Override
  public void backwardOfNothing() {
    if (watcher != null) {
      watcher.onBackwardOfNothing();
      return;
    }
    eraseLastStep();
    attached = false;
  }

  private void eraseLastStep() {
    if (!rowSparse() || live && overwritten()) {
      gradients.assign(0); // other updaters and regularisation write to rows that no step touched
    } else if (live) {
      MemoryOps.zeroRows(touched, gradients);
    }
    live = false;
    bags = null;
    witnessRow = NONE;
  }

  /** Turns the gradient rows of this step into update rows, or updates the table. */
  void applyAdam(Adam adam, INDArray m, INDArray v, int iteration, int epoch) {
    AdamStep step = RowUpdater.step(adam, iteration, epoch, gradientScale());
    adviseHugePages(values, m, v);
    if (bags != null) {
      MemoryOps.bagAdam(values, m, v, bags.weights(), bags.outGradients(), touched, step);
      bags = null;
    } else if (live) {
      MemoryOps.rowAdam(touched, gradients, m, v, step);
      remember();
    }
  }

  /** Turns the gradient rows of this step into update rows, or updates the table. */
  void applySgd(Sgd sgd, int iteration, int epoch) {
    double rate = sgd.getLearningRate(iteration, epoch);
    adviseHugePages(values);
    if (bags != null) {
      MemoryOps.bagSgd(values, bags.weights(), bags.outGradients(), touched, rate, gradientScale());
      bags = null;
    } else if (live) {
      MemoryOps.rowSgd(touched, gradients, rate, gradientScale());
      remember();
    }
  }

  /** Once: the pages stay what they are. */
  private void adviseHugePages(INDArray... tables) {
    if (!advised) {
      advised = true;
      for (INDArray table : tables) {
        MemoryOps.adviseHugePages(table);
      }
    }
  }

  UnsupportedOperationException unsupported(
      String parameter, String expected, String got, String fix) {
    return new UnsupportedOperationException(
        Require.text(layer, key + " " + parameter, expected, got, fix));
  }

  long shape(int axis) {
    return values.size(axis);
  }

  /** Whether this array is the gradient view of the table. */
  boolean ownsGradients(INDArray array) {
    return gradients != null
        && array.length() == gradients.length()
        && array.data().addressPointer().address() == gradients.data().addressPointer().address();
  }

  // ParallelWrapper's shared gradients overwrite the whole gradient view with the updates of all
  // workers. One row of the updates is therefore kept, to see whether the view is still ours.

  private void remember() {
    INDArray rows = touched.rows();
    long candidates = Math.min(touched.count(), MOST_CANDIDATES);
    for (long i = 0; i < candidates && witnessRow == NONE; i++) {
      witness.assign(gradients.getRow(rows.getLong(i)));
      if (witness.amaxNumber().doubleValue() > 0) {
        witnessRow = rows.getLong(i);
      }
    }
    if (witnessRow == NONE) {
      witnessRow = ALL_ZERO;
    }
  }

  private static final long ALL_ZERO = -2;
  private static final long MOST_CANDIDATES = 8;

  private boolean overwritten() {
    return witnessRow == ALL_ZERO
        || witnessRow >= 0 && gradients.getRow(witnessRow).neq(witness).any();
  }
}
