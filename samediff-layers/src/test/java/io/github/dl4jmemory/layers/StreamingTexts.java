package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.testkit.Elements;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Texts of random keys, values and queries for a {@link SeparatorCache}. A character is a token:
 * {@code . , \n} are separators, {@code _} is padding.
 */
final class StreamingTexts {

  final INDArray queries;
  final INDArray keys;
  final INDArray values;
  final INDArray kinds;
  final int time;

  StreamingTexts(
      Random random, DataType type, int heads, int groups, int headSize, String... texts) {
    int batch = texts.length;
    time = texts[0].length();
    queries = Elements.uniform(random, type, batch, time, heads, headSize).muli(3);
    keys = Elements.uniform(random, type, batch, time, groups, headSize);
    values = Elements.uniform(random, type, batch, time, groups, headSize);
    kinds = kinds(texts);
  }

  static INDArray kinds(String... texts) {
    INDArray kinds = Nd4j.create(DataType.INT8, texts.length, texts[0].length());
    for (int row = 0; row < texts.length; row++) {
      for (int t = 0; t < texts[row].length(); t++) {
        char c = texts[row].charAt(t);
        kinds.putScalar(row, t, c == '_' ? 2 : ".,\n".indexOf(c) >= 0 ? 1 : 0);
      }
    }
    return kinds;
  }

  /** So many tokens, of which about so many in a hundred are separators. */
  static String random(Random random, int time, int separatorPercent) {
    StringBuilder text = new StringBuilder();
    for (int t = 0; t < time; t++) {
      text.append(random.nextInt(100) < separatorPercent ? '.' : 'x');
    }
    return text.toString();
  }

  /** Tokens [from, to) of an array [batch, time, ...], dense. */
  static INDArray part(INDArray array, int from, int to) {
    INDArray[] steps = new INDArray[to - from];
    Arrays.setAll(steps, i -> array.slice(from + i, 1));
    return Nd4j.stack(1, steps);
  }

  /** Steps tokens [from, to) at once; returns their outputs. */
  INDArray step(SeparatorCache cache, int from, int to) {
    INDArray query = part(queries, from, to);
    INDArray out = query.ulike();
    cache.step(query, part(keys, from, to), part(values, from, to), part(kinds, from, to), out);
    return out;
  }

  void append(SeparatorCache cache, int from, int to) {
    cache.append(part(keys, from, to), part(values, from, to), part(kinds, from, to));
  }

  void prefill(SeparatorCache cache, int from, int to) {
    cache.prefill(part(keys, from, to), part(values, from, to), part(kinds, from, to));
  }

  /** Row of an array [batch, time, heads, headSize]. */
  static double[] row(INDArray array, int row, int t, int head) {
    double[] numbers = new double[(int) array.size(3)];
    Arrays.setAll(numbers, i -> array.getDouble(row, t, head, i));
    return numbers;
  }

  static List<Long> kept(SeparatorCache cache, int row) {
    return Arrays.stream(cache.positions(row)).boxed().toList();
  }
}
