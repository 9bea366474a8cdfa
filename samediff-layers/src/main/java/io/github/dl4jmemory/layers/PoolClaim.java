package io.github.dl4jmemory.layers;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The right to use a pool file, held by one network at a time. Against other processes it is a lock
 * on the journal, which the pool keeps beside its file. That lock is the process's, and is lost
 * when the process closes the journal a second time; so against other networks of this JVM it is an
 * entry in the system properties, which is looked at before.
 */
final class PoolClaim implements AutoCloseable {

  private static final String PROPERTY = "dl4jmemory.pool.";

  private final String property;
  private final FileChannel journal;
  private final FileLock lock;

  private PoolClaim(String property, FileChannel journal, FileLock lock) {
    this.property = property;
    this.journal = journal;
    this.lock = lock;
  }

  static Path journalOf(Path file) {
    return file.resolveSibling(file.getFileName() + ".journal");
  }

  /** Claims a file, which need not exist yet. */
  static PoolClaim take(String layer, Path file) throws IOException {
    Path journalFile = journalOf(file);
    String property =
        PROPERTY + file.toAbsolutePath().getParent().toRealPath().resolve(file.getFileName());
    if (System.getProperties().putIfAbsent(property, "open") != null) {
      throw refusal(layer, file, "in another layer or network of this JVM");
    }
    FileChannel channel = null;
    FileLock lock = null;
    try {
      channel =
          FileChannel.open(
              journalFile,
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE);
      lock = channel.tryLock();
    } finally {
      if (lock == null) {
        System.getProperties().remove(property);
        if (channel != null) {
          channel.close();
        }
      }
    }
    if (lock == null) {
      throw refusal(layer, file, "in another process");
    }
    return new PoolClaim(property, channel, lock);
  }

  private static IllegalArgumentException refusal(String layer, Path file, String where) {
    return Require.refusal(
        layer,
        "file",
        "a pool file that no other network uses",
        file + ", open " + where,
        "PoolFiles.save(network, zip) and PoolFiles.close(network) there; for a second network,"
            + " PoolFiles.saveCopy(network, zip) and restore the copy");
  }

  FileChannel journal() {
    return journal;
  }

  @Override
  public void close() throws IOException {
    try {
      lock.release();
      journal.close();
    } finally {
      System.getProperties().remove(property);
    }
  }
}
