package io.github.dl4jmemory.layers;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.zip.CRC32;
import java.util.zip.CheckedOutputStream;

/**
 * Small binary files that are complete or not there: eight letters that name the kind, a version,
 * the content, and the CRC-32 of all before it (big endian). A file is checked as a whole before
 * its content is looked at.
 */
final class CheckedFiles {

  private static final int VERSION = 1;
  private static final int KIND = 8;
  private static final int HEADER = KIND + Integer.BYTES;
  private static final int BUFFER = 1 << 16;

  private CheckedFiles() {}

  /** Writes the content of a file. */
  @FunctionalInterface
  interface Writer {
    void write(DataOutputStream out) throws IOException;
  }

  /** Reads the content of a file. */
  @FunctionalInterface
  interface Reader<T> {
    T read(DataInputStream in) throws IOException;
  }

  /**
   * Writes a file in place of the old one, at once.
   *
   * @param kind eight letters
   */
  static void write(Path file, String kind, Writer content) throws IOException {
    Path target = file.toAbsolutePath();
    Path partial = target.resolveSibling("." + target.getFileName() + ".partial");
    try {
      try (OutputStream raw = new BufferedOutputStream(Files.newOutputStream(partial));
          CheckedOutputStream checked = new CheckedOutputStream(raw, new CRC32());
          DataOutputStream out = new DataOutputStream(checked)) {
        out.write(kind.getBytes(StandardCharsets.US_ASCII));
        out.writeInt(VERSION);
        content.write(out);
        out.flush();
        out.writeLong(checked.getChecksum().getValue());
      }
      Files.move(
          partial, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(partial);
    }
  }

  /**
   * Reads a file of {@link #write}.
   *
   * @param owner class that errors name
   * @throws IOException when the file cannot be read
   * @throws IllegalArgumentException when it is of another kind or version, or not complete
   */
  static <T> T read(Path file, String owner, String kind, Reader<T> content) throws IOException {
    long end = Files.size(file) - Long.BYTES;
    require(end >= HEADER, file, owner, "a complete file", end + Long.BYTES + " bytes");
    try (DataInputStream in = open(file)) {
      String got = new String(in.readNBytes(KIND), StandardCharsets.US_ASCII);
      require(got.equals(kind), file, owner, "a file that begins with " + kind, "another file");
      int version = in.readInt();
      require(version == VERSION, file, owner, "version " + VERSION, "version " + version);
    }
    requireWhole(file, owner, end);
    try (DataInputStream in = open(file)) {
      in.skipNBytes(HEADER);
      return content.read(in);
    }
  }

  private static void requireWhole(Path file, String owner, long end) throws IOException {
    CRC32 sum = new CRC32();
    try (DataInputStream in = open(file)) {
      byte[] buffer = new byte[BUFFER];
      for (long left = end; left > 0; ) {
        int read = in.read(buffer, 0, (int) Math.min(left, BUFFER));
        require(read > 0, file, owner, "a complete file", "one that became shorter");
        sum.update(buffer, 0, read);
        left -= read;
      }
      require(
          in.readLong() == sum.getValue(),
          file,
          owner,
          "a complete file with its checksum",
          "a truncated or changed one");
    }
  }

  private static DataInputStream open(Path file) throws IOException {
    InputStream raw = Files.newInputStream(file);
    return new DataInputStream(new BufferedInputStream(raw, BUFFER));
  }

  private static void require(
      boolean condition, Path file, String owner, String expected, String got) {
    Require.that(
        condition, owner, file.toString(), expected, got, "give a file that " + owner + " saved");
  }
}
