package io.github.dl4jmemory.layers;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The state of a {@link SeparatorCache} as arrays, which it documents, and back. */
final class SeparatorCacheState {

  static final String KEYS = "keys";
  static final String VALUES = "values";
  static final String POSITIONS = "positions";
  static final String SEPARATORS = "separators";
  static final String ROWS = "rows";
  static final String SIZES = "sizes";

  private static final int COLUMNS = 4; // of a row: kept, separators in their block, grown, seen

  private final INDArray keys;
  private final INDArray values;
  private final long[][] positions;
  private final long[][] separators;
  private final long[][] rows;

  private SeparatorCacheState(Map<String, INDArray> state) {
    keys = Matrices.contiguous(state.get(KEYS));
    values = Matrices.contiguous(state.get(VALUES));
    positions = state.get(POSITIONS).toLongMatrix();
    separators = state.get(SEPARATORS).castTo(DataType.INT64).toLongMatrix();
    rows = state.get(ROWS).toLongMatrix();
  }

  static Map<String, INDArray> export(SeparatorCacheSettings settings, CachedTokens tokens) {
    KeptTokens[] kept = tokens.rows();
    int places = Math.max(1, tokens.longest());
    long[][] positions = new long[kept.length][places];
    long[][] separators = new long[kept.length][places];
    long[][] rows = new long[kept.length][];
    for (int row = 0; row < kept.length; row++) {
      long[] of = kept[row].positions();
      Arrays.fill(positions[row], -1);
      System.arraycopy(of, 0, positions[row], 0, of.length);
      for (int place = 0; place < of.length; place++) {
        separators[row][place] = kept[row].isSeparator(place) ? 1 : 0;
      }
      rows[row] =
          new long[] {of.length, kept[row].separators(), kept[row].grown(), kept[row].seen()};
    }
    Map<String, INDArray> state = new HashMap<>();
    state.put(KEYS, tokens.memory().export(true, places));
    state.put(VALUES, tokens.memory().export(false, places));
    state.put(POSITIONS, longs(positions));
    state.put(SEPARATORS, longs(separators).castTo(DataType.INT8));
    state.put(ROWS, longs(rows));
    state.put(SIZES, Nd4j.createFromArray(sizes(settings)));
    return state;
  }

  private static INDArray longs(long[][] rows) {
    return Nd4j.createFromArray(rows);
  }

  private static long[] sizes(SeparatorCacheSettings settings) {
    return new long[] {
      settings.initial(),
      settings.separators(),
      settings.window(),
      settings.size(),
      settings.rule().ordinal()
    };
  }

  /** Checks a state against the cache that is to go on from it. */
  static SeparatorCacheState read(
      String title,
      Map<String, INDArray> state,
      SeparatorCacheSettings settings,
      DataType dataType,
      long... shape) {
    for (String name : new String[] {KEYS, VALUES, POSITIONS, SEPARATORS, ROWS, SIZES}) {
      Require.that(
          state != null && state.get(name) != null,
          title,
          "state",
          "an array " + name,
          "none",
          "pass what state() returned");
    }
    long[] sizes = state.get(SIZES).toLongVector();
    Require.that(
        Arrays.equals(sizes, sizes(settings)),
        title,
        "state",
        "initial, separators, window, size and rule " + Arrays.toString(sizes(settings)),
        Arrays.toString(sizes),
        "go on in a cache of the same settings");
    long places = state.get(POSITIONS).rank() == 2 ? state.get(POSITIONS).size(1) : -1;
    long[] expected = {shape[0], shape[1], places, shape[2]};
    for (String name : new String[] {KEYS, VALUES}) {
      requireShape(title, name, state.get(name), dataType, expected);
    }
    requireShape(title, POSITIONS, state.get(POSITIONS), DataType.INT64, shape[0], places);
    requireShape(title, SEPARATORS, state.get(SEPARATORS), DataType.INT8, shape[0], places);
    requireShape(title, ROWS, state.get(ROWS), DataType.INT64, shape[0], COLUMNS);
    SeparatorCacheState read = new SeparatorCacheState(state);
    for (long[] row : read.rows) {
      Require.that(
          row[0] >= 0
              && row[0] <= places
              && row[1] >= 0
              && (row[1] == 0 || settings.initial() + row[1] <= row[0])
              && row[2] >= 0
              && row[3] >= row[0],
          title,
          "state " + ROWS,
          "tokens kept, separators among them, growth and tokens seen, up to " + places + " kept",
          Arrays.toString(row),
          "pass what state() returned");
    }
    return read;
  }

  private static void requireShape(
      String title, String name, INDArray array, DataType dataType, long... shape) {
    Require.that(
        array.dataType() == dataType && Arrays.equals(array.shape(), shape),
        title,
        "state " + name,
        dataType + " of shape " + Arrays.toString(shape),
        Require.describe(array),
        "pass what state() returned, of as many texts and heads");
  }

  INDArray keys() {
    return keys;
  }

  INDArray values() {
    return values;
  }

  void into(KeptTokens[] kept) {
    for (int row = 0; row < kept.length; row++) {
      int count = Math.toIntExact(rows[row][0]);
      boolean[] marks = new boolean[count];
      for (int place = 0; place < count; place++) {
        marks[place] = separators[row][place] != 0;
      }
      kept[row].restore(
          Arrays.copyOf(positions[row], count),
          marks,
          Math.toIntExact(rows[row][1]),
          Math.toIntExact(rows[row][2]),
          rows[row][3]);
    }
  }
}
