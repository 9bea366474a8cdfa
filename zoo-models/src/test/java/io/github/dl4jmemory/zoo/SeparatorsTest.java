package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

class SeparatorsTest {
  private static final String NO_TAB = ".,?!;: \n";

  @TempDir Path folder;

  /** A vocabulary of a BPE over bytes, with the 256 bytes where GPT-2 and Llama 3 have them. */
  private static ObjectNode byteLevel() {
    ObjectNode root = new ObjectMapper().createObjectNode();
    ObjectNode vocabulary = root.putObject("model").put("type", "BPE").putObject("vocab");
    int[] bytes =
        IntStream.concat(
                IntStream.range(0, 256).filter(SeparatorsTest::isPrintable),
                IntStream.range(0, 256).filter(b -> !isPrintable(b)))
            .toArray();
    for (int id = 0; id < bytes.length; id++) {
      vocabulary.put(Character.toString(ByteAlphabet.character((byte) bytes[id])), id);
    }
    return root;
  }

  private static boolean isPrintable(int b) {
    return b >= 33 && b <= 126 || b >= 161 && b <= 172 || b >= 174;
  }

  private static void put(ObjectNode root, String text, int id) {
    ((ObjectNode) root.at("/model/vocab"))
        .put(ByteAlphabet.text(text.getBytes(StandardCharsets.UTF_8)), id);
  }

  private Path file(Object content) throws IOException {
    return Files.writeString(folder.resolve("tokenizer.json"), content.toString());
  }

  @Test
  void nineCharactersOfGpt2() throws IOException {
    assertEquals(
        Separators.of(13, 11, 30, 0, 26, 25, 220, 197, 198), Separators.of(file(byteLevel())));
  }

  /** The authors' lists for Llama 3, whose vocabulary has more tokens of such characters. */
  @Test
  void listsOfLlama3() throws IOException {
    ObjectNode root = byteLevel();
    String[] spaced = {" .", " ,", " ?", " !", " ;", " :", " \n", "  ", "   "};
    int[] ids = {662, 1174, 949, 758, 2652, 551, 720, 256, 262};
    for (int i = 0; i < ids.length; i++) {
      put(root, spaced[i], ids[i]);
    }
    put(root, "\n\n", 271);
    put(root, "...", 1131);
    put(root, "    ", 257);
    put(root, " \t", 16244);
    root.putArray("added_tokens").addObject().put("id", 128000).put("content", "<|begin_of_text|>");
    Path file = file(root);
    assertEquals(
        Separators.of(13, 11, 30, 0, 26, 25, 198, 220, 128000),
        Separators.of(file, NO_TAB).and(128000));
    Separators streaming =
        Separators.of(
            13, 11, 30, 0, 26, 25, 198, 220, 662, 1174, 949, 758, 2652, 551, 720, 256, 262);
    assertEquals(streaming, Separators.withSpaces(file, NO_TAB));
    assertEquals(streaming.and(128000, 197), Separators.withSpaces(file).and(128000));
  }

  /** Pieces with a marked space, and bytes to fall back on where there is no piece. */
  @Test
  void sentencePiece() throws IOException {
    ObjectNode root = new ObjectMapper().createObjectNode();
    ObjectNode vocabulary = root.putObject("model").put("type", "BPE").putObject("vocab");
    IntStream.range(0, 256).forEach(b -> vocabulary.put(String.format("<0x%02X>", b), 3 + b));
    vocabulary.put("\u2581", 29871).put(".", 29889).put(",", 29892).put("?", 29973);
    vocabulary.put("!", 29991).put(";", 29936).put(":", 29901).put("\u2581.", 869);
    vocabulary.put("\u2581\u2581", 259).put("ab", 370);
    Path file = file(root);
    assertEquals(
        Separators.of(29889, 29892, 29973, 29991, 29936, 29901, 29871, 12, 13),
        Separators.of(file));
    assertEquals(Separators.of(file).and(869, 259), Separators.withSpaces(file));
  }

  /** Where an added token has the text of another, a text becomes the added one. */
  @Test
  void addedTokensGoFirst() throws IOException {
    ObjectNode root = byteLevel();
    put(root, "  ", 245);
    root.putArray("added_tokens").addObject().put("id", 50276).put("content", "  ");
    Separators separators = Separators.withSpaces(file(root));
    assertTrue(separators.contains(50276));
    assertFalse(separators.contains(245));
  }

  @Test
  void refuses() throws IOException {
    assertMessage(
        "[Separators] ids: expected at least one id, got none. Fix: name a separator.",
        () -> Separators.of());
    assertMessage(
        "[Separators] ids: expected ids >= 0, got -1. Fix: leave it away.",
        () -> Separators.of(3, -1));
    Path file = file(byteLevel());
    assertMessage(
        "[Separators] characters: expected at least one character, got none. Fix: name one, or use"
            + " Separators.CHARACTERS.",
        () -> Separators.of(file, ""));
    assertMessage(
        "[Separators] characters: expected characters that the vocabulary has a token for, got"
            + " U+3002, which has none. Fix: leave it out of the characters.",
        () -> Separators.withSpaces(file, ".\u3002"));
    Path unigram =
        Files.writeString(folder.resolve("b.json"), "{\"model\": {\"type\": \"Unigram\"}}");
    assertMessage(
        "[Separators] "
            + unigram
            + ": expected a tokenizer.json of a BPE over bytes or of SentencePiece, whose vocabulary"
            + " has a space, got model type \"Unigram\". Fix: give such a tokenizer, or the ids"
            + " themselves.",
        () -> Separators.of(unigram));
    Path truncated = Files.writeString(folder.resolve("a.json"), "{\"model\": {");
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> Separators.of(truncated))
            .getMessage()
            .startsWith("[Separators] " + truncated + ": expected JSON, got "));
  }

  private static void assertMessage(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  @Tag("data")
  void listsOfGptNeoX() throws IOException {
    Path file = SharedData.file("pythia-gptneox-20B_tokenizer.json");
    int[] training = {15, 13, 32, 2, 28, 27, 209, 186, 187};
    int[] streaming = {964, 1157, 3736, 2195, 3706, 1163, 2490, 50276, 586, 4928, 50275};
    assertEquals(Separators.of(training), Separators.of(file));
    assertEquals(Separators.of(training).and(streaming), Separators.withSpaces(file));
  }
}
