package io.github.dl4jmemory.layers;

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
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;

/**
 * A value table in a file: that of a {@link MemoryPool}, or of a {@link TuckerMemory}. The
 * network's parameters hold the fingerprint of the file: where it names a checkpoint the file is
 * opened at once, and a new table's is created at the first use. Rows change when DL4J asks {@link
 * #updater()} for the update of the fingerprint, which is nothing.
 */
final class FileTable implements PoolTable, SelfUpdater.Target {

  private static final INDArrayIndex ALL = NDArrayIndex.all();

  private final StoredTable stored;
  private final String title;
  private final DoubleSupplier gradientScale;
  private final TouchedRows ownTouched = new TouchedRows();
  private final KeptArray keptWeights = new KeptArray();
  private final KeptArray keptGradients = new KeptArray();
  private final SelfUpdater updater = new SelfUpdater(this);
  private final long windowBytes;
  private INDArray fingerprint;
  private long seed;
  private PoolFile file;
  private PoolStep step;
  private PoolStamp prepared;
  private boolean closed;

  FileTable(StoredTable stored, String title, DoubleSupplier gradientScale) {
    this(stored, title, gradientScale, RowWindow.BYTES);
  }

  /** With another bound of what is held of the file. */
  FileTable(StoredTable stored, String title, DoubleSupplier gradientScale, long windowBytes) {
    this.stored = stored;
    this.title = title;
    this.gradientScale = gradientScale;
    this.windowBytes = windowBytes;
  }

  IUpdater updater() {
    return updater;
  }

  @Override
  public IUpdater configured() {
    return stored.updater().get();
  }

  PoolLayout layout() {
    return stored.layout();
  }

  // ---------------------------------------------------------------------- the file and its stamp

  /** Takes the parameter of the network; opens the file that it names. */
  void bind(INDArray parameter) {
    fingerprint = parameter;
    if (file == null && stamped() == null) {
      seed = Nd4j.getRandom().nextLong(); // here, because a table may be first used by any thread
    }
    assigned();
  }

  /** What the parameter says. */
  private PoolFingerprint stamped() {
    return PoolFingerprint.of(title, stored.key(), fingerprint);
  }

  /** To be called when the parameter was assigned: a fingerprint of another file is refused. */
  void assigned() {
    if (file == null) {
      if (!closed && stamped() != null) {
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
              stored.path() + ", closed by PoolFiles.close",
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
    PoolFingerprint given = stamped();
    Require.that(
        own.equals(given),
        title,
        stored.key(),
        "the fingerprint of the open file, " + own.describe(),
        given == null ? "none" : given.describe() + " of file " + given.stamp().file(),
        "leave this parameter as it is, and restore a model by PoolFiles.restore");
  }

  private void open() {
    Path path = Path.of(stored.path()).toAbsolutePath();
    PoolLayout layout = layout();
    PoolFingerprint wanted = stamped();
    try {
      if (wanted == null) {
        NewPool content = new NewPool(layout, stored.deviation().getAsDouble(), seed);
        file = PoolFile.create(title, path, layout, content, windowBytes);
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
    step = null;
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
    return stored.path();
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

  /** Bags whose rows are in memory, access by access. */
  interface Part {
    void use(CompactTable rows, INDArrayIndex bags);
  }

  /** The numbers of so many rows: LONG 0, 1, … */
  static INDArray places(long count) {
    return Nd4j.createFromArray(LongStream.range(0, count).toArray());
  }

  RowWindow window() {
    return file().window();
  }

  @Override
  public void read(INDArray slots, INDArray weights, INDArray out) {
    inParts(
        slots,
        (rows, bags) ->
            MemoryOps.weightedBag(
                rows, positions(rows, slots), weights.get(bags, ALL), out.get(bags, ALL)));
  }

  @Override
  public void weightGradient(INDArray slots, INDArray outGradients, INDArray weightGradientsOut) {
    inParts(
        slots,
        (rows, bags) ->
            MemoryOps.weightedBagWeightGradient(
                rows,
                positions(rows, slots),
                outGradients.get(bags, ALL),
                weightGradientsOut.get(bags, ALL)));
  }

  /** [bags, bagSize]: where the rows of the bags stand in memory. */
  private static INDArray positions(CompactTable rows, INDArray slots) {
    long bagSize = slots.size(1);
    return places(rows.slots()).reshape(rows.slots() / bagSize, bagSize);
  }

  private void inParts(INDArray slots, Part part) {
    long[] all = slots.dup('c').data().asLong();
    inParts(all, Math.toIntExact(slots.size(1)), window().mostRead(), part);
  }

  /** So many rows at a time, of whole bags; at least one bag. */
  void inParts(long[] all, int bagSize, int mostRows, Part part) {
    RowWindow window = window();
    int most = Math.max(1, mostRows / bagSize) * bagSize;
    for (int from = 0; from < all.length; from += most) {
      int count = Math.min(most, all.length - from);
      try {
        CompactTable rows = window.values(all, from, count);
        part.use(rows, NDArrayIndex.interval(from / bagSize, (from + count) / bagSize));
      } catch (IOException e) {
        throw failure(e);
      }
    }
    Reference.reachabilityFence(this); // until here the file is in use
  }

  @Override
  public void backward(INDArray slots, INDArray weights, INDArray outGradients) {
    ownTouched.group(slots, layout().slots());
    backward(ownTouched, keptWeights.keep(weights), outGradients);
  }

  /**
   * {@link #backward(INDArray, INDArray, INDArray)} of accesses that are grouped; they and the
   * weights are the caller's, and stay until the next step.
   */
  void backward(TouchedRows accesses, INDArray weights, INDArray outGradients) {
    step = new PoolStep(accesses, weights, keptGradients.keep(outGradients));
  }

  @Override
  public void backwardOfNothing() {
    step = null;
  }

  /** Changes the rows of the last backward pass, once; called when DL4J applies updaters. */
  @Override
  public void update(INDArray gradient, int iteration, int epoch) {
    IUpdater kind = configured();
    if (step == null || kind instanceof NoOp) {
      return;
    }
    PoolStep due = step;
    step = null;
    long[] rows = due.touched().rows().toLongVector();
    PoolStep.Rule rule = due.rule(kind, iteration, epoch, gradientScale.getAsDouble());
    try {
      file().beforeChange(rows);
      try {
        change(rows, due.touched(), rule);
      } finally {
        file.fingerprint().write(fingerprint);
      }
    } catch (IOException e) {
      throw failure(e);
    }
    Reference.reachabilityFence(this); // until here the file is in use
  }

  private UncheckedIOException failure(IOException e) {
    return new UncheckedIOException("[" + title + "] " + stored.path() + ": " + e.getMessage(), e);
  }

  private void change(long[] rows, TouchedRows touched, PoolStep.Rule rule) throws IOException {
    RowWindow window = file.window();
    int most = window.mostChanged();
    for (int from = 0; from < rows.length; from += most) {
      int count = Math.min(most, rows.length - from);
      rule.update(window.rows(rows, from, count), touched.part(from, count));
      window.write(rows, from, count);
    }
  }
}
