package io.github.dl4jmemory.zoo;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where the data of the tests tagged {@code data} is. */
final class SharedData {
  private SharedData() {}

  /** The file of this name under {@code -Dshared.dir}, by default shared beside the repository. */
  static Path file(String name) {
    Path root = Path.of(System.getProperty("shared.dir", defaultRoot()));
    Path file = root.resolve("data").resolve(name);
    if (!Files.exists(file)) {
      throw new IllegalStateException(
          "no " + file.toAbsolutePath() + ": give -Dshared.dir=FOLDER that holds data/" + name);
    }
    return file;
  }

  private static String defaultRoot() {
    return Files.isDirectory(Path.of("../shared")) ? "../shared" : "../../shared";
  }
}
