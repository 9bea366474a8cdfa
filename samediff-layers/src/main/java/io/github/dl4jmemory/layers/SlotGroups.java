package io.github.dl4jmemory.layers;

import java.util.Arrays;

/**
 * The numbers of many slots, grouped by size, so that what depends on their order needs no sort of
 * the slots: group g has {@code many[g]} slots with {@code sum[g]} together, all larger than those
 * of group g - 1. Slots with zero are in no group.
 */
record SlotGroups(long slots, long[] many, double[] sum) {

  /** Counts below this have a group for each. */
  private static final int SMALL = 1 << 16;

  /** Of a float's bits: 9 of the mantissa are left, so that a group is 0.2% wide. */
  private static final int DROPPED_BITS = 14;

  /** Counts: exact. */
  static SlotGroups ofCounts(int[] counts) {
    long[] many = new long[SMALL];
    int large = 0;
    for (int count : counts) {
      if (count < SMALL) {
        many[count]++;
      } else {
        large++;
      }
    }
    int[] tail = large == 0 ? new int[0] : Arrays.stream(counts).filter(c -> c >= SMALL).toArray();
    Arrays.sort(tail);
    many[0] = 0;
    many = Arrays.copyOf(many, SMALL + large);
    double[] sum = new double[many.length];
    for (int count = 1; count < SMALL; count++) {
      sum[count] = (double) count * many[count];
    }
    for (int i = 0; i < large; i++) {
      many[SMALL + i] = 1;
      sum[SMALL + i] = tail[i];
    }
    return new SlotGroups(counts.length, many, sum);
  }

  /** Positive numbers: those of a group, which differ by 0.2% at most, count as their mean. */
  static SlotGroups ofWeights(float[] weights) {
    int groups = (Float.floatToRawIntBits(Float.MAX_VALUE) >>> DROPPED_BITS) + 1;
    long[] many = new long[groups];
    double[] sum = new double[groups];
    for (float weight : weights) {
      if (weight > 0) {
        int group = Float.floatToRawIntBits(weight) >>> DROPPED_BITS;
        many[group]++;
        sum[group] += weight;
      }
    }
    return new SlotGroups(weights.length, many, sum);
  }

  SlotSpread spread() {
    double total = Arrays.stream(sum).sum();
    if (total == 0) {
      return new SlotSpread(
          0, 0, 0, 0, 0, 0, Arrays.stream(new double[SlotSpread.LORENZ_POINTS]).boxed().toList());
    }
    return new SlotSpread(
        Arrays.stream(many).sum() / (double) slots,
        kl(total),
        gini(total),
        top(50, total),
        top(90, total),
        top(99, total),
        Arrays.stream(lorenz(total)).boxed().toList());
  }

  private double kl(double total) {
    double kl = Math.log(slots);
    for (int g = 0; g < many.length; g++) {
      if (many[g] > 0) {
        kl += sum[g] / total * Math.log(sum[g] / many[g] / total);
      }
    }
    return kl;
  }

  /** The cumulative sums of a group of m slots of v, from c: c + v, ..., c + m v. */
  private double gini(double total) {
    double sums = 0;
    double before = 0;
    for (int g = 0; g < many.length; g++) {
      sums += many[g] * before + sum[g] * (many[g] + 1) / 2;
      before += sum[g];
    }
    return 1 - 2 * (sums / total / slots);
  }

  private long top(int percent, double total) {
    double wanted = percent * total / 100;
    double held = 0;
    long count = 0;
    for (int g = many.length - 1; g >= 0; g--) {
      if (held + sum[g] >= wanted) {
        double each = sum[g] / many[g];
        return count + (long) Math.ceil((wanted - held) / each * (1 - 1e-12));
      }
      held += sum[g];
      count += many[g];
    }
    return count;
  }

  private double[] lorenz(double total) {
    double[] points = new double[SlotSpread.LORENZ_POINTS];
    double before = 0;
    double slotsBefore = slots - Arrays.stream(many).sum();
    int point = 0;
    for (int g = 0; g < many.length; g++) {
      for (; point < points.length && at(point) <= slotsBefore + many[g]; point++) {
        double inside = Math.max(0, at(point) - slotsBefore);
        points[point] = many[g] == 0 ? before : before + sum[g] * inside / many[g];
        points[point] /= total;
      }
      before += sum[g];
      slotsBefore += many[g];
    }
    points[points.length - 1] = 1;
    return points;
  }

  private double at(int point) {
    return slots * point / (SlotSpread.LORENZ_POINTS - 1.0);
  }
}
