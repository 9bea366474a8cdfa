package io.github.dl4jmemory.layers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/**
 * An open pool file: the one network that uses it, its rows, its journal.
 *
 * <p>The file is at its last checkpoint, but for rows whose bytes at the checkpoint are in the
 * journal. A change: the journal first ({@link #beforeChange}), then the rows in place. A
 * checkpoint: file and journal to the disk, with the new stamp as the journal's last record ({@link
 * #prepare}); then whatever names the stamp, the model's zip, which is the moment at which the new
 * checkpoint takes the place of the old; then the header, and an empty journal ({@link #commit}).
 * Whoever opens says which stamp he has: the header's, then all rows of the journal are put back;
 * or the prepared one, then the rest of the commit is done.
 */
final class PoolFile implements AutoCloseable {

  private static final Cleaner CLEANER = Cleaner.create();

  private static final Set<OpenOption> NEW =
      Set.of(
          StandardOpenOption.CREATE,
          StandardOpenOption.TRUNCATE_EXISTING,
          StandardOpenOption.READ,
          StandardOpenOption.WRITE);

  private final PoolLayout layout;
  private final Resources resources;
  private final Cleaner.Cleanable cleanable;
  private final UndoJournal journal;
  private final RowWindow window;
  private final SlotSet journaled;
  private PoolHeader header;

  /** Writes all sections of a new file. */
  interface Filling {
    void fill(FileChannel channel) throws IOException;
  }

