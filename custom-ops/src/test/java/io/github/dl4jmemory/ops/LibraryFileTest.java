package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LibraryFileTest {
  private static byte[] content(int seed) {
    byte[] content = new byte[100_003];
    new Random(seed).nextBytes(content);
    return content;
  }

  @Test
  void theCopyHasTheContentAndIsPrivate(@TempDir Path folder) throws Exception {
    Path file = new LibraryFile("lib.so", content(1)).extractTo(folder.resolve("new"));
    assertArrayEquals(content(1), Files.readAllBytes(file));
    assertEquals(
        "rwx------",
        PosixFilePermissions.toString(Files.getPosixFilePermissions(file.getParent())));
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
  }

  @Test
  void anotherContentHasAnotherPath(@TempDir Path folder) {
    Path first = new LibraryFile("lib.so", content(1)).extractTo(folder);
    assertNotEquals(first, new LibraryFile("lib.so", content(2)).extractTo(folder));
    assertEquals(first, new LibraryFile("lib.so", content(1)).extractTo(folder));
  }

  @Test
  void aCopyThatWasChangedIsWrittenAgain(@TempDir Path folder) throws Exception {
    LibraryFile library = new LibraryFile("lib.so", content(1));
    Path file = library.extractTo(folder);
    Files.write(file, new byte[] {1, 2, 3});
    assertArrayEquals(content(1), Files.readAllBytes(library.extractTo(folder)));
  }

  @Test
  void aCopyThatIsThereIsNotTouched(@TempDir Path folder) throws Exception {
    LibraryFile library = new LibraryFile("lib.so", content(1));
    Object before = Files.getAttribute(library.extractTo(folder), "unix:ino");
    assertEquals(before, Files.getAttribute(library.extractTo(folder), "unix:ino"));
  }

  @Test
  void manyAtOnceAllSeeTheWholeFile(@TempDir Path folder) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      Callable<byte[]> extract =
          () -> Files.readAllBytes(new LibraryFile("lib.so", content(3)).extractTo(folder));
      for (Future<byte[]> each :
          threads.invokeAll(Stream.generate(() -> extract).limit(32).toList())) {
        assertArrayEquals(content(3), each.get());
      }
    } finally {
      threads.shutdownNow();
    }
    try (Stream<Path> left = Files.walk(folder)) {
      assertEquals(1, left.filter(Files::isRegularFile).count());
    }
  }

  @Test
  void aFolderThatCannotBeWrittenIsNamedWithTheFix() {
    String message =
        assertThrows(
                NativeLibrary.Unavailable.class,
                () -> new LibraryFile("lib.so", content(1)).extractTo(Path.of("/dev/null/x")))
            .getMessage();
    assertTrue(message.startsWith("cannot write /dev/null/x/"), message);
    assertTrue(message.endsWith("set -Ddl4jmemory.nativeDir to a folder of yours with space left"));
  }

  @Test
  void theFolderIsAbsoluteWhateverItIsMadeFrom() {
    Path here = Path.of("").toAbsolutePath();
    assertEquals(here.resolve("cache"), LibraryFile.directory("cache", "/home/someone"));
    assertEquals(here.resolve("?/.dl4jmemory"), LibraryFile.directory(null, "?"));
    assertEquals(
        Path.of("/home/someone/.dl4jmemory"), LibraryFile.directory(null, "/home/someone"));
  }

  @Test
  void aLibraryThatIsNotInTheJarIsNamed() {
    String message =
        assertThrows(
                NativeLibrary.Unavailable.class,
                () -> LibraryFile.named("libno.so", "linux-x86_64"))
            .getMessage();
    assertEquals(
        "native/linux-x86_64/libno.so is not in the jar: it was built without a C++ compiler (g++,"
            + " CMake)",
        message);
  }

  @Test
  void anotherPlatformIsNamed() {
    String message =
        assertThrows(
                NativeLibrary.Unavailable.class,
                () -> LibraryFile.named("libdl4jmemory.so", "linux-riscv64"))
            .getMessage();
    assertEquals("there is no native library for linux-riscv64, only linux-x86_64", message);
  }

  /** Two methods, of which the library has one, and one whose name begins alike. */
  static final class Calls {
    private Calls() {}

    static native void here();

    static native void there();
  }

  @Test
  void aFunctionThatIsMissingIsNamed() {
    String text =
        "..Java_io_github_dl4jmemory_ops_LibraryFileTest$Calls_here\0"
            + "Java_io_github_dl4jmemory_ops_LibraryFileTest$Calls_thereafter\0";
    LibraryFile library = new LibraryFile("lib.so", text.getBytes(StandardCharsets.ISO_8859_1));
    String message =
        assertThrows(NativeLibrary.Unavailable.class, () -> library.requireFunctionsOf(Calls.class))
            .getMessage();
    assertEquals("lib.so has no there: it was built from other sources than this jar", message);
  }

  @Test
  void aFileThatIsNoLibraryIsNamed(@TempDir Path folder) {
    String message =
        assertThrows(
                NativeLibrary.Unavailable.class,
                () -> new LibraryFile("libbad.so", content(1)).loadFrom(folder))
            .getMessage();
    assertTrue(message.startsWith("cannot load " + folder), message);
  }
}
