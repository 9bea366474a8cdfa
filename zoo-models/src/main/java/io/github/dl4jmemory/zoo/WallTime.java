package io.github.dl4jmemory.zoo;

/** Time since a run began, or since it was resumed. */
record WallTime(long begin) {
  static WallTime start() {
    return new WallTime(System.nanoTime());
  }

  double seconds() {
    return (System.nanoTime() - begin) / 1e9;
  }
}
