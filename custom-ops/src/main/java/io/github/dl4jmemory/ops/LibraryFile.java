package io.github.dl4jmemory.ops;

import io.github.dl4jmemory.ops.NativeLibrary.Unavailable;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;

/**
 * A native library in this jar, and its copy on disk, from where the system can load it.
 *
 * <p>The copy stands in a folder named after the SHA-256 of its content, readable by its owner
 * only: another build has another folder, and a file that was changed is written again. It is
 * written under a passing name and then renamed, so that processes that start together never see
 * half a file.
 */
final class LibraryFile {

  /** The folder for the copies; without it, {@code ~/.dl4jmemory}. */
  static final String DIRECTORY_PROPERTY = "dl4jmemory.nativeDir";

  private static final String PLATFORM = "linux-x86_64";

  private final String name;
  private final byte[] content;

  LibraryFile(String name, byte[] content) {
    this.name = name;
    this.content = content;
  }

  /**
   * Finds a library in this jar.
   *
   * @throws Unavailable if there is none for this platform
   */
  static LibraryFile named(String name) {
    return named(name, platform());
  }

  static LibraryFile named(String name, String platform) {
    if (!platform.equals(PLATFORM)) {
      throw new Unavailable("there is no native library for " + platform + ", only " + PLATFORM);
    }
    String resource = "native/" + platform + "/" + name;
    try (InputStream in =
        LibraryFile.class.getResourceAsStream("/io/github/dl4jmemory/" + resource)) {
      if (in == null) {
        throw new Unavailable(
            resource + " is not in the jar: it was built without a C++ compiler (g++, CMake)");
      }
      return new LibraryFile(name, in.readAllBytes());
    } catch (IOException e) {
      throw new Unavailable("cannot read " + resource + " from the jar: " + e.getMessage());
    }
  }

  /**
   * Checks that the names of a class's native methods stand in the library. The JVM looks for a
   * method at its first call, which may be in the middle of a training.
   *
   * @throws Unavailable if a name is missing
   */
  void requireFunctionsOf(Class<?> type) {
    String text = new String(content, StandardCharsets.ISO_8859_1);
    String prefix = "Java_" + type.getName().replace('.', '_') + "_";
    List<String> missing =
        Arrays.stream(type.getDeclaredMethods())
            .filter(method -> Modifier.isNative(method.getModifiers()))
            .map(Method::getName)
            .filter(method -> !text.contains(prefix + method + '\0'))
            .sorted()
            .toList();
    if (!missing.isEmpty()) {
      throw new Unavailable(
          name
              + " has no "
              + String.join(", ", missing)
              + ": it was built from other sources than this jar");
    }
  }

  /**
   * Loads the library into this process.
   *
   * @throws Unavailable if it cannot be copied or loaded
   */
  void load() {
    loadFrom(directory());
  }

  void loadFrom(Path directory) {
    Path file = extractTo(directory);
    try {
      System.load(file.toString());
    } catch (UnsatisfiedLinkError e) {
      throw new Unavailable("cannot load " + file + ": " + e.getMessage());
    }
  }

  /** The copy below the given folder, written if it is missing or differs. */
  Path extractTo(Path directory) {
    Path folder = directory.resolve(hash());
    Path file = folder.resolve(name);
    try {
      if (Files.isRegularFile(file) && Arrays.equals(Files.readAllBytes(file), content)) {
        return file;
      }
      Files.createDirectories(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      Path passing = Files.createTempFile(folder, name, ".part");
      try {
        Files.write(passing, content);
        Files.move(passing, file, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(passing);
      }
      return file;
    } catch (IOException e) {
      throw new Unavailable(
          "cannot write "
              + file
              + ": "
              + e
              + "; set -D"
              + DIRECTORY_PROPERTY
              + " to a folder of"
              + " yours with space left");
    }
  }

  private static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String processor = System.getProperty("os.arch");
    return os + "-" + (processor.equals("amd64") ? "x86_64" : processor);
  }

  private static Path directory() {
    return directory(System.getProperty(DIRECTORY_PROPERTY), System.getProperty("user.home"));
  }

  /** Absolute, as the loader demands: a process without a home of its own may have "?" or "". */
  static Path directory(String chosen, String home) {
    Path folder = chosen != null ? Path.of(chosen) : Path.of(home, ".dl4jmemory");
    return folder.toAbsolutePath();
  }

  private String hash() {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
