package io.github.dl4jmemory.zoo;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * An endless order of items: every round has each of them once, in an order that follows from the
 * seed and the number of the round. Keeps the round it gave last: for one user at a time.
 */
final class ShuffledRounds {
  private final int items;
  private final long seed;
  private List<Integer> order; // of the round below
  private long round = -1;

  ShuffledRounds(int items, long seed) {
    this.items = items;
    this.seed = seed;
  }

  /** Number of the round that a place of the endless order lies in. */
  long round(long place) {
    return place / items;
  }

  /** The item at a place of the endless order. */
  int item(long place) {
    if (round != round(place)) {
      round = round(place);
      order = new ArrayList<>(IntStream.range(0, items).boxed().toList());
      Collections.shuffle(order, new Random(seed + 31 * round));
    }
    return order.get((int) (place % items));
  }
}
