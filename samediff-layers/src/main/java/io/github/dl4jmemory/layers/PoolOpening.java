package io.github.dl4jmemory.layers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * Checks a pool file that is being opened against what the model says, and brings it to the
 * checkpoint that the model names. Nothing is written before all is checked.
 */
record PoolOpening(String layer, Path path, PoolLayout layout, FileChannel file) {

  /** A read or write of the file. */
  interface Access {
    void at(ByteBuffer part, long position) throws IOException;
  }

  /** The journal is ready to go on with; rows that it has already are told. */
  PoolHeader settle(UndoJournal journal, PoolFingerprint wanted, LongConsumer rows)
      throws IOException {
    PoolHeader header = PoolHeader.read(layer, file);
    requireFile(header, wanted.stamp());
    List<Long> journaled = new ArrayList<>();
    UndoJournal.State state = journal.read(journaled::add);
    PoolStamp at = header.stamp();
    boolean own = at.equals(state.base());
    that(
        own || at.equals(state.prepared()) || state.base() == null && !header.changed(),
        "the journal of " + at.checkpoint() + ", with the rows that have changed since",
        state.base() == null ? "none" : "that of " + state.base().checkpoint(),
        "put the journal back beside the file; without it restore a copy of model and file");
    if (own && wanted.steps() > 0 && wanted.equals(state.now())) {
      journal.resume();
      journaled.forEach(rows::accept);
      return header;
    }
    boolean saved = own && wanted.equals(PoolFingerprint.at(state.prepared()));
    requireCheckpoint(header, state, wanted, saved);
    if (own && !saved) {
      journal.undo(this::write);
      file.force(true);
    }
    PoolHeader settled = new PoolHeader(layout, wanted.stamp(), false);
    if (!header.equals(settled)) {
      settled.write(file);
      file.force(true);
    }
    journal.begin(settled.stamp());
    return settled;
  }

  private void requireFile(PoolHeader header, PoolStamp wanted) throws IOException {
    that(
        header.layout().equals(layout),
        layout.describe() + ", as the model is configured",
        header.layout().describe(),
        "restore the model that the file was saved with");
    that(
        file.size() == layout.fileBytes(),
        layout.fileBytes() + " bytes",
        file.size() + ": the file is not whole",
        "copy the file again");
    that(
        header.stamp().file().equals(wanted.file()),
        "file " + wanted.file() + ", which the model was trained with",
        "file " + header.stamp().file(),
        "put the file that was saved with this model in its place");
  }

  private void requireCheckpoint(
      PoolHeader header, UndoJournal.State state, PoolFingerprint wanted, boolean saved) {
    String has = header.stamp().checkpoint();
    that(
        saved || header.stamp().equals(wanted.stamp()),
        wanted.stamp().checkpoint() + ", which the model was saved at",
        has + (state.prepared() == null ? "" : " and " + state.prepared().checkpoint()),
        "restore the model that PoolFiles.save wrote last, or put a copy of this model's file there");
    that(
        wanted.steps() == 0,
        wanted.describe() + ", where the model was written without PoolFiles.save",
        state.base() == null ? has : state.now().describe(),
        "restore the model that PoolFiles.save wrote at " + has + "; nothing was changed");
  }

  private void that(boolean condition, String expected, Object got, String fix) {
    Require.that(condition, layer, "file " + path.getFileName(), expected, got, fix);
  }

  private void write(long row, ByteBuffer bytes) throws IOException {
    transfer(layout, row, bytes, (part, at) -> Channels.writeFully(file, part, at));
  }

  /** The parts of a row, in the order of the file. */
  static void transfer(PoolLayout layout, long row, ByteBuffer bytes, Access access)
      throws IOException {
    int end = bytes.limit();
    part(bytes, layout.valuesAt(), row, layout.valueRowBytes(), access);
    if (layout.storage().scaled()) {
      part(bytes, layout.scalesAt(), row, Float.BYTES, access);
    }
    if (layout.moments()) {
      part(bytes, layout.firstMomentsAt(), row, layout.momentRowBytes(), access);
      part(bytes, layout.secondMomentsAt(), row, layout.momentRowBytes(), access);
    }
    bytes.limit(end);
  }

  private static void part(ByteBuffer bytes, long section, long row, int size, Access access)
      throws IOException {
    bytes.limit(bytes.position() + size);
    access.at(bytes, section + row * size);
  }
}
