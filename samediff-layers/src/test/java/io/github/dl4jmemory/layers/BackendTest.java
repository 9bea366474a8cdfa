package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.ops.KernelChoice;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;

/** What KernelChoice refuses is refused when a network is made, for layers without kernels too. */
class BackendTest {

  /** A JVM of its own, because the choice is made once. */
  static final class Child {
    private Child() {}

    public static void main(String[] args) {
      try {
        Runtimes.of(RmsNorm.builder().nIn(4).build(), DataType.FLOAT, new Random(1));
      } catch (IllegalStateException e) {
        System.out.println("refused " + e.getMessage());
      }
    }
  }

  @Test
  void aLayerWithoutKernelsIsRefusedToo() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                "-D" + KernelChoice.PROPERTY + "=fast",
                Child.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    assertEquals(
        List.of(
            "refused [KernelChoice] dl4jmemory.kernels: expected auto, portable or native, got"
                + " fast. Fix: set -Ddl4jmemory.kernels=auto"),
        output.lines().filter(line -> line.startsWith("refused ")).toList());
  }
}
