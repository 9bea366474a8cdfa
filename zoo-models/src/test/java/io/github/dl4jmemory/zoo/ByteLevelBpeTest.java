package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ByteLevelBpeTest {
  private static final List<String> TEXTS =
      List.of(
          "low low low low low lower lower newest newest newest newest newest newest", "new low");

  @Test
  void learnsTheMostFrequentPairFirst() {
    // "lo", "ow" and "we" occur 8 times each; of equals the smaller byte goes first.
    BpeTrainer.Merges trained = BpeTrainer.train(TEXTS, 259, "<s>");
    assertEquals(List.of("l o", "w e"), trained.merges());
    assertEquals("<s>", trained.vocabulary().get(0));
    assertEquals("we", trained.vocabulary().get(258));
  }

  @Test
  void isTheSameForTheSameText() {
    BpeTrainer.Merges one = BpeTrainer.train(TEXTS, 300, "<s>");
    assertEquals(one, BpeTrainer.train(new ArrayList<>(TEXTS), 300, "<s>"));
    assertTrue(one.vocabulary().size() < 300, "stops when no pair occurs twice");
  }

  @Test
  void frequentWordsBecomeOneToken() {
    try (ByteLevelBpe bpe = ByteLevelBpe.train(TEXTS, 300)) {
      assertEquals(1, bpe.encode(" newest").length);
      assertEquals(" newest", bpe.decode(bpe.encode(" newest")));
      assertEquals(0, bpe.endOfText().orElseThrow());
    }
  }

  @Test
  void everyByteSequenceComesBack() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    try (ByteLevelBpe bpe = ByteLevelBpe.train(TEXTS, 280)) {
      for (int length : new int[] {0, 1, 2, 3, 5, 7, 31, 257, 1021}) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        assertArrayEquals(bytes, bpe.decodeBytes(bpe.encode(bytes)), "seed " + seed);
      }
      byte[] every = new byte[256];
      IntStream.range(0, 256).forEach(b -> every[b] = (byte) b);
      assertArrayEquals(every, bpe.decodeBytes(bpe.encode(every)));
      String text = "naïve 日本語 😀 \u0000\r\n\t <|endoftext|>  é e\u0301";
      assertEquals(text, bpe.decode(bpe.encode(text)));
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      assertArrayEquals(bpe.encode(text), bpe.encode(utf8));
      byte[] cut = java.util.Arrays.copyOf(utf8, utf8.length - 1);
      assertArrayEquals(cut, bpe.decodeBytes(bpe.encode(cut)));
    }
  }

  @Test
  void savedAndLoadedEncodesTheSame(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("sub/tokenizer.json");
    try (ByteLevelBpe bpe = ByteLevelBpe.train(TEXTS, 290)) {
      bpe.save(file);
      try (ByteLevelBpe again = ByteLevelBpe.load(file)) {
        String text = "the lowest of the newer lowlands";
        assertArrayEquals(bpe.encode(text), again.encode(text));
        assertEquals(bpe.vocabularySize(), again.vocabularySize());
      }
    }
    try (var files = Files.list(file.getParent())) {
      assertEquals(List.of(file), files.toList(), "no partial file is left");
    }
  }

  @Test
  void refusesWhatItCannotUse(@TempDir Path folder) throws IOException {
    assertMessage(
        "[ByteLevelBpe] vocabulary: expected at least 257 (256 bytes and <|endoftext|>), got 256."
            + " Fix: choose a larger vocabulary.",
        () -> ByteLevelBpe.train(TEXTS, 256));
    try (ByteLevelBpe bpe = ByteLevelBpe.train(TEXTS, 257)) {
      assertMessage(
          "[ByteLevelBpe] token id: expected 0 to 256, got 257. Fix: use the tokenizer that the model"
              + " was trained with.",
          () -> bpe.decode(257));
      assertThrows(IllegalArgumentException.class, () -> bpe.decode(-1));
    }
    Path truncated = Files.writeString(folder.resolve("a.json"), "{\"model\": {");
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> ByteLevelBpe.load(truncated))
            .getMessage()
            .startsWith("[ByteLevelBpe] " + truncated + ": expected JSON, got "));
    Path unigram =
        Files.writeString(folder.resolve("b.json"), "{\"model\": {\"type\": \"Unigram\"}}");
    assertMessage(
        "[ByteLevelBpe] "
            + unigram
            + ": expected a tokenizer.json with model.vocab and model.merges (a BPE), got model type"
            + " \"Unigram\". Fix: give the tokenizer.json of a byte-level BPE, such as GPT-2's or"
            + " Pythia's.",
        () -> ByteLevelBpe.load(unigram));
    Path few =
        Files.writeString(
            folder.resolve("c.json"),
            "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}}");
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> ByteLevelBpe.load(few))
            .getMessage()
            .contains(
                "expected one token for each of the 243 bytes of UTF-8, got 242 without a token"));
  }

  @Test
  @Tag("data")
  void loadsThePythiaTokenizer() throws IOException {
    try (ByteLevelBpe bpe =
        ByteLevelBpe.load(SharedData.file("pythia-gptneox-20B_tokenizer.json"))) {
      assertEquals(50277, bpe.vocabularySize());
      assertArrayEquals(new int[] {12092, 1533, 13}, bpe.encode("Hello world,"));
      assertEquals("Hello world,", bpe.decode(12092, 1533, 13));
      String text = Files.readString(SharedData.file("wikitext2-valid.txt")).substring(0, 20_000);
      assertEquals(text, bpe.decode(bpe.encode(text)));
      byte[] decomposed = "e\u0301 stays two characters".getBytes(StandardCharsets.UTF_8);
      assertArrayEquals(decomposed, bpe.decodeBytes(bpe.encode(decomposed)));
      byte[] invalid = {'a', (byte) 0x80, (byte) 0xE2, 'b', (byte) 0xF4};
      assertArrayEquals(invalid, bpe.decodeBytes(bpe.encode(invalid)));
      assertMessage(
          "[ByteLevelBpe] bytes: expected bytes that the vocabulary has a token for, got 0xFF. Fix:"
              + " give UTF-8 text, or a vocabulary trained here, which has all 256 bytes.",
          () -> bpe.encode(new byte[] {'a', (byte) 0xFF}));
    }
  }

  private static void assertMessage(
      String message, org.junit.jupiter.api.function.Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }
}
