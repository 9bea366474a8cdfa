package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.AdamStep;
import io.github.dl4jmemory.ops.CompactTable;
import io.github.dl4jmemory.ops.MemoryOps;
import io.github.dl4jmemory.ops.TouchedRows;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.function.DoubleSupplier;
import java.util.stream.LongStream;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.INDArrayIndex;
import org.nd4j.linalg.indexing.NDArrayIndex;
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

  private static final INDArrayIndex ALL = NDArrayIndex.all();

  private final MemoryPool pool;
  private final String title;
  private final DoubleSupplier gradientScale;
  private final TouchedRows touched = new TouchedRows();
  private final KeptArray keptWeights = new KeptArray();
  private final KeptArray keptGradients = new KeptArray();
  private final SelfUpdater updater = new SelfUpdater(this);
  private final long windowBytes;
  private INDArray fingerprint;
  private PoolFile file;
  private Bags bags;
  private PoolStamp prepared;
  private boolean closed;

  /** What the gradient of a step is made of, beside the rows touched. */
  private record Bags(INDArray weights, INDArray outGradients) {}

  FileTable(MemoryPool pool, String title, DoubleSupplier gradientScale) {
    this(pool, title, gradientScale, RowWindow.BYTES);
  }

  /** With another bound of what is held of the file. */
  FileTable(MemoryPool pool, String title, DoubleSupplier gradientScale, long windowBytes) {
    this.pool = pool;
    this.title = title;
    this.gradientScale = gradientScale;
    this.windowBytes = windowBytes;
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
        file = PoolFile.create(title, path, layout, new NewPool(layout), windowBytes);
      } else {
        file = PoolFile.open(title, path, layout, wanted, windowBytes);
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

  /** Bags whose rows are in memory: positions [bags, bagSize] say where in the table. */
  private interface Part {
    void use(CompactTable rows, INDArray positions, INDArrayIndex bags);
  }

  @Override
  public void read(INDArray slots, INDArray weights, INDArray out) {
    inParts(
        slots,
        (rows, positions, bags) ->
            MemoryOps.weightedBag(rows, positions, weights.get(bags, ALL), out.get(bags, ALL)));
  }

  @Override
  public void weightGradient(INDArray slots, INDArray outGradients, INDArray weightGradientsOut) {
    inParts(
        slots,
        (rows, positions, bags) ->
            MemoryOps.weightedBagWeightGradient(
                rows, positions, outGradients.get(bags, ALL), weightGradientsOut.get(bags, ALL)));
  }

  /** As many bags at a time as the window holds the rows of; at least one. */
  private void inParts(INDArray slots, Part part) {
    RowWindow window = file().window();
    long[] all = slots.dup('c').data().asLong();
    int bagSize = Math.toIntExact(slots.size(1));
    int most = Math.max(1, window.mostRead() / bagSize) * bagSize;
    for (int from = 0; from < all.length; from += most) {
      int count = Math.min(most, all.length - from);
      try {
        CompactTable rows = window.values(all, from, count);
        INDArray positions = Nd4j.createFromArray(LongStream.range(0, count).toArray());
        part.use(
            rows,
            positions.reshape(count / bagSize, bagSize),
            NDArrayIndex.interval(from / bagSize, (from + count) / bagSize));
      } catch (IOException e) {
        throw failure(e);
      }
    }
    Reference.reachabilityFence(this); // until here the file is in use
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
    long[] rows = touched.rows().toLongVector();
    try {
      file().beforeChange(rows);
      try {
        change(rows, step, rule(kind, iteration, epoch));
      } finally {
        file.fingerprint().write(fingerprint);
      }
    } catch (IOException e) {
      throw failure(e);
    }
    Reference.reachabilityFence(this); // until here the file is in use
  }

  private UncheckedIOException failure(IOException e) {
    return new UncheckedIOException("[" + title + "] " + pool.getFile() + ": " + e.getMessage(), e);
  }

  private void change(long[] rows, Bags step, Rule rule) throws IOException {
    RowWindow window = file.window();
    int most = window.mostChanged();
    for (int from = 0; from < rows.length; from += most) {
      int count = Math.min(most, rows.length - from);
      rule.update(window.rows(rows, from, count), step, touched.part(from, count));
      window.write(rows, from, count);
    }
  }

  /** An update of some of the touched rows. */
  private interface Rule {
    void update(PoolRows rows, Bags step, TouchedRows part);
  }

  /** The number of the step is the seed of its rounding. */
  private Rule rule(IUpdater kind, int iteration, int epoch) {
    double scale = gradientScale.getAsDouble();
    if (kind instanceof Adam adam) {
      AdamStep adamStep = RowUpdater.step(adam, iteration, epoch, scale);
      return (rows, step, part) ->
          MemoryOps.bagAdam(
              rows.values(),
              rows.m(),
              rows.v(),
              step.weights(),
              step.outGradients(),
              part,
              adamStep,
              iteration);
    }
    double rate = ((Sgd) kind).getLearningRate(iteration, epoch);
    return (rows, step, part) ->
        MemoryOps.bagSgd(
            rows.values(), step.weights(), step.outGradients(), part, rate, scale, iteration);
  }
}
