package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

class NativeLibraryTest {

  @Test
  @Tag("native")
  void bothLibrariesAreThere() {
    assertNull(NativeLibrary.kernels().reason());
    assertNull(NativeLibrary.nd4jOps().reason());
    assertTrue(NativeLibrary.kernels().available() && NativeLibrary.nd4jOps().available());
    assertNull(NativeLibrary.probeNd4j());
  }

  /** Loads libraries (ours after ND4J's) without ND4J and prints what the probe says. */
  static final class ProbeMain {
    private ProbeMain() {}

    public static void main(String[] libraries) {
      for (String library : libraries) {
        System.load(library);
      }
      System.out.println("probe: " + NativeLibrary.probeNd4j());
    }
  }

  private static String probe(Path folder, FakeLibnd4j fake) throws Exception {
    Path fresh = Files.createTempDirectory(folder, "fake");
    Path kernels = LibraryFile.named("libdl4jmemory.so").extractTo(fresh);
    return new ChildJvm().run(ProbeMain.class, fake.compileIn(fresh), kernels).strip();
  }

  @Test
  @Tag("native")
  void aProcessWithoutLibnd4jIsNamed(@TempDir Path folder) {
    Path kernels = LibraryFile.named("libdl4jmemory.so").extractTo(folder);
    assertEquals(
        "probe: libnd4jcpu.so is not loaded in this process",
        new ChildJvm().run(ProbeMain.class, kernels).strip());
  }

  @Test
  @Tag("native")
  void everyDifferenceInTheBinaryInterfaceIsNamed(@TempDir Path folder) throws Exception {
    Map<FakeLibnd4j, String> cases =
        Map.of(
            new FakeLibnd4j(),
            "null",
            new FakeLibnd4j().without("_ZN2sd7NDArray14platformBufferEv"),
            "symbol _ZN2sd7NDArray14platformBufferEv is not there",
            new FakeLibnd4j().withOneMoreSlot(),
            "_ZTVN2sd3ops12DeclarableOpE has 88 bytes, expected 80",
            new FakeLibnd4j().swappingSlots(1, 6),
            "slot 1 of _ZTVN2sd3ops11toggle_bitsE is not"
                + " _ZN2sd3ops11toggle_bits18validateAndExecuteERNS_5graph7ContextE",
            new FakeLibnd4j().withOpOf(112),
            "sd::ops::DeclarableOp does not have 104 bytes",
            new FakeLibnd4j().withOpOf(96),
            "sd::ops::DeclarableOp does not have 104 bytes",
            new FakeLibnd4j().withDescriptorAt(0x50),
            "sd::ops::DeclarableOp keeps no descriptor at offset 88",
            new FakeLibnd4j().withShapeListWriting(40),
            "sd::ShapeList does not have 32 bytes");
    for (Map.Entry<FakeLibnd4j, String> each : cases.entrySet()) {
      assertEquals("probe: " + each.getValue(), probe(folder, each.getKey()));
    }
  }

  /** Adds an op to a graph and prints the error. */
  static final class GraphMain {
    private GraphMain() {}

    public static void main(String[] arguments) {
      SameDiff sd = SameDiff.create();
      SDVariable query = sd.placeHolder("query", DataType.FLOAT, -1, 2, 4);
      try {
        SDMemory.productKeyTopK(sd, "top", query, query, 1);
        System.out.println("no error");
      } catch (IllegalStateException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  @Test
  @Tag("native")
  void anotherReleaseOfNd4jIsRefusedWithBothVersions(@TempDir Path folder) throws Exception {
    Path properties = folder.resolve("META-INF/maven/org.nd4j/nd4j-native/pom.properties");
    Files.createDirectories(properties.getParent());
    Files.writeString(properties, "version=1.0.0-beta7\n");
    String printed = new ChildJvm().before(folder).run(GraphMain.class);
    assertTrue(
        printed.contains(
            "[product_key_topk] native library: expected its ops in libnd4jcpu 1.0.0-M2.1, got"
                + " none: built for libnd4jcpu 1.0.0-M2.1, found 1.0.0-beta7: another release."
                + " Fix: run on linux-x86_64 with nd4j-native 1.0.0-M2.1"),
        printed);
  }

  /** A repackaged jar may have lost its version: then the binary interface alone decides. */
  @Test
  @Tag("native")
  void aReleaseThatIsNotStatedIsJudgedByItsBinaryInterface(@TempDir Path folder) throws Exception {
    Path properties = folder.resolve("META-INF/maven/org.nd4j/nd4j-native/pom.properties");
    Files.createDirectories(properties.getParent());
    Files.writeString(properties, "artifactId=nd4j-native\n");
    String printed = new ChildJvm().before(folder).run(GraphMain.class);
    assertTrue(printed.contains("no error"), printed);
  }

  /** Defines the classes of this package anew. */
  private static final class SecondLoader extends ClassLoader {
    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      if (!name.startsWith("io.github.dl4jmemory.")) {
        return super.loadClass(name, resolve);
      }
      Class<?> loaded = findLoadedClass(name);
      if (loaded != null) {
        return loaded;
      }
      try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
        byte[] bytes = in.readAllBytes();
        return defineClass(name, bytes, 0, bytes.length);
      } catch (IOException e) {
        throw new ClassNotFoundException(name, e);
      }
    }
  }

  /** Uses the ops, then once more through a second class loader. */
  static final class SecondLoaderMain {
    private SecondLoaderMain() {}

    public static void main(String[] arguments) throws ReflectiveOperationException {
      GraphMain.main(arguments);
      Class<?> again = new SecondLoader().loadClass(GraphMain.class.getName());
      Method main = again.getDeclaredMethod("main", String[].class);
      main.setAccessible(true);
      main.invoke(null, (Object) arguments);
    }
  }

  @Test
  @Tag("native")
  void aSecondClassLoaderIsToldWhy() {
    String printed = new ChildJvm().run(SecondLoaderMain.class);
    assertTrue(printed.contains("no error"), printed);
    assertTrue(printed.contains("got none: cannot load "), printed);
    assertTrue(printed.contains("already loaded in another classloader"), printed);
  }

  /** With and without a native library in this build: there is none that can be used. */
  @Test
  void withoutTheLibraryTheErrorNamesTheFix() {
    String printed =
        new ChildJvm()
            .option("-D" + LibraryFile.DIRECTORY_PROPERTY + "=/dev/null/no-folder")
            .run(GraphMain.class);
    assertTrue(
        printed.contains(
            "[product_key_topk] native library: expected its ops in libnd4jcpu 1.0.0-M2.1, got"
                + " none: "),
        printed);
    assertTrue(printed.contains(". Fix: run on linux-x86_64 with nd4j-native"), printed);
  }

  @Test
  void onlyTheCpuBackendCarriesTheOps() {
    assertNull(NativeLibrary.backendProblem("org.nd4j.linalg.cpu.nativecpu.CpuBackend"));
    assertEquals(
        "ND4J runs on org.nd4j.linalg.jcublas.JCublasBackend, the ops of SameDiff graphs are built"
            + " for org.nd4j.linalg.cpu.nativecpu.CpuBackend",
        NativeLibrary.backendProblem("org.nd4j.linalg.jcublas.JCublasBackend"));
  }
}
