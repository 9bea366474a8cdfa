package io.github.dl4jmemory.zoo;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * Which tokens are separators: a set of token ids. A separator is a token whose text is one of the
 * characters {@code . , ? ! ; :}, space, tab and line feed, and no longer text: of {@code ...},
 * {@code ."} or an empty line, only what the tokenizer cuts into single characters.
 *
 * <p>The authors' lists, of a tokenizer's file:
 *
 * <table>
 * <caption>their lists</caption>
 * <tr><th>list</th><th>here</th></tr>
 * <tr><td>GPT-NeoX, training (9 ids)</td><td>{@code of(file)}</td></tr>
 * <tr><td>GPT-NeoX, streaming (20 ids)</td><td>{@code withSpaces(file)}</td></tr>
 * <tr><td>Llama 3, training-free (9 ids)</td><td>{@code of(file, ".,?!;: \n").and(128000)}</td></tr>
 * <tr><td>Llama 3, streaming (17 ids)</td><td>{@code withSpaces(file, ".,?!;: \n")}</td></tr>
 * </table>
 *
 * <p>Source: Chen et al. 2025, arXiv 2412.12094, section 4.1.
 */
public final class Separators {
  /** The nine characters. */
  public static final String CHARACTERS = ".,?!;: \t\n";

  private static final String OWNER = "Separators";

  private final TreeSet<Integer> ids;

  private Separators(TreeSet<Integer> ids) {
    this.ids = ids;
  }

  /**
   * A set of one's own.
   *
   * @param ids token ids, at least one
   * @return the set
   * @throws IllegalArgumentException when there are none, or one is negative
   */
  public static Separators of(int... ids) {
    Require.that(ids.length > 0, OWNER, "ids", "at least one id", "none", "name a separator");
    for (int id : ids) {
      Require.that(id >= 0, OWNER, "ids", "ids >= 0", id, "leave it away");
    }
    return new Separators(new TreeSet<>(IntStream.of(ids).boxed().toList()));
  }

  /**
   * The tokens of the nine {@link #CHARACTERS}.
   *
   * @param tokenizer a Hugging Face {@code tokenizer.json} of a BPE over bytes or of SentencePiece
   * @return the set
   * @throws IOException when the file cannot be read
   * @throws IllegalArgumentException when it is no such file, or a character has no token
   */
  public static Separators of(Path tokenizer) throws IOException {
    return of(tokenizer, CHARACTERS);
  }

  /**
   * The tokens of some characters.
   *
   * @param tokenizer a Hugging Face {@code tokenizer.json} of a BPE over bytes or of SentencePiece
   * @param characters the characters, each with a token of its own
   * @return the set
   * @throws IOException when the file cannot be read
   * @throws IllegalArgumentException when it is no such file, there is no character, or one has no
   *     token
   */
  public static Separators of(Path tokenizer, String characters) throws IOException {
    return new Separators(alone(TokenTexts.read(OWNER, tokenizer), characters));
  }

  /**
   * The tokens of the nine {@link #CHARACTERS}, and those of one of them with a space before it,
   * after it, or both; a tab counts only alone, as in the authors' list.
   *
   * @param tokenizer a Hugging Face {@code tokenizer.json} of a BPE over bytes or of SentencePiece
   * @return the set
   * @throws IOException when the file cannot be read
   * @throws IllegalArgumentException when it is no such file, or a character has no token
   */
  public static Separators withSpaces(Path tokenizer) throws IOException {
    return withSpaces(tokenizer, CHARACTERS);
  }

  /**
   * The tokens of some characters, and those of one of them with a space before it, after it, or
   * both; a tab counts only alone, as in the authors' list.
   *
   * @param tokenizer a Hugging Face {@code tokenizer.json} of a BPE over bytes or of SentencePiece
   * @param characters the characters, each with a token of its own
   * @return the set
   * @throws IOException when the file cannot be read
   * @throws IllegalArgumentException when it is no such file, there is no character, or one has no
   *     token
   */
  public static Separators withSpaces(Path tokenizer, String characters) throws IOException {
    Map<String, Integer> texts = TokenTexts.read(OWNER, tokenizer);
    TreeSet<Integer> ids = alone(texts, characters);
    for (String c : characters.replace("\t", "").split("")) {
      for (String text : new String[] {" " + c, c + " ", " " + c + " "}) {
        if (texts.containsKey(text)) {
          ids.add(texts.get(text));
        }
      }
    }
    return new Separators(ids);
  }

  private static TreeSet<Integer> alone(Map<String, Integer> texts, String characters) {
    Require.that(
        !characters.isEmpty(),
        OWNER,
        "characters",
        "at least one character",
        "none",
        "name one, or use Separators.CHARACTERS");
    TreeSet<Integer> ids = new TreeSet<>();
    for (String c : characters.split("")) {
      Require.that(
          texts.containsKey(c),
          OWNER,
          "characters",
          "characters that the vocabulary has a token for",
          String.format("U+%04X, which has none", (int) c.charAt(0)),
          "leave it out of the characters");
      ids.add(texts.get(c));
    }
    return ids;
  }

  /**
   * This set and more ids, such as that of the beginning of a text.
   *
   * @param more token ids
   * @return the larger set
   * @throws IllegalArgumentException when there are none, or one is negative
   */
  public Separators and(int... more) {
    TreeSet<Integer> all = new TreeSet<>(of(more).ids);
    all.addAll(ids);
    return new Separators(all);
  }

  /**
   * Whether a token is a separator.
   *
   * @param id its id
   * @return whether the set has it
   */
  public boolean contains(int id) {
    return ids.contains(id);
  }

  /**
   * The ids.
   *
   * @return a new array, ascending
   */
  public int[] ids() {
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Separators separators && ids.equals(separators.ids);
  }

  @Override
  public int hashCode() {
    return ids.hashCode();
  }

  @Override
  public String toString() {
    return "Separators" + Arrays.toString(ids());
  }
}
