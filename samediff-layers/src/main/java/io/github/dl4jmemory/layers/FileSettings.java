package io.github.dl4jmemory.layers;

/** What the options {@code file} and {@code storage} of a table may be. */
final class FileSettings {

  private FileSettings() {}

  static void requireStorage(String title, ValueStorage storage) {
    Require.that(
        storage != null, title, "storage", "a storage", storage, "use ValueStorage.FLOAT32");
  }

  /** Refuses a path that is none, and a storage for no file; {@code table} as errors name it. */
  static void require(String title, String table, String file, ValueStorage storage) {
    Require.that(
        file == null || !file.isEmpty(),
        title,
        "file",
        "the path of a file",
        "\"\"",
        "use file(\"facts.pool\")");
    Require.that(
        file != null || storage == ValueStorage.FLOAT32,
        title,
        "storage",
        "FLOAT32 for " + table + " without a file",
        storage,
        "name a file(...)");
  }

  /** Refuses rows that are too large for a file. */
  static void requireValueSize(String title, String table, long valueSize) {
    Require.that(
        valueSize <= PoolLayout.MAX_VALUE_SIZE,
        title,
        "valueSize",
        "1 to " + PoolLayout.MAX_VALUE_SIZE + " for " + table + " with a file",
        valueSize,
        "use smaller values");
  }
}
