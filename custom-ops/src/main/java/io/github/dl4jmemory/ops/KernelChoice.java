package io.github.dl4jmemory.ops;

import java.util.Locale;
import org.nd4j.linalg.api.ops.executioner.OpExecutioner;
import org.nd4j.linalg.factory.Nd4j;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which kernels run. The system property {@value #PROPERTY} names one of {@code auto} (the
 * default), {@code portable} and {@code native}; it is read once, at the first operation, and the
 * choice is logged once with its reason.
 */
public enum KernelChoice {
  /** The native kernels where they can be loaded, otherwise the portable ones. */
  AUTO,
  /** The portable Java kernels, on any platform. */
  PORTABLE,
  /** The native kernels; where they cannot be loaded, the first operation throws. */
  NATIVE;

  /** Name of the system property. */
  public static final String PROPERTY = "dl4jmemory.kernels";

  /**
   * The choice that the system property makes now.
   *
   * @return the choice; AUTO if the property is not set
   * @throws IllegalArgumentException if the property is not auto, portable or native
   */
  public static KernelChoice requested() {
    String value = System.getProperty(PROPERTY, "auto");
    for (KernelChoice choice : values()) {
      if (choice.name().toLowerCase(Locale.ROOT).equals(value)) {
        return choice;
      }
    }
    throw Require.op("KernelChoice")
        .error(PROPERTY, "auto, portable or native", value, "set -D" + PROPERTY + "=auto");
  }

  /**
   * What runs in this JVM, after the choice was made.
   *
   * @return PORTABLE or NATIVE
   * @throws IllegalStateException if the property is wrong, native kernels are demanded and not
   *     available, or ND4J runs on another backend than nd4j-native
   */
  public static KernelChoice chosen() {
    return kernels() instanceof NativeKernels ? NATIVE : PORTABLE;
  }

  /** The kernels of this JVM, chosen at the first call. */
  static Kernels kernels() {
    if (Chosen.FAILURE != null) {
      throw new IllegalStateException(Chosen.FAILURE.getMessage(), Chosen.FAILURE);
    }
    return Chosen.KERNELS;
  }

  /** The kernels of a choice; PORTABLE does not look for the library. */
  static Kernels select(KernelChoice choice) {
    requireHost();
    if (choice == PORTABLE) {
      return select(choice, false, "asked for");
    }
    NativeLibrary library = NativeLibrary.kernels();
    return select(choice, library.available(), library.reason());
  }

  /** The kernels of a choice where native ones are available, or are not for a reason. */
  static Kernels select(KernelChoice choice, boolean available, String reason) {
    Logger log = LoggerFactory.getLogger(KernelChoice.class);
    if (choice != PORTABLE && available) {
      log.info(
          "Memory kernels: native ({}); {}={}", NativeFunctions.instructionSet(), PROPERTY, choice);
      return new NativeKernels();
    }
    if (choice == NATIVE) {
      throw new IllegalStateException(
          "[KernelChoice] "
              + PROPERTY
              + ": expected native kernels, got none: "
              + reason
              + ". Fix: run on linux-x86_64 with a dl4j-memory built with g++ and CMake, or set -D"
              + PROPERTY
              + "=auto");
    }
    log.info("Memory kernels: portable ({}); {}={}", reason, PROPERTY, choice);
    return new PortableKernels();
  }

  private static void requireHost() {
    OpExecutioner.ExecutionerType type = Nd4j.getExecutioner().type();
    if (type != OpExecutioner.ExecutionerType.NATIVE_CPU) {
      throw new IllegalStateException(
          "[KernelChoice] backend: expected nd4j-native, got "
              + type
              + ". Fix: put nd4j-native on the class path in place of the other backend");
    }
  }

  /** Filled when the first operation runs; a failure is kept, to be thrown by every operation. */
  private static final class Chosen {
    static final Kernels KERNELS;
    static final RuntimeException FAILURE;

    static {
      Kernels kernels = null;
      RuntimeException failure = null;
      try {
        kernels = select(requested());
      } catch (IllegalArgumentException | IllegalStateException e) {
        failure = e;
      }
      KERNELS = kernels;
      FAILURE = failure;
    }
  }
}
