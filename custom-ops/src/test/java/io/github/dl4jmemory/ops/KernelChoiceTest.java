package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class KernelChoiceTest {
  /** What a JVM of its own says: it makes one choice and tries it twice. */
  static final class Child {
    private Child() {}

    public static void main(String[] args) {
      for (int i = 0; i < 2; i++) {
        try {
          System.out.println("chosen " + KernelChoice.chosen());
        } catch (IllegalStateException e) {
          System.out.println("refused " + e.getMessage());
        }
      }
    }
  }

  private static List<String> child(String value) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                "-D" + KernelChoice.PROPERTY + "=" + value,
                Child.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    return output
        .lines()
        .filter(line -> line.matches("(chosen|refused) .*|.*Memory kernels.*"))
        .toList();
  }

  @Test
  void portableIsForcedByThePropertyAndLoggedOnce() throws Exception {
    List<String> said = child("portable");
    assertEquals(3, said.size(), said.toString());
    assertTrue(
        said.get(0).endsWith("Memory kernels: portable (asked for); dl4jmemory.kernels=PORTABLE"),
        said.toString());
    assertEquals(List.of("chosen PORTABLE", "chosen PORTABLE"), said.subList(1, 3));
  }

  @Test
  void anotherValueIsRefusedAtEveryCall() throws Exception {
    String refusal =
        "refused [KernelChoice] dl4jmemory.kernels: expected auto, portable or native, got fast."
            + " Fix: set -Ddl4jmemory.kernels=auto";
    assertEquals(List.of(refusal, refusal), child("fast"));
  }

  @Test
  void autoFallsBackAndNativeRefuses() {
    assertInstanceOf(
        PortableKernels.class, KernelChoice.select(KernelChoice.AUTO, false, "no library"));
    assertInstanceOf(PortableKernels.class, KernelChoice.select(KernelChoice.PORTABLE));
    IllegalStateException refusal =
        assertThrows(
            IllegalStateException.class,
            () -> KernelChoice.select(KernelChoice.NATIVE, false, "no library"));
    assertEquals(
        "[KernelChoice] dl4jmemory.kernels: expected native kernels, got none: no library. Fix: run"
            + " on linux-x86_64 with a dl4j-memory built with g++ and CMake, or set"
            + " -Ddl4jmemory.kernels=auto",
        refusal.getMessage());
  }

  @Test
  @Tag("native")
  void nativeIsChosenWhereItIsAvailable() throws Exception {
    assertInstanceOf(NativeKernels.class, KernelChoice.select(KernelChoice.NATIVE));
    assertInstanceOf(NativeKernels.class, KernelChoice.select(KernelChoice.AUTO));
    assertEquals(2, Tiers.present().size());
    List<String> said = child("native");
    assertEquals(List.of("chosen NATIVE", "chosen NATIVE"), said.subList(1, 3));
  }
}
