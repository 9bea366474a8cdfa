package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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

  private static ChildJvm jvm(String value) {
    return new ChildJvm().option("-D" + KernelChoice.PROPERTY + "=" + value);
  }

  private static List<String> child(String value) {
    return said(jvm(value).run(Child.class));
  }

  private static List<String> said(String output) {
    return output
        .lines()
        .filter(line -> line.matches("(chosen|refused) .*|.*Memory kernels.*"))
        .toList();
  }

  @Test
  void portableIsForcedByThePropertyAndLoggedOnce() {
    List<String> said = child("portable");
    assertEquals(3, said.size(), said.toString());
    assertTrue(
        said.get(0).endsWith("Memory kernels: portable (asked for); dl4jmemory.kernels=PORTABLE"),
        said.toString());
    assertEquals(List.of("chosen PORTABLE", "chosen PORTABLE"), said.subList(1, 3));
  }

  @Test
  void anotherValueIsRefusedAtEveryCall() {
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

  private static List<String> childWith(Path folder, String value) {
    return said(jvm(value).before(folder).run(Child.class));
  }

  private static void assertNotUsed(Path folder, String reason) {
    List<String> auto = childWith(folder, "auto");
    assertEquals(3, auto.size(), auto.toString());
    assertTrue(
        auto.get(0).endsWith("Memory kernels: portable (" + reason + "); dl4jmemory.kernels=AUTO"),
        auto.toString());
    assertEquals(List.of("chosen PORTABLE", "chosen PORTABLE"), auto.subList(1, 3));
    String refusal =
        "refused [KernelChoice] dl4jmemory.kernels: expected native kernels, got none: "
            + reason
            + ". Fix: run on linux-x86_64 with a dl4j-memory built with g++ and CMake, or set"
            + " -Ddl4jmemory.kernels=auto";
    assertEquals(List.of(refusal, refusal), childWith(folder, "native"));
  }

  @Test
  @Tag("native")
  void aLibraryThatLacksAFunctionIsNotUsed(@TempDir Path folder) throws Exception {
    FakeKernels.lacking(folder, "rowSgd", "instructionSet");
    assertNotUsed(
        folder,
        "libdl4jmemory.so has no instructionSet, rowSgd: it was built from other sources than this"
            + " jar");
  }

  /** A function that is called later than the choice, in the middle of a training. */
  @Test
  @Tag("native")
  void aLibraryThatLacksAFunctionOfLaterIsNotUsed(@TempDir Path folder) throws Exception {
    FakeKernels.lacking(folder, "bagAdam");
    assertNotUsed(
        folder, "libdl4jmemory.so has no bagAdam: it was built from other sources than this jar");
  }

  @Test
  @Tag("native")
  void aLibraryThatExportsNothingIsNotUsed(@TempDir Path folder) throws Exception {
    FakeKernels.namingAll(folder);
    assertNotUsed(
        folder,
        "cannot call libdl4jmemory.so: 'java.lang.String"
            + " io.github.dl4jmemory.ops.NativeFunctions.instructionSet()'");
  }

  @Test
  @Tag("native")
  void nativeIsChosenWhereItIsAvailable() {
    assertInstanceOf(NativeKernels.class, KernelChoice.select(KernelChoice.NATIVE));
    assertInstanceOf(NativeKernels.class, KernelChoice.select(KernelChoice.AUTO));
    assertEquals(2, Tiers.present().size());
    List<String> said = child("native");
    assertEquals(List.of("chosen NATIVE", "chosen NATIVE"), said.subList(1, 3));
  }
}
