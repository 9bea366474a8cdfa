package io.github.dl4jmemory.zoo;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;

/**
 * A kind of attention that takes part in a {@link NeedleComparison}. Those but the dense one keep
 * as many keys as the one with separators, on the average of rows at their end, to a key.
 */
enum NeedleModel {
  /** All tokens. */
  DENSE,
  /** The first tokens, separators and the last tokens. */
  SEPARATOR,
  /** The first tokens and more last tokens, as many as separators would be. */
  STREAMING,
  /** As SEPARATOR, with tokens at fixed intervals in the place of separators. */
  FIX;

  static final int INITIAL = 3;

  String title() {
    return name().toLowerCase(Locale.ROOT);
  }

  static NeedleModel of(String title) {
    return Arrays.stream(values())
        .filter(model -> model.title().equals(title))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    Require.message(
                        NeedleComparison.OWNER,
                        "--models",
                        "some of " + Arrays.stream(values()).map(NeedleModel::title).toList(),
                        title,
                        "name such models")));
  }

  /**
   * How this kind attends, for rows like these.
   *
   * @param window last tokens of the one with separators
   */
  Sight sight(List<int[]> rows, int window) {
    int inputs = rows.get(0).length - 1;
    Sight separators = separators(window);
    double kept = separators.kept(rows);
    return switch (this) {
      case DENSE -> new Sight(0, 0, VisibleTokens.separators(INITIAL, new int[0]));
      case SEPARATOR -> separators;
      case STREAMING -> closest(rows, kept, inputs, NeedleModel::recent);
      case FIX -> closest(rows, kept, inputs, interval -> intervals(window, interval));
    };
  }

  private static Sight closest(
      List<int[]> rows, double kept, int most, IntFunction<Sight> candidates) {
    Sight closest = null;
    double least = Double.POSITIVE_INFINITY;
    for (int size = 1; size <= most; size++) {
      Sight sight = candidates.apply(size);
      double distance = Math.abs(sight.kept(rows) - kept);
      if (distance < least) {
        least = distance;
        closest = sight;
      }
    }
    return closest;
  }

  private static Sight separators(int window) {
    int[] ids = {NeedleTask.SEPARATOR};
    return new Sight(window, 0, VisibleTokens.separators(INITIAL, ids));
  }

  private static Sight recent(int window) {
    int[] none = {NeedleTask.IN_NO_TEXT};
    return new Sight(window, 0, VisibleTokens.separators(INITIAL, none));
  }

  private static Sight intervals(int window, int interval) {
    return new Sight(window, interval, VisibleTokens.intervals(INITIAL, interval));
  }

  /**
   * What a token sees.
   *
   * @param window last tokens; 0 for all
   * @param interval of marked tokens; 0 for none
   */
  record Sight(int window, int interval, VisibleTokens visible) {

    /** Keys that the last input of a row sees, on average. */
    double kept(List<int[]> rows) {
      return rows.stream().mapToLong(this::keptOfLast).average().orElseThrow();
    }

    private long keptOfLast(int[] row) {
      int inputs = row.length - 1;
      return visible.pairs(row, inputs, window) - visible.pairs(row, inputs - 1, window);
    }
  }

  /** Sets the attention of a model. */
  void attend(MemoryTransformer.Builder builder, Sight sight) {
    int id = this == SEPARATOR ? NeedleTask.SEPARATOR : NeedleTask.IN_NO_TEXT;
    if (this == FIX) {
      builder.intervalAttention(sight.interval(), INITIAL, sight.window());
    } else if (this != DENSE) {
      builder.separatorAttention(new int[] {id}, INITIAL, sight.window());
    }
  }
}