  /** What the cleaner needs. */
  private record Resources(PoolClaim claim, FileChannel channel) implements Runnable {
    @Override
    public void run() {
      try (claim) {
        channel.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private PoolFile(
      PoolHeader header,
      Resources resources,
      UndoJournal journal,
      SlotSet journaled,
      long windowBytes) {
    this.header = header;
    this.layout = header.layout();
    this.resources = resources;
    this.journal = journal;
    this.journaled = journaled;
    this.window = new RowWindow(layout, resources.channel(), windowBytes);
    this.cleanable = CLEANER.register(this, resources);
  }

  /** Creates a file, complete or not at all, at checkpoint 0. */
  static PoolFile create(
      String layer, Path file, PoolLayout layout, Filling filling, long windowBytes)
      throws IOException {
    Path path = file.toAbsolutePath();
    Require.that(
        Files.isDirectory(path.getParent()),
        layer,
        "file",
        "a file in a folder that exists",
        file,
        "create the folder");
    PoolClaim claim = PoolClaim.take(layer, path);
    FileChannel channel = null;
    try {
      requireAbsent(layer, path);
      requireRoom(layer, path, layout);
      Path making = making(path);
      channel = FileChannel.open(making, NEW);
      PoolHeader header = new PoolHeader(layout, PoolStamp.first(), false);
      filling.fill(channel);
      header.write(channel);
      UndoJournal journal = new UndoJournal(claim.journal(), layout);
      journal.begin(header.stamp());
      Files.move(making, path, StandardCopyOption.ATOMIC_MOVE);
      Resources resources = new Resources(claim, channel);
      return new PoolFile(header, resources, journal, new SlotSet(layout.slots()), windowBytes);
    } catch (IOException | RuntimeException | Error e) {
      release(claim, channel, e);
      making(path).toFile().delete();
      throw e;
    }
  }

  private static Path making(Path path) {
    return path.resolveSibling(path.getFileName() + ".new");
  }

  /** A copy of the rows as they are, as a file of its own at checkpoint 0; returns its stamp. */
  PoolStamp copyTo(String layer, Path target) throws IOException {
    requireAbsent(layer, target);
    requireRoom(layer, target, layout);
    Path making = making(target);
    PoolStamp stamp = PoolStamp.first();
    try (FileChannel copy = FileChannel.open(making, NEW)) {
      for (long at = 0; at < layout.fileBytes(); ) {
        at += resources.channel().transferTo(at, layout.fileBytes() - at, copy);
      }
      new PoolHeader(layout, stamp, false).write(copy);
      copy.force(true);
    } catch (IOException e) {
      Files.deleteIfExists(making);
      throw e;
    }
    Files.deleteIfExists(PoolClaim.journalOf(target));
    Files.move(making, target, StandardCopyOption.ATOMIC_MOVE);
    return stamp;
  }

  private static void requireAbsent(String layer, Path path) {
    Require.that(
        !Files.exists(path),
        layer,
        "file",
        "no file yet for a table that is new",
        path + ", which exists",
        "restore the model that the file belongs to; for a new table name another file, or delete"
            + " this one");
  }

  private static void requireRoom(String layer, Path path, PoolLayout layout) throws IOException {
    long room = Files.getFileStore(path.getParent()).getUsableSpace();
    Require.that(
        layout.fileBytes() <= room,
        layer,
        "file",
        "room for " + layout.fileBytes() + " bytes",
        room + " bytes at " + path.getParent(),
        "free space, or use fewer slots, or another storage");
  }

  /** Opens a file at the checkpoint that a model names. */
  static PoolFile open(
      String layer, Path file, PoolLayout layout, PoolFingerprint wanted, long windowBytes)
      throws IOException {
    Require.that(
        Files.isRegularFile(file),
        layer,
        "file",
        "the pool file",
        "no file " + file.toAbsolutePath(),
        "put the file there, or PoolFiles.restore(zip, folder) with the folder where it is");
    Path path = file.toRealPath();
    PoolClaim claim = PoolClaim.take(layer, path);
    FileChannel channel = null;
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
      UndoJournal journal = new UndoJournal(claim.journal(), layout);
      SlotSet journaled = new SlotSet(layout.slots());
      PoolHeader header =
          new PoolOpening(layer, path, layout, channel).settle(journal, wanted, journaled::add);
      Resources resources = new Resources(claim, channel);
      return new PoolFile(header, resources, journal, journaled, windowBytes);
    } catch (IOException | RuntimeException | Error e) {
      release(claim, channel, e);
      throw e;
    }
  }

  private static void release(PoolClaim claim, FileChannel channel, Throwable cause) {
    try (claim) {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }

  PoolLayout layout() {
    return layout;
  }

  /** The rows. */
  RowWindow window() {
    return window;
  }

  /** Of the file as it is now, unless a step has begun and not ended. */
  PoolFingerprint fingerprint() {
    int steps = journal.steps();
    return new PoolFingerprint(header.stamp(), steps == 0 ? 0 : journal.session(), steps);
  }

  /** To be called before rows change. */
  void beforeChange(long[] rows) throws IOException {
    long[] fresh = new long[rows.length];
    int count = 0;
    for (long row : rows) {
      if (journaled.add(row)) {
        fresh[count++] = row;
      }
    }
    try {
      journal.append(fresh, count, this::read);
      journal.step();
      if (!header.changed()) {
        mark(new PoolHeader(layout, header.stamp(), true));
      }
    } catch (IOException | RuntimeException | Error e) {
      for (int i = 0; i < count; i++) {
        journaled.remove(fresh[i]);
      }
      throw e;
    }
  }

  private void mark(PoolHeader next) throws IOException {
    next.write(resources.channel());
    header = next;
  }

  private void read(long row, ByteBuffer bytes) throws IOException {
    FileChannel channel = resources.channel();
    PoolOpening.transfer(layout, row, bytes, (part, at) -> Channels.readFully(channel, part, at));
  }

  /** First half of a checkpoint; returns the stamp that the model is to be saved with. */
  PoolStamp prepare() throws IOException {
    resources.channel().force(true);
    PoolStamp next = header.stamp().next();
    journal.prepare(next);
    return next;
  }

  /** Second half, after the model was saved. */
  void commit(PoolStamp prepared) throws IOException {
    mark(new PoolHeader(layout, prepared, false));
    resources.channel().force(true);
    journal.begin(prepared);
    journaled.clear();
  }

  @Override
  public void close() {
    cleanable.clean();
  }
}
