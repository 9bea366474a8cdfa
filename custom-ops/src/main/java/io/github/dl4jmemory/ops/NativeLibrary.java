package io.github.dl4jmemory.ops;

/** Whether the native kernels can be called. */
final class NativeLibrary {
  private final String reason;

  private NativeLibrary(String reason) {
    this.reason = reason;
  }

  static NativeLibrary kernels() {
    return new NativeLibrary("this build has no native library");
  }

  boolean available() {
    return false;
  }

  String reason() {
    return reason;
  }
}
