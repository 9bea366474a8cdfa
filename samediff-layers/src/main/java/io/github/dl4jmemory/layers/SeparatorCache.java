package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.MemoryOps;
import java.util.Arrays;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Keys and values of one attention layer for a text without end: the cache stops growing. It holds
 * four blocks, in this order:
 *
 * <pre>
 * initial tokens (a) | separators (s) | past window | local window (w)          c tokens in all
 * </pre>
 *
 * <p>New tokens are appended to the local window, and what overflows there is the past window. When
 * there are c tokens, the separators of the past window move to the block of separators, its other
 * tokens are dropped, and so are the oldest separators beyond s. {@link CacheRule} says when
 * exactly; {@link CacheRule#STREAMING_LLM} keeps no separators.
 *
 * <p>Each row of a batch is kept as if it were alone: with its own separators, its own number of
 * tokens, and its own first tokens after left padding. Padding is never kept.
 *
 * <p>Usage: {@link #append} or {@link #prefill} takes a prompt, {@link #step} a token (or several,
 * one after the other) and gives its attention. Keys and values are [batch, time, keyValueHeads,
 * headSize], queries [batch, time, heads, headSize], kinds BYTE [batch, time]: 0 a token, 1 a
 * separator, 2 padding. Head h reads keys of head {@code h * keyValueHeads / heads}.
 *
 * <p>Cost of a step: the keys and values that are kept are read once ({@link
 * MemoryOps#decodeAttention}), and when tokens are dropped, those that stay behind them move once.
 * Memory: {@code 2 batch keyValueHeads (c + 1) headSize} numbers, allocated with the cache up to c
 * = 4095, and as the text grows beyond; a step allocates a few small objects, none of which grows
 * with the text.
 *
 * <p>Not safe for use by several threads.
 *
 * <p>Source: Chen et al., SepLLM, ICML 2025 (arXiv 2412.12094), section 3.3 and figure 4.
 */
public final class SeparatorCache {

  private static final String TITLE = "SeparatorCache";
  private static final String QUERY = "[batch, time, heads, headSize]";
  private static final String KEYS = "[batch, time, keyValueHeads, headSize]";

  private final SeparatorCacheSettings settings;
  private final DataType dataType;
  private final int batch;
  private final int heads;
  private final int keyValueHeads;
  private final int headSize;
  private final CachedTokens tokens;
  private final OriginalRotation<?> queryRotation;
  private final OriginalRotation<?> keyRotation;
  private final INDArray counts;
  private final INDArray query;
  private final INDArray result;
  private final OffHeapBytes queryBytes;
  private final OffHeapBytes resultBytes;
  private INDArray weights;
  private RotaryTable table;

  /**
   * An empty cache.
   *
   * @param settings what is kept
   * @param dataType of keys, values and queries: FLOAT or DOUBLE
   * @param batch rows, at least 1
   * @param heads heads of the queries
   * @param keyValueHeads heads of the keys and values, a divisor of heads
   * @param headSize features of a head, at least as many as turn
   * @throws IllegalArgumentException if one of these is not so
   */
  public SeparatorCache(
      SeparatorCacheSettings settings,
      DataType dataType,
      int batch,
      int heads,
      int keyValueHeads,
      int headSize) {
    requireSizes(settings, dataType, batch, heads, keyValueHeads, headSize);
    this.settings = settings;
    this.dataType = dataType;
    this.batch = batch;
    this.heads = heads;
    this.keyValueHeads = keyValueHeads;
    this.headSize = headSize;
    tokens = new CachedTokens(settings, dataType, batch, keyValueHeads, headSize);
    boolean original = settings.rotary() > 0 && settings.positions() == KeyPositions.ORIGINAL;
    queryRotation = original ? rotation() : null;
    keyRotation = original ? rotation() : null;
    counts = Nd4j.createUninitializedDetached(DataType.INT64, batch);
    query = Nd4j.createUninitializedDetached(dataType, batch, heads, headSize);
    result = Nd4j.createUninitializedDetached(dataType, batch, heads, headSize);
    queryBytes = new OffHeapBytes(query);
    resultBytes = new OffHeapBytes(result);
  }

  private OriginalRotation<?> rotation() {
    return new OriginalRotation<>(Reals.of(dataType), settings.theta(), settings.rotary());
  }

  private static void requireSizes(
      SeparatorCacheSettings settings,
      DataType dataType,
      int batch,
      int heads,
      int keyValueHeads,
      int headSize) {
    Require.that(
        settings != null,
        TITLE,
        "settings",
        "settings",
        null,
        "use SeparatorCacheSettings.builder().build()");
    Require.that(
        dataType == DataType.FLOAT || dataType == DataType.DOUBLE,
        TITLE,
        "dataType",
        "FLOAT or DOUBLE",
        dataType,
        "use DataType.FLOAT");
    Require.positive(batch, TITLE, "batch", "use the number of texts");
    Require.positive(heads, TITLE, "heads", "use those of the layer");
    Require.positive(headSize, TITLE, "headSize", "use that of the layer");
    Require.that(
        keyValueHeads > 0 && heads % keyValueHeads == 0,
        TITLE,
        "keyValueHeads",
        "a divisor of heads " + heads,
        keyValueHeads,
        "use those of the layer");
    Require.that(
        settings.rotary() <= headSize,
        TITLE,
        "rotary",
        "at most the " + headSize + " features of a head",
        settings.rotary(),
        "use headSize, or a part of it");
  }

  // ------------------------------------------------------------------------------------- tokens

  /**
   * Takes tokens one after the other, each of which attends to what is kept, itself included.
   *
   * @param query [batch, time, heads, headSize]
   * @param keys [batch, time, keyValueHeads, headSize]
   * @param values shape of keys
   * @param kinds BYTE [batch, time]
   * @param out shape of query: assigned what each token gets; zeros for padding
   * @throws IllegalArgumentException if a shape, dtype or kind is not as stated; nothing is changed
   *     then
   */
  public void step(INDArray query, INDArray keys, INDArray values, INDArray kinds, INDArray out) {
    NewTokens given = given(keys, values, kinds);
    requireRows("query", query, QUERY, given.time(), heads);
    requireRows("out", out, QUERY, given.time(), heads);
    OffHeapBytes queries = new OffHeapBytes(positioned(query, queryRotation, given));
    OffHeapBytes newKeys = new OffHeapBytes(positioned(keys, keyRotation, given));
    OffHeapBytes newValues = new OffHeapBytes(Matrices.contiguous(values));
    INDArray dense = Matrices.contiguous(out);
    OffHeapBytes outs = new OffHeapBytes(dense);
    for (int t = 0; t < given.time(); t++) {
      tokens.append(given, t, newKeys, newValues);
      attend(given, t, queries, outs);
      tokens.finishStep();
    }
    tokens.shrink();
    if (dense != out) {
      out.assign(dense);
    }
  }

  /**
   * Takes tokens as {@link #step} does, without their attention: what is kept afterwards is the
   * same. For a prompt whose own attention was formed at once ({@link
   * MemoryOps#separatorAttention}), in memory that does not grow with it.
   *
   * @param keys [batch, time, keyValueHeads, headSize]; not turned, if the settings have rotary
   * @param values shape of keys
   * @param kinds BYTE [batch, time]
   * @throws IllegalArgumentException if a shape, dtype or kind is not as stated; nothing is changed
   *     then
   */
  public void append(INDArray keys, INDArray values, INDArray kinds) {
    NewTokens given = given(keys, values, kinds);
    OffHeapBytes newKeys = new OffHeapBytes(positioned(keys, keyRotation, given));
    OffHeapBytes newValues = new OffHeapBytes(Matrices.contiguous(values));
    for (int t = 0; t < given.time(); t++) {
      tokens.append(given, t, newKeys, newValues);
      tokens.finishStep();
    }
    tokens.shrink();
  }

  /**
   * Takes a prompt and keeps all of it until the next {@link #step}, as the authors' SepCache does:
   * that step drops at once what is too much, before its token attends ({@link CacheRule#CACHE}) or
   * after it. Memory grows to the length of the prompt meanwhile.
   *
   * @param keys [batch, time, keyValueHeads, headSize]; not turned, if the settings have rotary
   * @param values shape of keys
   * @param kinds BYTE [batch, time]
   * @throws IllegalArgumentException if a shape, dtype or kind is not as stated; nothing is changed
   *     then
   */
  public void prefill(INDArray keys, INDArray values, INDArray kinds) {
    NewTokens given = given(keys, values, kinds);
    OffHeapBytes newKeys = new OffHeapBytes(positioned(keys, keyRotation, given));
    tokens.addAll(given, newKeys, new OffHeapBytes(Matrices.contiguous(values)));
  }

  private void attend(NewTokens given, int t, OffHeapBytes queries, OffHeapBytes outs) {
    fitToMemory();
    long width = (long) heads * headSize;
    for (int row = 0; row < batch; row++) {
      counts.putScalar(row, given.isPadding(row, t) ? 0 : count(row));
      queryBytes.copy(queries, ((long) row * given.time() + t) * width, row * width, width);
    }
    INDArray keys = tokens.memory().keys();
    INDArray values = tokens.memory().values();
    if (table == null) {
      MemoryOps.decodeAttention(query, keys, values, counts, weights, result);
    } else {
      MemoryOps.decodeAttention(
          query, keys, values, counts, table.cosines(), table.sines(), weights, result);
    }
    for (int row = 0; row < batch; row++) {
      outs.copy(resultBytes, row * width, ((long) row * given.time() + t) * width, width);
    }
  }

  /** Arrays of as many places as the memory has; it seldom has others than before. */
  private void fitToMemory() {
    int places = tokens.memory().capacity();
    if (weights != null && weights.size(2) == places) {
      return;
    }
    weights = Nd4j.createUninitializedDetached(dataType, batch, heads, places);
    if (settings.rotary() > 0 && settings.positions() == KeyPositions.IN_CACHE) {
      table = RotaryTable.of(dataType, settings.theta(), settings.rotary(), places);
    }
  }

  // ------------------------------------------------------------------------------------- checks

  private NewTokens given(INDArray keys, INDArray values, INDArray kinds) {
    NewTokens given = NewTokens.read(TITLE, kinds, batch);
    requireRows("keys", keys, KEYS, given.time(), keyValueHeads);
    requireRows("values", values, KEYS, given.time(), keyValueHeads);
    return given;
  }

  private void requireRows(String parameter, INDArray array, String axes, int time, int parts) {
    long[] shape = {batch, time, parts, headSize};
    Require.that(
        array != null && array.dataType() == dataType && Arrays.equals(array.shape(), shape),
        TITLE,
        parameter,
        axes + " " + dataType + " of shape " + Arrays.toString(shape),
        Require.describe(array),
        "pass the tokens of as many texts as the cache was made for");
  }

  private INDArray positioned(INDArray array, OriginalRotation<?> rotation, NewTokens given) {
    return rotation == null
        ? Matrices.contiguous(array)
        : rotation.turned(array, given.positions(tokens.rows()));
  }

  // -------------------------------------------------------------------------------------- state

  /** Forgets all tokens. */
  public void clear() {
    tokens.clear();
  }

  /**
   * Copies of the state, from which {@link #restore} goes on with the same bits:
   *
   * <ul>
   *   <li>{@code keys}, {@code values} [batch, keyValueHeads, kept, headSize], where kept is the
   *       longest row's, at least 1
   *   <li>{@code positions} LONG [batch, kept]: the place in the text of each token, padding not
   *       counted; -1 behind a row's last
   *   <li>{@code separators} BYTE [batch, kept]: 1 for a separator
   *   <li>{@code rows} LONG [batch, 4]: tokens kept, separators in their block, by how much s and c
   *       have grown, tokens seen
   *   <li>{@code sizes} LONG [5]: a, s, w, c and the number of the rule
   * </ul>
   *
   * @return new arrays
   */
  public Map<String, INDArray> state() {
    return SeparatorCacheState.export(settings, tokens);
  }

  /**
   * Goes on from a state, in place of what is kept here.
   *
   * @param state what {@link #state} returned, of a cache of the same sizes, rule, batch and heads
   * @throws IllegalArgumentException if it is of another; nothing is changed then
   */
  public void restore(Map<String, INDArray> state) {
    tokens.restore(
        SeparatorCacheState.read(TITLE, state, settings, dataType, batch, keyValueHeads, headSize));
  }

  /**
   * The settings.
   *
   * @return what the cache was made with
   */
  public SeparatorCacheSettings settings() {
    return settings;
  }

  int batch() {
    return batch;
  }

  /**
   * Tokens kept of a row.
   *
   * @param row row of the batch
   * @return their number
   */
  public int count(int row) {
    return tokens.rows()[row].count();
  }

  /**
   * Separators in the block of separators of a row; those in the windows are not counted.
   *
   * @param row row of the batch
   * @return their number
   */
  public int separatorCount(int row) {
    return tokens.rows()[row].separators();
  }

  /**
   * Tokens that a row was given, padding not counted.
   *
   * @param row row of the batch
   * @return their number
   */
  public long seen(int row) {
    return tokens.rows()[row].seen();
  }

  /**
   * Which tokens of a row are kept.
   *
   * @param row row of the batch
   * @return their places in the text, padding not counted, in the order of the cache
   */
  public long[] positions(int row) {
    return tokens.rows()[row].positions();
  }

  /**
   * Size of the memory for keys and values, whether or not all of it is in use.
   *
   * @return bytes
   */
  public long bytes() {
    return tokens.memory().bytes();
  }
}
