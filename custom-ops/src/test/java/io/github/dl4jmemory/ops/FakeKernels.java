package io.github.dl4jmemory.ops;

import java.io.IOException;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** A libdl4jmemory.so made by the C compiler that does not have what its Java side calls. */
final class FakeKernels {
  private FakeKernels() {}

  /** The JNI names of all kernels, but those of the given methods. */
  private static List<String> functionsWithout(String... methods) {
    return Arrays.stream(NativeFunctions.class.getDeclaredMethods())
        .filter(method -> Modifier.isNative(method.getModifiers()))
        .filter(method -> !List.of(methods).contains(method.getName()))
        .map(method -> "Java_io_github_dl4jmemory_ops_NativeFunctions_" + method.getName())
        .toList();
  }

  /** Has every function but those of these methods. */
  static void lacking(Path folder, String... methods) throws IOException {
    compile(
        folder,
        functionsWithout(methods).stream()
            .map(name -> "void " + name + "(void) {}\n")
            .collect(Collectors.joining()));
  }

  /** Names every function, and exports none. */
  static void namingAll(Path folder) throws IOException {
    String names = String.join("\\0", functionsWithout());
    compile(folder, "const char names[] = \"" + names + "\";\n");
  }

  /** Puts the library where the class path of a JVM with this folder has it. */
  private static void compile(Path folder, String source) throws IOException {
    Path home = folder.resolve("io/github/dl4jmemory/native/linux-x86_64");
    Files.createDirectories(home);
    Path file = Files.writeString(folder.resolve("fake.c"), source);
    String library = home.resolve("libdl4jmemory.so").toString();
    ChildJvm.output(List.of("gcc", "-shared", "-fPIC", "-o", library, file.toString()));
  }
}
