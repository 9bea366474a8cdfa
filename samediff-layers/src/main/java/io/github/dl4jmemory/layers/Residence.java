package io.github.dl4jmemory.layers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Whether this process holds more pages of files in memory than it should. Linux says it in
 * /proc/self/status; elsewhere nothing is known, and the system alone decides.
 */
final class Residence {

  /** 1 GiB. */
  static final long MOST_KILOBYTES = 1L << 20;

  private static final Path STATUS = Path.of("/proc/self/status");
  private static final String FILE_PAGES = "RssFile:";
  private static final long SELDOM = 1 << 12;

  private long unseen;

  /** Looks once in a number of accesses, because to look takes as long as some of them. */
  boolean exceeded(long accesses) throws IOException {
    unseen += accesses;
    if (unseen < SELDOM) {
      return false;
    }
    unseen = 0;
    return Files.isReadable(STATUS) && exceeds(kilobytes(Files.readString(STATUS)));
  }

  static boolean exceeds(long kilobytes) {
    return kilobytes > MOST_KILOBYTES;
  }

  static long kilobytes(String status) {
    int at = status.indexOf(FILE_PAGES);
    if (at < 0) {
      return 0;
    }
    int end = status.indexOf("kB", at);
    return Long.parseLong(status.substring(at + FILE_PAGES.length(), end).trim());
  }
}
