package io.github.dl4jmemory.ops;

import java.util.ArrayList;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;

/** Runs one check on every tier of kernels that is present, in FLOAT and in DOUBLE. */
final class Tiers {
  private Tiers() {}

  interface Check {
    void on(Kernels kernels, DataType type);
  }

  static List<Kernels> present() {
    List<Kernels> tiers = new ArrayList<>();
    tiers.add(new PortableKernels());
    if (NativeLibrary.kernels().available()) {
      tiers.add(new NativeKernels());
    }
    return tiers;
  }

  static void each(Check check) {
    for (Kernels kernels : present()) {
      for (DataType type : List.of(DataType.FLOAT, DataType.DOUBLE)) {
        try {
          check.on(kernels, type);
        } catch (AssertionError | RuntimeException e) {
          throw new AssertionError(
              kernels.getClass().getSimpleName() + ", " + type + ": " + e.getMessage(), e);
        }
      }
    }
  }
}
