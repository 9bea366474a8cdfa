package io.github.dl4jmemory.zoo;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The user's own texts, cut into rows of equal length. The last tenth of every text is held out.
 * Rows of a round are in random order.
 */
final class TextData implements TrainingData {
  private static final String OWNER = "main job";

  private final List<int[]> training;
  private final List<int[]> heldOut;
  private final long heldOutBytes;
  private final int context;
  private final int batch;
  private final long seed;

  TextData(List<String> texts, ByteLevelBpe tokens, int context, int batch, long seed) {
    this.context = context;
    this.batch = batch;
    this.seed = seed;
    training = new ArrayList<>();
    heldOut = new ArrayList<>();
    for (String text : texts) {
      int cut = trainingEnd(text);
      training.addAll(rows(tokens, text.substring(0, cut)));
      heldOut.addAll(rows(tokens, text.substring(cut)));
    }
    Require.that(
        !training.isEmpty() && !heldOut.isEmpty(),
        OWNER,
        "--text",
        "texts of at least " + 20 * (context + 1) + " tokens",
        training.size() * context + " tokens for training",
        "give a longer text, or a smaller --context");
    heldOutBytes =
        heldOut.stream()
            .mapToLong(r -> tokens.decodeBytes(Arrays.copyOfRange(r, 1, r.length)).length)
            .sum();
  }

  /** Where the held-out tenth of a text begins: after a line, where there is one. */
  static int trainingEnd(String text) {
    int cut = text.length() / 10 * 9;
    int line = text.indexOf('\n', cut);
    return line < 0 || line > text.length() / 20 * 19 ? cut : line + 1;
  }

  /** The training part of texts, for the tokenizer. */
  static List<String> trainingPart(List<String> texts) {
    return texts.stream().map(text -> text.substring(0, trainingEnd(text))).toList();
  }

  static List<String> read(List<Path> files) throws IOException {
    List<String> texts = new ArrayList<>();
    for (Path file : files) {
      Require.that(
          Files.isReadable(file) && !Files.isDirectory(file),
          OWNER,
          "--text",
          "files that can be read",
          file,
          "check the path");
      try {
        texts.add(Files.readString(file, StandardCharsets.UTF_8));
      } catch (CharacterCodingException e) {
        throw new IllegalArgumentException(
            Require.message(OWNER, file.toString(), "UTF-8 text", "other bytes", "convert it"), e);
      }
    }
    return texts;
  }

  private List<int[]> rows(ByteLevelBpe tokens, String text) {
    int[] ids = encode(tokens, text);
    List<int[]> rows = new ArrayList<>();
    for (int from = 0; from + context < ids.length; from += context) {
      rows.add(Arrays.copyOfRange(ids, from, from + context + 1));
    }
    return rows;
  }

  /** In pieces that end at a line, so that memory does not grow with the text. */
  static int[] encode(ByteLevelBpe tokens, String text) {
    IntStream.Builder ids = IntStream.builder();
    for (int from = 0; from < text.length(); ) {
      int line = text.indexOf('\n', Math.min(text.length() - 1, from + (1 << 16)));
      int to = line < 0 ? text.length() : line + 1;
      for (int id : tokens.encode(text.substring(from, to))) {
        ids.add(id);
      }
      from = to;
    }
    return ids.build().toArray();
  }

  /** All rows that are trained on. */
  List<int[]> training() {
    return Collections.unmodifiableList(training);
  }

  /** Bytes that the predicted tokens of the held-out rows stand for. */
  long heldOutBytes() {
    return heldOutBytes;
  }

  /** Tokens in one round through the training part. */
  long tokensInRound() {
    return (long) training.size() * context;
  }

  @Override
  public Batches batches() {
    ShuffledRounds rounds = new ShuffledRounds(training.size(), seed);
    return step -> {
      List<int[]> rows = new ArrayList<>();
      for (long i = step * batch; i < (step + 1) * batch; i++) {
        rows.add(training.get(rounds.item(i)));
      }
      return rows;
    };
  }

  @Override
  public List<int[]> heldOut() {
    return heldOut;
  }

  @Override
  public int context() {
    return context;
  }
}
