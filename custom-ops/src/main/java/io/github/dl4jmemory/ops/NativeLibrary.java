package io.github.dl4jmemory.ops;

import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.function.Supplier;
import org.nd4j.linalg.factory.Nd4j;

/**
 * One of the two native libraries of this jar, loaded at the first use, or the reason why it is
 * not.
 *
 * <p>{@link #kernels()} is libdl4jmemory.so: the kernels on plain arrays. {@link #nd4jOps()} is
 * libdl4jmemory_nd4j.so: the same kernels as ops of the libnd4jcpu.so that ND4J has loaded, for
 * SameDiff graphs. The second needs the first, the CPU backend and exactly {@link #ND4J_VERSION}.
 */
final class NativeLibrary {

  /** The ND4J release whose binary interface the ops are built for. */
  static final String ND4J_VERSION = "1.0.0-M2.1";

  private static final String CPU_BACKEND = "org.nd4j.linalg.cpu.nativecpu.CpuBackend";
  private static final String ND4J_PROPERTIES =
      "META-INF/maven/org.nd4j/nd4j-native/pom.properties";

  private static final String UNSTATED = "a release that is not stated";

  /** In the order of createOp in memory_ops.cpp, then createUltraMemOp and createAttentionOp. */
  private static final List<String> OPS =
      List.of(
          ProductKeyTopKOp.NAME,
          ProductKeyTopKGradientOp.NAME,
          WeightedBagOp.NAME,
          WeightedBagGradientOp.NAME,
          RowAdamOp.NAME,
          RowSgdOp.NAME,
          TuckerTopKOp.NAME,
          TuckerTopKGradientOp.NAME,
          ExpandSlotsOp.NAME,
          ExpandedBagOp.NAME,
          ExpandedBagGradientOp.NAME,
          RowDotsOp.NAME,
          SeparatorAttentionOp.NAME,
          SeparatorAttentionGradientOp.NAME);

  private final String reason;
  private final Map<String, Long> opHashes;

  private NativeLibrary(String reason, Map<String, Long> opHashes) {
    this.reason = reason;
    this.opHashes = opHashes;
  }

  /** The kernels. They work on host memory; {@link KernelChoice} asks for nd4j-native before. */
  static NativeLibrary kernels() {
    return KernelsHolder.LIBRARY;
  }

  /** The ops registered in libnd4jcpu. */
  static NativeLibrary nd4jOps() {
    return Nd4jOpsHolder.LIBRARY;
  }

  /** Whether the library is loaded and can be called. */
  boolean available() {
    return reason == null;
  }

  /** Why the library is not available, with a fix; null when it is. */
  String reason() {
    return reason;
  }

  /**
   * The number under which libnd4j knows an op.
   *
   * @throws IllegalStateException if the ops are not registered, with the reason
   */
  long opHash(String opName) {
    if (!available()) {
      throw new IllegalStateException(
          "["
              + opName
              + "] native library: expected its ops in libnd4jcpu "
              + ND4J_VERSION
              + ", got none: "
              + reason
              + ". Fix: run on linux-x86_64 with nd4j-native "
              + ND4J_VERSION
              + " and a dl4j-memory built with g++ and CMake, or use MemoryOps or a DL4J layer,"
              + " which also run on the portable kernels");
    }
    return opHashes.get(opName);
  }

  private static NativeLibrary load(Supplier<Map<String, Long>> loading) {
    try {
      return new NativeLibrary(null, loading.get());
    } catch (Unavailable | LinkageError e) {
      return new NativeLibrary(e.getMessage(), Map.of());
    }
  }

  /** ND4J first: its backend brings the OpenMP runtime that the kernels share with it. */
  private static Map<String, Long> loadKernels() {
    Nd4j.getExecutioner();
    LibraryFile file = LibraryFile.named("libdl4jmemory.so");
    file.requireFunctionsOf(NativeFunctions.class);
    file.load();
    try {
      NativeFunctions.instructionSet();
    } catch (UnsatisfiedLinkError e) {
      throw new Unavailable("cannot call libdl4jmemory.so: " + e.getMessage());
    }
    return Map.of();
  }

  private static Map<String, Long> loadNd4jOps() {
    require(kernels().available(), kernels().reason());
    String problem = backendProblem(Nd4j.getBackend().getClass().getName());
    require(problem == null, problem);
    String version = nd4jVersion(Nd4j.getBackend().getClass().getClassLoader());
    boolean other = !version.equals(ND4J_VERSION) && !version.equals(UNSTATED);
    String failure = other ? "another release" : probeNd4j();
    require(
        failure == null,
        "built for libnd4jcpu " + ND4J_VERSION + ", found " + version + ": " + failure);
    LibraryFile.named("libdl4jmemory_nd4j.so").load();
    long[] hashes = registerNd4jOps();
    Map<String, Long> byName = new HashMap<>();
    for (int i = 0; i < hashes.length; i++) {
      byName.put(OPS.get(i), hashes[i]);
    }
    return Map.copyOf(byName);
  }

  private static void require(boolean condition, String reason) {
    if (!condition) {
      throw new Unavailable(reason);
    }
  }

  /** Why the ops cannot run on a backend; null if they can. */
  static String backendProblem(String backend) {
    return backend.equals(CPU_BACKEND)
        ? null
        : "ND4J runs on " + backend + ", the ops of SameDiff graphs are built for " + CPU_BACKEND;
  }

  /** The version that the nd4j-native jar states of itself; repackaged jars may not. */
  private static String nd4jVersion(ClassLoader loader) {
    try (InputStream in = loader.getResourceAsStream(ND4J_PROPERTIES)) {
      Properties properties = new Properties();
      if (in != null) {
        properties.load(in);
      }
      return properties.getProperty("version", UNSTATED);
    } catch (IOException e) {
      throw new Unavailable("cannot read " + ND4J_PROPERTIES + ": " + e.getMessage());
    }
  }

  /** Null if the loaded libnd4jcpu.so has the expected binary interface, else what differs. */
  static native String probeNd4j();

  /** Registers the ops once and returns their hashes, in the order of {@link #OPS}. */
  private static native long[] registerNd4jOps();

  /** The reason why a library cannot be used. */
  static final class Unavailable extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Unavailable(String reason) {
      super(reason);
    }
  }

  private static final class KernelsHolder {
    static final NativeLibrary LIBRARY = NativeLibrary.load(NativeLibrary::loadKernels);
  }

  private static final class Nd4jOpsHolder {
    static final NativeLibrary LIBRARY = NativeLibrary.load(NativeLibrary::loadNd4jOps);
  }
}
