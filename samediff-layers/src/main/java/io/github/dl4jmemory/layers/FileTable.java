package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.MemoryOps;
import io.github.dl4jmemory.ops.TouchedRows;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.function.DoubleSupplier;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;

/**
 * The table of a {@link MemoryPool} with a file. The network's parameters hold the fingerprint of
 * the file: where it names a checkpoint the file is opened at once, and a new pool's is created at
 * the first use. Rows change when DL4J asks {@link #updater()} for the update of the fingerprint,
 * which is nothing.
 */
final class FileTable implements PoolTable, SelfUpdater.Target {

  private final MemoryPool pool;
  private final String title;
  private final DoubleSupplier gradientScale;
  private final TouchedRows touched = new TouchedRows();
  private final KeptArray keptWeights = new KeptArray();
  private final KeptArray keptGradients = new KeptArray();
  private final SelfUpdater updater = new SelfUpdater(this);
  private final Residence residence = new Residence();
  private INDArray fingerprint;
  private PoolFile file;
  private Bags bags;
  private PoolStamp prepared;
  private boolean closed;

  /** What the gradient of a step is made of, beside the rows touched. */
  private record Bags(INDArray weights, INDArray outGradients) {}

  FileTable(MemoryPool pool, String title, DoubleSupplier gradientScale) {
    this.pool = pool;
    this.title = title;
    this.gradientScale = gradientScale;
  }

  IUpdater updater() {
    return updater;
  }

  @Override
  public IUpdater configured() {
    return pool.getUpdaterByParam(MemoryPool.FINGERPRINT);
  }

  // ---------------------------------------------------------------------- the file and its stamp

  /** Takes the parameter of the network; opens the file that it names. */
  void bind(INDArray parameter) {
    fingerprint = parameter;
    assigned();
  }

  /** To be called when the parameter was assigned: a fingerprint of another file is refused. */
  void assigned() {
    if (file == null) {
      if (!closed && PoolFingerprint.of(title, fingerprint) != null) {
        open();
      }
      return;
    }
    try {
      requireOwn();
    } catch (IllegalArgumentException e) {
      file.fingerprint().write(fingerprint);
      throw e;
    }
  }

  /** The file, opened or created; an error where it is closed, or the parameter is another's. */
  PoolFile file() {
    if (closed) {
      throw new IllegalStateException(
          Require.text(
              title,
              "file",
              "an open pool file",
              pool.getFile() + ", closed by PoolFiles.close",
              "restore the model"));
    }
    if (file == null) {
      open();
    }
    requireOwn();
    return file;
  }

  private void requireOwn() {
    PoolFingerprint own = file.fingerprint();
    PoolFingerprint given = PoolFingerprint.of(title, fingerprint);
    Require.that(
        own.equals(given),
        title,
        MemoryPool.FINGERPRINT,
        "the fingerprint of the open file, " + own.describe(),
        given == null ? "none" : given.describe() + " of file " + given.stamp().file(),
        "leave the pool's parameters as they are, and restore a model by PoolFiles.restore");
  }

  private void open() {
    Path path = Path.of(pool.getFile()).toAbsolutePath();
    PoolLayout layout = pool.layout();
    PoolFingerprint wanted = PoolFingerprint.of(title, fingerprint);
    try {
      if (wanted == null) {
        file = PoolFile.create(title, path, layout, new NewPool(layout));
      } else {
        file = PoolFile.open(title, path, layout, wanted);
      }
      file.fingerprint().write(fingerprint);
    } catch (IOException e) {
      throw failure(e);
    }
  }

  void close() {
    closed = true;
    bags = null;
    if (file != null) {
      file.close();
      file = null;
    }
  }

  /** First half of a checkpoint: the parameter names it until {@link #endSaving}. */
  void prepare() throws IOException {
    prepared = file().prepare();
    PoolFingerprint.at(prepared).write(fingerprint);
  }

  String path() {
    return pool.getFile();
  }

  /** Copies the file as it is now; the parameter names the copy until {@link #endSaving}. */
  void copyTo(String path) throws IOException {
    PoolStamp copy = file().copyTo(title, Path.of(path).toAbsolutePath());
    PoolFingerprint.at(copy).write(fingerprint);
  }

  /** Second half, when the model was saved. */
  void commit() throws IOException {
    file.commit(prepared);
  }

  /** After a checkpoint, or the attempt: the parameter names what the file is. */
  void endSaving() {
    prepared = null;
    if (file != null) {
      file.fingerprint().write(fingerprint);
    }
  }

  // ---------------------------------------------------------------------------------- the steps

  @Override
  public void read(INDArray slots, INDArray weights, INDArray out) {
    MemoryOps.weightedBag(file().memory().values(), slots, weights, out);
    bound(slots.length());
  }

  @Override
  public void weightGradient(INDArray slots, INDArray outGradients, INDArray weightGradientsOut) {
    MemoryOps.weightedBagWeightGradient(
        file().memory().values(), slots, outGradients, weightGradientsOut);
    bound(slots.length());
  }

  @Override
  public void backward(INDArray slots, INDArray weights, INDArray outGradients) {
    touched.group(slots, pool.getSlots());
    bags = new Bags(keptWeights.keep(weights), keptGradients.keep(outGradients));
  }

  @Override
  public void backwardOfNothing() {
    bags = null;
  }

  /** Changes the rows of the last backward pass, once; called when DL4J applies updaters. */
  @Override
  public void update(INDArray gradient, int iteration, int epoch) {
    IUpdater kind = configured();
    if (bags == null || kind instanceof NoOp) {
      return;
    }
    Bags step = bags;
    bags = null;
    try {
      file().beforeChange(touched.rows().toLongVector());
      try {
        change(step, kind, iteration, epoch);
      } finally {
        file.fingerprint().write(fingerprint);
      }
    } catch (IOException e) {
      throw failure(e);
    }
    bound(touched.count());
  }

  /** Keeps the resident memory small. */
  private void bound(long accesses) {
    try {
      if (residence.exceeded(accesses)) {
        file.memory().release();
      }
    } catch (IOException e) {
      throw failure(e);
    }
    Reference.reachabilityFence(this); // until here the memory is in use
  }

  private UncheckedIOException failure(IOException e) {
    return new UncheckedIOException("[" + title + "] " + pool.getFile() + ": " + e.getMessage(), e);
  }

  /** The number of the step is the seed of its rounding. */
  private void change(Bags step, IUpdater kind, int iteration, int epoch) {
    PoolMemory memory = file.memory();
    double scale = gradientScale.getAsDouble();
    if (kind instanceof Adam adam) {
      MemoryOps.bagAdam(
          memory.values(),
          memory.m(),
          memory.v(),
          step.weights(),
          step.outGradients(),
          touched,
          RowUpdater.step(adam, iteration, epoch, scale),
          iteration);
    } else {
      double rate = ((Sgd) kind).getLearningRate(iteration, epoch);
      MemoryOps.bagSgd(
          memory.values(), step.weights(), step.outGradients(), touched, rate, scale, iteration);
    }
  }
}
