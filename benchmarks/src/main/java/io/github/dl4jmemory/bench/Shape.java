package io.github.dl4jmemory.bench;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Sizes of a workload, under the names of their axes.
 *
 * @param batch queries, batch * time of a model
 * @param heads heads of the memory
 * @param subKeys keys of one side
 * @param keySize both halves of a key together
 * @param topK slots found by a head
 * @param valueSize values of a slot
 * @param slots slots of the table; subKeys * subKeys where sub-keys find them
 * @param shards parts of a pool's table, each with a worker
 */
record Shape(
    int batch,
    int heads,
    int subKeys,
    int keySize,
    int topK,
    int valueSize,
    int slots,
    int shards) {

  /** The shape that the figures of docs/results are taken at. */
  static final Shape FULL = new Shape(1024, 4, 1024, 256, 32, 512, 1 << 20, 1);

  /** The full shape with the sizes that {@code name=number} arguments change. */
  static Shape parse(Iterable<String> arguments) {
    Map<String, Integer> sizes = new TreeMap<>();
    for (String argument : arguments) {
      String[] parts = argument.split("=", 2);
      if (parts.length != 2) {
        throw new IllegalArgumentException("expected name=number, got " + argument);
      }
      sizes.put(parts[0].toLowerCase(Locale.ROOT), Integer.parseInt(parts[1]));
    }
    int subKeys = take(sizes, "subkeys", FULL.subKeys);
    Shape shape =
        new Shape(
            take(sizes, "batch", FULL.batch),
            take(sizes, "heads", FULL.heads),
            subKeys,
            take(sizes, "keysize", FULL.keySize),
            take(sizes, "topk", FULL.topK),
            take(sizes, "valuesize", FULL.valueSize),
            take(sizes, "slots", Math.multiplyExact(subKeys, subKeys)),
            take(sizes, "shards", FULL.shards));
    if (!sizes.isEmpty()) {
      throw new IllegalArgumentException("no such size: " + sizes.keySet());
    }
    return shape;
  }

  private static int take(Map<String, Integer> sizes, String name, int otherwise) {
    Integer size = sizes.remove(name);
    return size == null ? otherwise : size;
  }

  /** Slots that one query reads, all heads together. */
  int bagSize() {
    return heads * topK;
  }

  /** Slots that a batch reads. */
  int accesses() {
    return batch * bagSize();
  }
}
