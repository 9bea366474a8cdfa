package io.github.dl4jmemory.testkit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * An example of a page that is the code of a test, or of an example program: what stands in its
 * source between {@code // page begin} and {@code // page end}, line breaks and indentation aside.
 */
public final class PageExample {
  private PageExample() {}

  /**
   * Throws if the page does not hold the code of the class.
   *
   * @param page path of the page from the project's folder
   * @param type the test or program; its module is the working directory
   */
  public static void assertStandsOn(String page, Class<?> type) throws IOException {
    String file = type.getName().replace('.', '/') + ".java";
    Path test = Path.of("src/test/java", file);
    Path source = Files.exists(test) ? test : Path.of("src/main/java", file);
    String text = squeezed(Files.readString(Path.of("..").resolve(page)));
    String[] parts = Files.readString(source).split("// page (begin|end)");
    if (parts.length < 3) {
      throw new AssertionError(source + " has no // page begin ... // page end");
    }
    for (int i = 1; i < parts.length; i += 2) {
      if (!text.contains(squeezed(parts[i]))) {
        throw new AssertionError(page + " does not hold this code of " + source + ":\n" + parts[i]);
      }
    }
  }

  private static String squeezed(String text) {
    return text.replaceAll("\\s+", "");
  }
}
