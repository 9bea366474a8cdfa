package io.github.dl4jmemory.layers;

import org.nd4j.linalg.api.buffer.DataType;

/** One entry of an {@link EditJournal}. */
record RowChange(String tag, Place place, double[] before, double[] after) {

  /** A row of a table, which is known by the name of its layer, its dtype and its slots. */
  record Place(String layer, DataType type, long slots, long slot) {

    @Override
    public String toString() {
      return "slot " + slot + " of " + layer;
    }
  }

  /** How far the row went. */
  double distance() {
    double sum = 0;
    for (int i = 0; i < before.length; i++) {
      sum += (after[i] - before[i]) * (after[i] - before[i]);
    }
    return Math.sqrt(sum);
  }

  /** How long the row was before. */
  double norm() {
    double sum = 0;
    for (double number : before) {
      sum += number * number;
    }
    return Math.sqrt(sum);
  }
}
