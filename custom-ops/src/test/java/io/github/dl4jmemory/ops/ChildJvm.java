package io.github.dl4jmemory.ops;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a main class of the tests in a JVM of its own. */
final class ChildJvm {
  private final List<String> options = new ArrayList<>();
  private String classPath = System.getProperty("java.class.path");

  ChildJvm option(String option) {
    options.add(option);
    return this;
  }

  /** Puts a folder before everything else on the class path. */
  ChildJvm before(Path folder) {
    classPath = folder + File.pathSeparator + classPath;
    return this;
  }

  /**
   * Runs main to its end.
   *
   * @return everything it printed
   * @throws AssertionError if it does not end with status 0
   */
  String run(Class<?> main, Object... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    String cache = System.getProperty(LibraryFile.DIRECTORY_PROPERTY);
    if (cache != null) {
      command.add("-D" + LibraryFile.DIRECTORY_PROPERTY + "=" + cache);
    }
    command.addAll(options);
    command.addAll(List.of("-cp", classPath, main.getName()));
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    return output(command);
  }

  /** Runs a program to its end; what it printed. */
  static String output(List<String> command) {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (!process.waitFor(1, TimeUnit.MINUTES) || process.exitValue() != 0) {
        process.destroyForcibly();
        throw new AssertionError(command + " failed, its output:\n" + text);
      }
      return text;
    } catch (IOException e) {
      throw new AssertionError(command + " cannot be run", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }
}
