package io.github.dl4jmemory.zoo;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Pairs of a key and a value hidden in filler, and asked for at the end:
 *
 * <pre>
 * filler filler . filler k2 v2 . filler filler filler . k1 v1 . filler …  ? k1 v1 ? k2 v2
 * </pre>
 *
 * <p>Keys, values and filler have ids of their own, all random; only the values that are asked for
 * count. Sentences of filler have 3 to 12 tokens.
 *
 * @param context inputs of a row
 * @param pairs of a row, each with another key
 */
record NeedleTask(int context, int pairs, long seed) {
  static final int IN_NO_TEXT = 0;
  static final int SEPARATOR = 1;
  private static final int QUESTION = 2;
  private static final int KEYS = 16;
  private static final int FIRST_KEY = QUESTION + 1;
  private static final int VALUES = 16;
  private static final int FIRST_VALUE = FIRST_KEY + KEYS;
  private static final int FILLERS = 32;
  private static final int FIRST_FILLER = FIRST_VALUE + VALUES;
  static final int VOCABULARY = FIRST_FILLER + FILLERS;
  private static final int HIDDEN = 3; // key, value, separator
  private static final int ASKED = 3; // question, key, value

  /**
   * A row.
   *
   * @param ids context + 1 of them
   * @param distances of each question's key from the one that was hidden, in the order asked
   */
  record Row(int[] ids, int[] distances) {}

  NeedleTask {
    Require.that(
        pairs >= 1 && pairs <= KEYS,
        NeedleComparison.OWNER,
        "--pairs",
        "1 to " + KEYS,
        pairs,
        "use 4");
    Require.that(
        places(context, pairs) >= pairs,
        NeedleComparison.OWNER,
        "--context",
        "room for " + pairs + " pairs",
        context,
        "use 128");
  }

  private static int body(int context, int pairs) {
    return context + 1 - ASKED * pairs;
  }

  /** Where pairs may be hidden, one token apart at least. */
  private static int places(int context, int pairs) {
    return body(context, pairs) / (HIDDEN + 1);
  }

  /** The rows of this number; the same ones at every call. */
  List<Row> rows(long number, int count) {
    Random random = new Random(seed * 1_000_003 + number);
    return IntStream.range(0, count).mapToObj(i -> row(random)).toList();
  }

  private Row row(Random random) {
    int[] ids = new int[context + 1];
    int body = body(context, pairs);
    int end = 0; // of the sentence
    for (int place = 0; place < body; place++) {
      if (place == end) {
        end = place + 4 + random.nextInt(10);
      }
      ids[place] = place + 1 == end ? SEPARATOR : FIRST_FILLER + random.nextInt(FILLERS);
    }
    List<Integer> places = shuffled(places(context, pairs), random);
    List<Integer> keys = shuffled(KEYS, random);
    int[] distances = new int[pairs];
    for (int pair = 0; pair < pairs; pair++) {
      int hidden = places.get(pair) * (HIDDEN + 1);
      int asked = body + pair * ASKED;
      ids[asked] = QUESTION;
      ids[hidden] = ids[asked + 1] = FIRST_KEY + keys.get(pair);
      ids[hidden + 1] = ids[asked + 2] = FIRST_VALUE + random.nextInt(VALUES);
      ids[hidden + 2] = SEPARATOR;
      distances[pair] = asked + 1 - hidden;
    }
    return new Row(ids, distances);
  }

  private static List<Integer> shuffled(int count, Random random) {
    List<Integer> all = new ArrayList<>(IntStream.range(0, count).boxed().toList());
    Collections.shuffle(all, random);
    return all;
  }

  /** Where a question's key is; the answer follows it. */
  int asked(int question) {
    return body(context, pairs) + question * ASKED + 1;
  }

  /** Ids and the ids that follow, of which the answers count. */
  MultiDataSet batch(List<Row> rows) {
    MultiDataSet batch = TrainingData.batch(rows.stream().map(Row::ids).toList(), context);
    INDArray mask = Nd4j.zeros(rows.size(), context);
    for (int row = 0; row < rows.size(); row++) {
      for (int question = 0; question < pairs; question++) {
        mask.putScalar(row, asked(question), 1);
      }
    }
    return new MultiDataSet(batch.getFeatures(), batch.getLabels(), null, new INDArray[] {mask});
  }
}
