package io.github.dl4jmemory.layers;

/**
 * Where things stand in the file of a pool: a header of one page, the values [slots, valueSize],
 * the scales [slots] of INT8 rows, and Adam's m and v [slots, valueSize] in float; each section
 * begins at a page.
 *
 * @param slots rows
 * @param valueSize values of a row
 * @param storage of the values
 * @param moments whether there are m and v
 */
record PoolLayout(long slots, long valueSize, ValueStorage storage, boolean moments) {

  static final int PAGE = 4096;

  /** Keeps a row's bytes, and the numbers of a section, far inside their types. */
  static final long MAX_VALUE_SIZE = 1 << 20;

  long valuesAt() {
    return PAGE;
  }

  long scalesAt() {
    return pageAfter(valuesAt() + slots * valueRowBytes());
  }

  long firstMomentsAt() {
    return storage.scaled() ? pageAfter(scalesAt() + slots * Float.BYTES) : scalesAt();
  }

  long secondMomentsAt() {
    return pageAfter(firstMomentsAt() + slots * momentRowBytes());
  }

  long fileBytes() {
    return moments ? pageAfter(secondMomentsAt() + slots * momentRowBytes()) : firstMomentsAt();
  }

  int valueRowBytes() {
    return Math.toIntExact(valueSize * storage.width());
  }

  int momentRowBytes() {
    return Math.toIntExact(valueSize * Float.BYTES);
  }

  /** All bytes of a row: values, scale, m, v. */
  int rowBytes() {
    return valueRowBytes()
        + (storage.scaled() ? Float.BYTES : 0)
        + (moments ? 2 * momentRowBytes() : 0);
  }

  private static long pageAfter(long position) {
    return (position + PAGE - 1) / PAGE * PAGE;
  }

  /** For errors. */
  String describe() {
    return slots
        + " rows of "
        + valueSize
        + " values, "
        + storage
        + (moments ? ", with Adam's moments" : ", without moments");
  }
}
